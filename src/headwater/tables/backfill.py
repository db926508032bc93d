"""Entries for the items from before a new index or time to live, while writes go on.

Every write since the index is CREATING, or time to live ENABLING, maintains the entries, so only
items nobody has written since need one. Each step reads its items again in the commit that puts
their entries: an entry is therefore never older than its item, and an item that has been deleted
gets none. Entries depend on their items alone, so a step that runs twice does no harm, and a
back-fill cut short by a restart begins again. Items whose index keys do not fit are skipped, as on
AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import IndexId
from headwater.tables import expiry, schema
from headwater.tables import index as indexes
from headwater.tables.schema import Index, IndexStatus, Table, TableStatus, TimeToLiveStatus
from headwater.values import codec
from headwater.values.order import HASH_BYTES, after_prefix

EntryOf: TypeAlias = Callable[[bytes, bytes], tuple[bytes, bytes] | None]
"""Key and value of an item's entry, or None if it has none; takes the item's key and its value."""

Filling: TypeAlias = Callable[[Table], EntryOf | None]
"""What makes the entries, for the table as it is now; None once they are not wanted any more."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Entries for some items, put in one commit; says whether they are still wanted."""

    table: Table
    filling: Filling
    keys: Sequence[bytes]

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.table.key, *self.keys)

    def run(self, view: View) -> bool:
        stored = view.get(self.table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self.table.table_id:
            return False
        entry_of = self.filling(table)
        if entry_of is None:
            return False
        for key in self.keys:
            item = view.get(key)
            entry = None if item is None else entry_of(key, item)
            if entry is not None:
                view.put(*entry)
        return True


async def fill(engine: Engine, committer: Committer, table: Table, filling: Filling) -> bool:
    """Add an entry for every item that is to have one.

    Returns whether it did: not if the entries or their table are not wanted any more.
    Raises Unavailable.
    """
    start, stop = table.items_prefix, after_prefix(table.items_prefix)
    while rows := await engine.scan(
        Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
    ):
        keys = [key for key, _ in rows]
        if not await committer.submit(_Step(table, filling, keys)):
            return False
        start = keys[-1] + b"\x00"
    return True


def index_entries(index_id: IndexId) -> Filling:
    """Fills an index that is CREATING."""

    def filling(table: Table) -> EntryOf | None:
        index = _being_filled(table, index_id)
        if index is None:
            return None

        def entry_of(key: bytes, stored: bytes) -> tuple[bytes, bytes] | None:
            base = key[len(table.items_prefix) + HASH_BYTES :]
            return indexes.entry(table, index, base, codec.decode(stored))

        return entry_of

    return filling


def expiry_entries(table: Table) -> EntryOf | None:
    """Fills the expiry entries of a table whose time to live is ENABLING."""
    time_to_live = table.time_to_live
    if time_to_live is None or time_to_live.status is not TimeToLiveStatus.ENABLING:
        return None
    if table.status is TableStatus.DELETING:
        return None
    attribute = time_to_live.attribute

    def entry_of(key: bytes, stored: bytes) -> tuple[bytes, bytes] | None:
        seconds = expiry.seconds_of(attribute, stored, None)
        return None if seconds is None else (expiry.entry_key(table, seconds, key), b"")

    return entry_of


def _being_filled(table: Table, index_id: IndexId) -> Index | None:
    for index in table.indexes:
        if index.index_id == index_id and index.status is IndexStatus.CREATING:
            return index
    return None
