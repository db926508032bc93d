"""One page of a Query or a Scan: entries read in order until a limit, filtered and projected.

Stored bytes go into the page as they are unless a filter or a projection must look into them. A
long stretch is read in steps, and between them other tasks have their turn; each entry is as some
commit left it, not all of them as the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import orjson

from headwater.expressions.condition import Condition
from headwater.limits import KB, page_bytes_max
from headwater.storage.engine import Engine, Span
from headwater.tables.read import Source, Stretch
from headwater.values import codec
from headwater.values.item import Item

_STEP_BYTES: Final = 256 * KB
_STEP_ENTRIES: Final = 500


class Projecting(Protocol):
    """Says what is wanted of an item."""

    def apply(self, item: Item, /) -> Item:
        """The part of the item that is wanted; the item stays as it is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page is to hold.

    limit: entries to evaluate at most. is_count: only how many match, not the items.
    fetches_items: entries of a local index are replaced by the whole items.
    """

    place: Source
    stretch: Stretch
    limit: int | None = None
    filter: Condition | None = None
    projection: Projecting | None = None
    is_count: bool = False
    fetches_items: bool = False


@dataclass(slots=True)
class Page:
    """What was read, growing while it is.

    items: JSON of each. count, scanned_count: after and before the filter. size: of what was
    evaluated. fetched_sizes: of the items read besides. last: the entry at which the page ended,
    unless the stretch did.
    """

    items: list[bytes] = field(default_factory=list)
    count: int = 0
    scanned_count: int = 0
    size: int = 0
    fetched_sizes: list[int] = field(default_factory=list)
    last: bytes | None = None

    def last_key(self, place: Source) -> Item | None:
        """LastEvaluatedKey, or None where there is nothing more to read."""
        if self.last is None:
            return None
        item = codec.decode(self.last)
        return {name: item[name] for name in place.key_names()}


async def read_page(engine: Engine, reading: Reading, page: Page | None = None) -> Page:
    """Read until the limit, until a megabyte has been evaluated, or to the end of the stretch.

    page: to be filled further, by what its limits leave. Raises Unavailable.
    """
    page = Page() if page is None else page
    stretch = reading.stretch
    while True:
        entries_max = _STEP_ENTRIES
        if reading.limit is not None:
            entries_max = min(entries_max, reading.limit - page.scanned_count)
        rows = await engine.scan(
            Span(stretch.start, stretch.stop, entries_max, stretch.reverse, _STEP_BYTES)
        )
        taken = _until_full(page, rows)
        await _take(engine, reading, page, rows[:taken] if taken < len(rows) else rows)
        if page.size >= page_bytes_max or page.scanned_count == reading.limit:
            page.last = rows[taken - 1][1]
            return page
        if len(rows) < entries_max and sum(map(_stored_size, rows)) < _STEP_BYTES:
            return page
        stretch = stretch.after(rows[-1][0])
        await asyncio.sleep(0)


async def read_pages(engine: Engine, reading: Reading, stretches: Sequence[Stretch]) -> Page:
    """One page of several stretches, read one after the other instead of the reading's own."""
    page = Page()
    for stretch in stretches:
        page = await read_page(engine, replace(reading, stretch=stretch), page)
        if page.last is not None:
            break
    return page


def _until_full(page: Page, rows: Sequence[tuple[bytes, bytes]]) -> int:
    """Count rows into the page's size; how many were taken when it was full, that one included."""
    size = page.size
    taken = 0
    for _, value in rows:
        size += codec.size(value)
        taken += 1
        if size >= page_bytes_max:
            break
    page.size = size
    page.scanned_count += taken
    return taken


async def _take(
    engine: Engine, reading: Reading, page: Page, rows: Sequence[tuple[bytes, bytes]]
) -> None:
    """Add to the page those entries that match."""
    values: Sequence[bytes] = [value for _, value in rows]
    if reading.fetches_items:
        values = await _fetch(engine, reading.place, page, rows)
    if reading.filter is None and reading.projection is None:
        page.count += len(values)
        if not reading.is_count:
            page.items += map(codec.body, values)
        return
    for value in values:
        item = codec.decode(value)
        if reading.filter is not None and not reading.filter.matches(item):
            continue
        page.count += 1
        if reading.is_count:
            continue
        if reading.projection is None:
            page.items.append(codec.body(value))
        else:
            page.items.append(orjson.dumps(reading.projection.apply(item)))


async def _fetch(
    engine: Engine, place: Source, page: Page, rows: Sequence[tuple[bytes, bytes]]
) -> list[bytes]:
    """The items of a local index's entries; one removed since its entry was read is left out."""
    stored = await engine.get([place.item_key(key) for key, _ in rows])
    items = [item for item in stored if item is not None]
    page.fetched_sizes += map(codec.size, items)
    return items


def _stored_size(row: tuple[bytes, bytes]) -> int:
    return len(row[0]) + len(row[1])
