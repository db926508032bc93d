"""Fills a table, or its log, with very much while no server runs: millions in minutes.

What is stored is what requests would store, by the same functions. Items are stored in the order of
keys: in any other they touch every page of the file again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

from headwater.clock import SystemClock
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import CommitGroup, Mutations
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.log import OpenShard, append, open_shard
from headwater.tables import keys, schema
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.item import Item, normalise

COMMIT_ITEMS = 5_000
Row: TypeAlias = tuple[bytes, bytes]
_KEYS = Image(b'{"pk":{"S":"customer-000001"}}', 17)
_IMAGE = Image(b'{"pk":{"S":"customer-000001"},"text":{"S":"%b"}}' % (b"x" * 100), 121)


class Content(Protocol):
    """What a table is filled with."""

    def item(self, number: int, mark: str) -> Item:
        """An item."""

    def rows(self, table: Table) -> Iterator[Row]:
        """All items as the table stores them, marked `first`, in the order of their keys."""


def fill(directory: Path, region: str, table_name: str, content: Content) -> None:
    """Store items in a table without stream and indexes, which has been created."""
    asyncio.run(_fill(directory, region, table_name, content))


async def _fill(directory: Path, region: str, name: str, content: Content) -> None:
    engine = open_engine(directory, SqliteSettings(is_strict=False), SystemClock())
    try:
        (stored,) = await engine.get([keyspace.table(region, name)])
        assert stored is not None, name
        table = schema.decode(stored)
        rows = content.rows(table)
        while part := dict(islice(rows, COMMIT_ITEMS)):
            await engine.commit(_storing(part))
        sample = _row(table, content.item(0, "first"))
        assert await engine.get([sample[0]]) == [sample[1]], "rows are what is stored for items"
    finally:
        await engine.close()


def fill_log(directory: Path, region: str, table_name: str, count: int) -> None:
    """Store so many changes, of a hundred bytes each, in the log of a table with a stream."""
    asyncio.run(_fill_log(directory, region, table_name, count))


async def _fill_log(directory: Path, region: str, name: str, count: int) -> None:
    clock = SystemClock()
    engine = open_engine(directory, SqliteSettings(is_strict=False), clock)
    committer = Committer(engine, Wakeups())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.run())
            (stored,) = await engine.get([keyspace.table(region, name)])
            assert stored is not None, name
            table = schema.decode(stored)
            shards = [
                open_shard(table.table_id, each.shard_id, each.lane)
                for each in table.partitions
                if each.shard_id is not None
            ]
            # Shard after shard, as the keys are ordered.
            for number, shard in enumerate(shards):
                left = count * (number + 1) // len(shards) - count * number // len(shards)
                while left > 0:
                    some = min(left, COMMIT_ITEMS)
                    await committer.submit(_Appends(shard, some, int(clock.now() * 1e6)))
                    left -= some
            committer.close()
    finally:
        await engine.close()


@dataclass
class _Appends:
    """Work that logs so many changes."""

    shard: OpenShard
    count: int
    time_us: int

    @property
    def reads(self) -> Sequence[bytes]:
        return [self.shard.head_key]

    def run(self, view: View) -> None:
        entry = Entry(Kind.INSERT, self.time_us, _KEYS, _IMAGE, NO_IMAGE)
        for _ in range(self.count):
            append(view, self.shard, entry)


def _storing(mutations: Mutations) -> CommitGroup:
    return CommitGroup((), (), lambda _: mutations)


def _row(table: Table, item: Item) -> Row:
    canonical, size = normalise(item)
    return keys.of_item(table, canonical).stored, codec.encode(canonical, size)
