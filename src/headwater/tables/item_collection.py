"""Item collections: the items that share a partition key, in tables with local indexes.

Pure. A collection's size (its items and their entries in local indexes, as DynamoDB counts items)
is one number, stored under the partition key and kept by the commit of every write, so that a write
is judged without reading the collection. Tables without local indexes have no such number, and so
have tables from before there was one (`Table.collection_bytes_max`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from headwater.errors import ItemCollectionSizeLimitExceededException
from headwater.storage.committer import View
from headwater.tables.index import IndexChange
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.order import HASH_BYTES, unescape

_SIZE_BYTES: Final = 8


def size_key(table: Table, item_key: bytes) -> bytes:
    """Where the size of an item's collection is stored."""
    at = len(table.items_prefix)
    _, end = unescape(item_key, at + HASH_BYTES)
    return table.collections_prefix + item_key[at:end]


def size_of(stored: bytes | None) -> int:
    """A collection's size in bytes, from what is stored under its key."""
    return 0 if stored is None else int.from_bytes(stored, "big")


def growth(old: bytes | None, new: bytes | None, changes: Iterable[IndexChange]) -> int:
    """By how much a change of an item, as stored, makes its collection larger."""
    before = 0 if old is None else codec.size(old)
    after = 0 if new is None else codec.size(new)
    for change in changes:
        if not change.index.is_global:
            before += change.size_before
            after += change.size_after
    return after - before


def grow(view: View, table: Table, item_key: bytes, by: int) -> None:
    """Count a change of an item; reads `size_key`.

    Raises ItemCollectionSizeLimitExceededException for one that makes a collection larger than it
    may be; what makes it smaller is always taken.
    """
    limit = table.collection_bytes_max
    if limit is None:
        return
    if by > 0 and size_of(view.get(size_key(table, item_key))) + by > limit:
        raise ItemCollectionSizeLimitExceededException
    count(view, table, item_key, by)


def count(view: View, table: Table, item_key: bytes, by: int) -> None:
    """Count a change that is not to be judged; reads `size_key`. Other tables are let be."""
    if table.collection_bytes_max is None:
        return
    key = size_key(table, item_key)
    size = size_of(view.get(key)) + by
    if size > 0:
        view.put(key, size.to_bytes(_SIZE_BYTES, "big"))
    else:
        view.delete(key)
