"""Fills a table with many small items while no server runs: millions of them in minutes.

What is stored is what BatchWriteItem would store, by the same functions, but in the order of keys:
items that come in any other order touch every page of the file again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from headwater.clock import SystemClock
from headwater.storage import keyspace
from headwater.storage.engine import CommitGroup, Mutations
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.tables import keys, schema
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.item import Item, normalise
from headwater.values.order import partition_hash

COMMIT_ITEMS = 5_000


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


def _storing(mutations: Mutations) -> CommitGroup:
    return CommitGroup((), (), lambda _: mutations)


def _entry(table: Table, item: Item) -> tuple[bytes, bytes]:
    canonical, size = normalise(item)
    return keys.of_item(table, canonical).stored, codec.encode(canonical, size)
