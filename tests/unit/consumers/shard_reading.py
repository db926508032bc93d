"""A reader at work on a shard, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint, Claim
from headwater.consumers.consumer import Consumer
from headwater.consumers.delivery import (
    Selection,
)
from headwater.consumers.observer import (
    Happening,
    Observer,
    Observers,
)
from headwater.consumers.reader import End, ShardReader
from headwater.storage import delivery_keys
from headwater.storage.keyspace import ShardId
from headwater.tables.schema import Table
from tests.destinations import ListDestination, settings
from tests.logged_store import LoggedStore, open_shards


@dataclass
class Reading:
    """A reader at work on a table's only shard."""

    store: LoggedStore
    table: Table
    shard_id: ShardId
    destination: ListDestination
    reader: ShardReader
    task: asyncio.Task[End]

    async def checkpoint(self) -> Checkpoint:
        return await stored_checkpoint(self.store, self.table, self.shard_id)


async def stored_checkpoint(store: LoggedStore, table: Table, shard_id: ShardId) -> Checkpoint:
    key = delivery_keys.checkpoint("c", table.table_id, shard_id)
    (stored,) = await store.engine.get([key])
    assert stored is not None
    return checkpoints.decode(stored)


@dataclass
class Notes:
    """An observer that keeps what it is told."""

    happenings: list[Happening] = field(default_factory=list)

    def note(self, happening: Happening) -> None:
        self.happenings.append(happening)


@asynccontextmanager
async def reading(
    store: LoggedStore,
    table: Table,
    destination: ListDestination,
    selection: Selection | None = None,
    observer: Observer | None = None,
    **changes: Any,
) -> AsyncIterator[Reading]:
    stream = await store.stream(table)
    consumer = Consumer(
        "c", stream, settings(**changes), destination, selection, observer or Observers()
    )
    (shard_id,) = open_shards(table)
    shard = await store.shard(table, shard_id)
    now = store.clock.now()
    claim = Claim("me", now, now + 15, lambda _: False)
    key = delivery_keys.checkpoint("c", table.table_id, shard_id)
    lease, start = await store.committer.submit(checkpoints.take(key, shard.first, claim))
    reader = ShardReader(store.services, consumer, shard_id, lease, start)
    task = asyncio.create_task(reader.run())
    try:
        yield Reading(store, table, shard_id, destination, reader, task)
    finally:
        task.cancel()
        await asyncio.wait([task])
