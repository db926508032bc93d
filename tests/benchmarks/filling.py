"""Fills a table, or its log, with very much while no server runs: millions in minutes.

What is stored is what requests would store, by the same functions. Items are stored in the order of
keys: in any other they touch every page of the file again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

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
from headwater.values.order import partition_hash

COMMIT_ITEMS = 5_000
_KEYS = Image(b'{"pk":{"S":"customer-000001"}}', 17)
_IMAGE = Image(b'{"pk":{"S":"customer-000001"},"text":{"S":"%b"}}' % (b"x" * 100), 121)


def in_order_of_keys(partition_keys: Iterable[str]) -> list[str]:
    """String partition keys in the order in which a table keeps them."""
    return sorted(partition_keys, key=lambda key: partition_hash(key.encode()))


def fill(directory: Path, region: str, table_name: str, items: Iterable[Item]) -> None:
    """Store items in a table without stream and indexes, which has been created."""
    asyncio.run(_fill(directory, region, table_name, iter(items)))


async def _fill(directory: Path, region: str, name: str, items: Iterator[Item]) -> None:
    engine = open_engine(directory, SqliteSettings(is_strict=False), SystemClock())
    try:
        (stored,) = await engine.get([keyspace.table(region, name)])
        assert stored is not None, name
        table = schema.decode(stored)
        while part := list(islice(items, COMMIT_ITEMS)):
            await engine.commit(_storing(dict(_entry(table, item) for item in part)))
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


def _entry(table: Table, item: Item) -> tuple[bytes, bytes]:
    canonical, size = normalise(item)
    return keys.of_item(table, canonical).stored, codec.encode(canonical, size)
