"""Entries of indexes and of time to live agree with the items, both ways.

Forward, every item has the entries that it is to have; backward, every entry is one that an item of
now has. While an index or time to live is being filled, items may lack theirs; while one is being
deleted, nothing need be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.audit.reading import Row, pages, prefixed, readable
from headwater.audit.report import Section
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.tables import expiry, keys
from headwater.tables import index as indexes
from headwater.tables.schema import Index, IndexStatus, Table, TimeToLiveStatus
from headwater.values import codec
from headwater.values.item import Item
from headwater.values.order import HASH_BYTES

if TYPE_CHECKING:
    from headwater.audit.items import Checked


async def check_forward(
    engine: Engine, section: Section, table: Table, checked: Sequence[Checked]
) -> None:
    """Every item has its entries."""
    for index in table.indexes:
        if index.status in (IndexStatus.CREATING, IndexStatus.DELETING):
            continue
        expected = [
            entry
            for each in checked
            if (entry := indexes.entry(table, index, _base(table, each.key), each.item)) is not None
        ]
        present = await engine.get([key for key, _ in expected])
        for (key, value), found in zip(expected, present, strict=True):
            if found != value:
                state = "is missing" if found is None else "is not what its item makes of it"
                section.fault(f"an entry of {table.name}'s index {index.name} {state}: {key!r}")
    await _check_expiries_forward(engine, section, table, checked)


async def check_backward(engine: Engine, section: Section, table: Table) -> None:
    """Every entry is of an item."""
    for index in table.indexes:
        if index.status is IndexStatus.DELETING:
            continue
        prefix = keyspace.index_prefix(table.table_id, index.index_id)
        async for page in pages(engine, prefixed(prefix)):
            await _check_entries(engine, section, (table, index), page)
    time_to_live = table.time_to_live
    if time_to_live is not None and time_to_live.status is not TimeToLiveStatus.DISABLING:
        async for page in pages(engine, prefixed(table.expiries_prefix)):
            await _check_expiries(engine, section, (table, time_to_live.attribute), page)


def _base(table: Table, key: bytes) -> bytes:
    return key[len(table.items_prefix) + HASH_BYTES :]


async def _check_entries(
    engine: Engine, section: Section, of: tuple[Table, Index], page: Sequence[Row]
) -> None:
    table, index = of
    wanted: list[bytes] = []
    readables: list[Row] = []
    for key, stored in page:
        name = f"an entry of {table.name}'s index {index.name}"
        section.count("index entries")
        item_key = readable(section, name, stored, lambda value: _item_key(table, value))
        if item_key is not None:
            wanted.append(item_key)
            readables.append((key, stored))
    items = await engine.get(wanted)
    for (key, stored), item_key, item in zip(readables, wanted, items, strict=True):
        decoded = None if item is None else readable(section, "an item", item, codec.decode)
        if indexes.entry(table, index, _base(table, item_key), decoded) != (key, stored):
            section.fault(f"an entry of {table.name}'s index {index.name} is of no item: {key!r}")


def _item_key(table: Table, entry: bytes) -> bytes:
    """Where the item of an index entry is stored: every entry has the table's keys."""
    item: Item = codec.decode(entry)
    return keys.of_key(table, {name: item[name] for name in table.keys.names()}).stored


async def _check_expiries_forward(
    engine: Engine, section: Section, table: Table, checked: Sequence[Checked]
) -> None:
    time_to_live = table.time_to_live
    if time_to_live is None or time_to_live.status is not TimeToLiveStatus.ENABLED:
        return
    expected = []
    for each in checked:
        seconds = expiry.seconds_of(time_to_live.attribute, each.stored, each.item)
        if seconds is not None:
            expected.append(expiry.entry_key(table, seconds, each.key))
    for key, found in zip(expected, await engine.get(expected), strict=True):
        if found is None:
            section.fault(f"an item of {table.name} expires, but has no expiry entry: {key!r}")


async def _check_expiries(
    engine: Engine, section: Section, of: tuple[Table, str], page: Sequence[Row]
) -> None:
    table, attribute = of
    entries = [key for key, _ in page if key != table.expiries_prefix]
    section.count("expiry entries", len(entries))
    items = await engine.get([expiry.item_key(table, entry) for entry in entries])
    for entry, item in zip(entries, items, strict=True):
        seconds = expiry.seconds_of(attribute, item, None)
        if seconds != expiry.seconds_of_entry(table, entry):
            section.fault(f"an expiry entry of {table.name} is of no item that expires: {entry!r}")
