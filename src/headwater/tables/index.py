"""Index entries from an item before and after: what a change puts into and takes from the indexes.

Pure. An entry's key is the index's key followed by the item's own, so entries of items that share
an index key stand side by side. Its value is the projected item in the stored form of items.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.tables.keys import fits_index, index_entry_key
from headwater.tables.schema import Index, IndexStatus, ProjectionType, Table
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item


@dataclass(frozen=True, slots=True)
class IndexChange:
    """What a change of an item does to one index.

    removed: the key of the entry to delete, if any. put: key and value of the entry to write.
    size_before, size_after: of the entries, as DynamoDB counts an item; for capacity.
    """

    index: Index
    removed: bytes | None
    put: tuple[bytes, bytes] | None
    size_before: int
    size_after: int


def changes(table: Table, base: bytes, old: Item | None, new: Item | None) -> list[IndexChange]:
    """What turning `old` into `new` does to the table's indexes; unchanged indexes are left out.

    base: the item's partition and sort key as written in its storage key, after the hash.
    """
    found = []
    for index in table.indexes:
        if index.status is IndexStatus.DELETING:
            continue
        before = entry(table, index, base, old)
        after = entry(table, index, base, new)
        if before == after:
            continue
        removed = before[0] if before and (after is None or after[0] != before[0]) else None
        found.append(
            IndexChange(
                index,
                removed,
                after,
                codec.size(before[1]) if before else 0,
                codec.size(after[1]) if after else 0,
            )
        )
    return found


def entry(table: Table, index: Index, base: bytes, item: Item | None) -> tuple[bytes, bytes] | None:
    """Key and value of an item's entry in an index, or None if it has none there."""
    if item is None or not fits_index(index, item):
        return None
    key = index_entry_key(table.table_id, index, item, base)
    if key is None:
        return None
    projected = project(table, index, item)
    return key, codec.encode(projected, items.size(projected))


def project(table: Table, index: Index, item: Item) -> Item:
    """The attributes of an item that an index holds."""
    if index.projection is ProjectionType.ALL:
        return item
    names = {*table.keys.names(), *index.keys.names(), *index.attributes}
    return {name: value for name, value in item.items() if name in names}
