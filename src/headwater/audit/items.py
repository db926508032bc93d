"""Every item decodes, stands under its own key, and is counted in the size of its collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headwater.audit import entries
from headwater.audit.catalog import Catalog
from headwater.audit.reading import Row, pages, prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.storage.engine import Engine
from headwater.tables import index as indexes
from headwater.tables import item_collection, keys
from headwater.tables.schema import Table, TableStatus
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item
from headwater.values.order import HASH_BYTES


@dataclass(frozen=True, slots=True)
class Checked:
    """An item that could be read: where it is stored, its bytes, what they say."""

    key: bytes
    stored: bytes
    item: Item


async def check(engine: Engine, report: Report, catalog: Catalog) -> None:
    """Look at the items of every table, and at what must agree with them.

    Of a table that is being deleted any part may be gone already.
    """
    for table in catalog.tables.values():
        section = report.section(f"items of {table.name}")
        collections = _Collections(engine, section, table)
        async for page in pages(engine, prefixed(table.items_prefix)):
            checked = check_page(section, table, table.items_prefix, page)
            if table.status is not TableStatus.DELETING:
                await entries.check_forward(engine, section, table, checked)
                await collections.add(checked)
        if table.status is not TableStatus.DELETING:
            await collections.end()
            await entries.check_backward(engine, section, table)


def check_page(section: Section, table: Table, prefix: bytes, page: Sequence[Row]) -> list[Checked]:
    """Items stored below a prefix, the table's own or a backup's; returns those that are right."""
    found = []
    for key, stored in page:
        name = f"item {key[len(prefix) + HASH_BYTES :]!r} of {table.name}"
        item = readable(section, name, stored, codec.decode)
        section.count("items")
        if item is None:
            continue
        own = readable(section, f"the key of {name}", stored, _key_of(table))
        if own is None:
            continue
        if own[len(table.items_prefix) :] != key[len(prefix) :]:
            section.fault(f"{name} is stored under another's key")
        elif codec.encode(item, items.size(item)) != stored:
            section.fault(f"{name} is not in canonical form, or its size is wrong")
        else:
            found.append(Checked(key, stored, item))
    return found


def _key_of(table: Table) -> Callable[[bytes], bytes]:
    return lambda stored: keys.of_item(table, codec.decode(stored)).stored


class _Collections:
    """Adds up item collections, whose items stand side by side, against their stored sizes."""

    def __init__(self, engine: Engine, section: Section, table: Table) -> None:
        self._engine = engine
        self._section = section
        self._table = table
        self._local = [index for index in table.indexes if not index.is_global]
        self._key: bytes | None = None
        self._size = 0
        self._collections = 0

    async def add(self, checked: Sequence[Checked]) -> None:
        if self._table.collection_bytes_max is None:
            return
        for each in checked:
            key = item_collection.size_key(self._table, each.key)
            if key != self._key:
                await self._compare()
                self._key, self._size = key, 0
            self._size += codec.size(each.stored)
            base = each.key[len(self._table.items_prefix) + HASH_BYTES :]
            for index in self._local:
                entry = indexes.entry(self._table, index, base, each.item)
                self._size += 0 if entry is None else codec.size(entry[1])

    async def end(self) -> None:
        """Compare the last one, and look for sizes of collections that are not there."""
        if self._table.collection_bytes_max is None:
            return
        await self._compare()
        self._key = None
        stored = 0
        async for _ in rows_of(self._engine, prefixed(self._table.collections_prefix)):
            stored += 1
        self._section.count("item collections", stored)
        if stored != self._collections:
            self._section.fault(
                f"{self._table.name} has {self._collections} item collections, "
                f"but {stored} sizes of such"
            )

    async def _compare(self) -> None:
        if self._key is None:
            return
        self._collections += 1
        (stored,) = await self._engine.get([self._key])
        if item_collection.size_of(stored) != self._size:
            self._section.fault(
                f"an item collection of {self._table.name} has {self._size} bytes, "
                f"its stored size is {item_collection.size_of(stored)}"
            )
