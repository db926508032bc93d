"""A new index filled with the items from before it, while writes go on.

Every write since the index is CREATING maintains it, so only items nobody has written since need an
entry. Each step reads its items again in the commit that puts their entries: an entry is therefore
never older than its item, and an item that has been deleted gets none. Entries depend on their
items alone, so a step that runs twice does no harm, and a back-fill cut short by a restart begins
again. Items whose index keys do not fit are skipped, as on AWS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import IndexId
from headwater.tables import index as indexes
from headwater.tables import schema
from headwater.tables.schema import Index, IndexStatus, Table
from headwater.values import codec
from headwater.values.order import HASH_BYTES, after_prefix


@dataclass(frozen=True, slots=True)
class _Step:
    """Entries for some items, put in one commit; says whether the index still wants them."""

    table: Table
    index_id: IndexId
    keys: Sequence[bytes]

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.table.key, *self.keys)

    def run(self, view: View) -> bool:
        stored = view.get(self.table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self.table.table_id:
            return False
        index = _being_filled(table, self.index_id)
        if index is None:
            return False
        for key in self.keys:
            item = view.get(key)
            if item is not None:
                base = key[len(table.items_prefix) + HASH_BYTES :]
                entry = indexes.entry(table, index, base, codec.decode(item))
                if entry is not None:
                    view.put(*entry)
        return True


async def fill(engine: Engine, committer: Committer, table: Table, index: Index) -> bool:
    """Add an entry for every item that belongs into an index.

    Returns whether it did: not if the index or its table has been deleted meanwhile.
    Raises Unavailable.
    """
    start, stop = table.items_prefix, after_prefix(table.items_prefix)
    while rows := await engine.scan(
        Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
    ):
        keys = [key for key, _ in rows]
        if not await committer.submit(_Step(table, index.index_id, keys)):
            return False
        start = keys[-1] + b"\x00"
    return True


def _being_filled(table: Table, index_id: IndexId) -> Index | None:
    for index in table.indexes:
        if index.index_id == index_id and index.status is IndexStatus.CREATING:
            return index
    return None
