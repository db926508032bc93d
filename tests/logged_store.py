"""A store in memory with logged tables, for tests of what reads the log.

Changes are appended in commit groups as the write path does, without items or expressions, so that
a test of readers fails for readers' faults only. Everything runs on one loop and a clock that
stands still until told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from headwater.clock import ManualClock, SeededChance
from headwater.consumers.consumer import Services
from headwater.consumers.watch import HeadWatch
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.storage.memory import MemoryEngine
from headwater.streams import log
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.shard import Opening, Shard
from headwater.streams.window import Stream, ViewType
from headwater.tables import partitions, schema
from headwater.tables.schema import KeyAttribute, KeySchema, Table, TableStatus, Units
from headwater.values.order import partition_hash

REGION = "us-east-1"
ACCOUNT = "000000000000"
BOTH = ViewType.NEW_AND_OLD_IMAGES


@dataclass(frozen=True)
class _Step:
    """Work from a function."""

    reads: Sequence[bytes]
    step: Callable[[View], Any]

    def run(self, view: View) -> Any:
        return self.step(view)


@dataclass
class LoggedStore:
    """The engine with its committer, and shorthands for what happens to tables."""

    engine: MemoryEngine = field(default_factory=MemoryEngine)
    clock: ManualClock = field(default_factory=ManualClock)
    chance: SeededChance = field(default_factory=lambda: SeededChance(1))
    wakeups: Wakeups = field(default_factory=Wakeups)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.committer = Committer(self.engine, self.wakeups)
        self.watch = HeadWatch(self.engine, self.clock)

    @property
    def services(self) -> Services:
        """What readers work with."""
        return Services(self.engine, self.committer, self.wakeups, self.clock, self.watch)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LoggedStore]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            watching = tasks.create_task(self.watch.run())
            try:
                yield self
            finally:
                watching.cancel()
                self.committer.close()

    async def create_table(
        self, name: str = "music", count: int = 1, view: ViewType = BOTH
    ) -> Table:
        """A table with a partition key `k`, its stream on, in so many partitions."""
        table = Table(
            REGION,
            name,
            TableId(self.chance.uuid()),
            TableStatus.ACTIVE,
            self.clock.now(),
            KeySchema((KeyAttribute("k", "S"),)),
            partitions.initial(Units(), count),
        )
        return await self.switch_on(table, view)

    async def switch_on(self, table: Table, view_type: ViewType = BOTH) -> Table:
        opening = self.opening(windows.label(self.clock.now()))
        return await self._store(
            (), lambda view: partitions.switch_on(view, table, opening, view_type)
        )

    async def switch_off(self, table: Table) -> Table:
        assert table.stream is not None
        stream_key = keyspace.stream(REGION, table.name, table.stream.label)
        reads = [stream_key, *partitions.open_shard_keys(table)]
        now_us = self.now_us()
        return await self._store(reads, lambda view: partitions.switch_off(view, table, now_us))

    async def split(self, table: Table, shard_id: ShardId) -> Table:
        return await self._reshard(partitions.split, table, shard_id)

    async def roll_over(self, table: Table, shard_id: ShardId) -> Table:
        return await self._reshard(partitions.roll_over, table, shard_id)

    async def append(
        self, table: Table, key: str = "a", kind: Kind = Kind.INSERT, *, by_service: bool = False
    ) -> SequenceNumber:
        """Log a change of the item with this key; its image counts the changes of the key."""
        shard = table.shard_for(partition_hash(key.encode()))
        assert shard is not None
        count = self.counts[key] = self.counts.get(key, 0) + 1
        image = Image(b'{"k":{"S":"%b"},"n":{"N":"%d"}}' % (key.encode(), count), 10)
        entry = Entry(
            kind,
            self.now_us(),
            Image(b'{"k":{"S":"%b"}}' % key.encode(), 2),
            NO_IMAGE if kind is Kind.REMOVE else image,
            NO_IMAGE if kind is Kind.INSERT else image,
            by_service,
        )
        number: SequenceNumber = await self.commit(
            [shard.head_key], lambda view: log.append(view, shard, entry)
        )
        return number

    async def append_all(self, table: Table, count: int, key: str = "a") -> list[SequenceNumber]:
        return [await self.append(table, key) for _ in range(count)]

    async def stream(self, table: Table) -> Stream:
        label = table.latest_label
        assert label is not None
        (stored,) = await self.engine.get([keyspace.stream(REGION, table.name, label)])
        assert stored is not None
        return windows.decode(stored)

    async def shard(self, table: Table, shard_id: ShardId) -> Shard:
        (stored,) = await self.engine.get([keyspace.shard(table.table_id, shard_id)])
        assert stored is not None
        return shards.decode(stored)

    async def commit(self, reads: Sequence[bytes], step: Callable[[View], Any]) -> Any:
        return await self.committer.submit(_Step(reads, step))

    def opening(self, label: str) -> Opening:
        return Opening(label, self.now_us(), self.chance)

    def now_us(self) -> int:
        return int(self.clock.now() * 1e6)

    async def _reshard(
        self,
        change: Callable[[View, Table, ShardId, Opening], Table],
        table: Table,
        shard_id: ShardId,
    ) -> Table:
        assert table.stream is not None
        opening = self.opening(table.stream.label)
        reads = partitions.open_shard_keys(table)
        return await self._store(reads, lambda view: change(view, table, shard_id, opening))

    async def _store(self, reads: Sequence[bytes], change: Callable[[View], Table]) -> Table:
        def step(view: View) -> Table:
            table = change(view)
            view.put(table.key, schema.encode(table))
            return table

        changed: Table = await self.commit(reads, step)
        return changed


def open_shards(table: Table) -> list[ShardId]:
    return [partition.shard_id for partition in table.partitions if partition.shard_id is not None]


def in_store(body: Callable[[LoggedStore], Awaitable[None]]) -> None:
    """Run a test's body over a fresh store."""

    async def main() -> None:
        async with LoggedStore().running() as store:
            await body(store)

    asyncio.run(main())


async def settle(turns: int = 200) -> None:
    """Let everything that can run without time passing do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def advance(store: LoggedStore, seconds: float, step: float = 0.25) -> None:
    """Let time pass in steps, with everything running that falls due."""
    end = store.clock.now() + seconds
    while (left := end - store.clock.now()) > 0:
        store.clock.advance(min(step, left))
        await settle()
