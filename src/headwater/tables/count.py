"""How many items a table or an index holds, and their size.

Nothing counts along with writes: that would have every write of a table touch one number. A span
that fits one page is counted when asked for. A larger one is counted in full beside the requests,
not more often than every `table_count_seconds`, and asked for meanwhile answers with the latest
count; the first time, with the page's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from headwater.clock import Clock
from headwater.limits import (
    table_count_bytes_max,
    table_count_items_max,
    table_count_seconds,
    table_counts_max,
)
from headwater.storage.engine import Engine, Span, Unavailable
from headwater.values import codec
from headwater.values.order import after_prefix

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Count:
    """Items and their size in bytes, as DynamoDB counts it."""

    items: int = 0
    size: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.items + other.items, self.size + other.size)


@dataclass(frozen=True, slots=True)
class _Known:
    count: Count
    at: float


class Counts:
    """Counts by the prefix of what is counted; `run` it in a task group."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._known: dict[bytes, _Known] = {}
        self._wanted: set[bytes] = set()
        self._is_wanted = asyncio.Event()

    async def of(self, prefix: bytes) -> Count:
        """What is stored under a prefix of items or index entries.

        Raises Unavailable.
        """
        page, last = await self._page(prefix, prefix)
        if last is None:
            self._known.pop(prefix, None)
            return page
        known = self._known.get(prefix)
        if known is None or known.at + table_count_seconds <= self._clock.now():
            self._wanted.add(prefix)
            self._is_wanted.set()
        return page if known is None else known.count

    async def run(self) -> None:
        """Count in full what was asked for and takes more than a page, until cancelled."""
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            while self._wanted:
                await self._count(self._wanted.pop())

    async def _count(self, prefix: bytes) -> None:
        try:
            count = await self._full(prefix)
        except Unavailable as error:  # asked for again, it is tried again
            _log.warning("items cannot be counted", exc_info=error)
            return
        self._known.pop(prefix, None)
        self._known[prefix] = _Known(count, self._clock.now())
        if len(self._known) > table_counts_max:  # the oldest may be of tables long gone
            del self._known[next(iter(self._known))]

    async def _full(self, prefix: bytes) -> Count:
        total, start = Count(), prefix
        while True:
            page, last = await self._page(prefix, start)
            total += page
            if last is None:
                return total
            start = last + b"\x00"
            await asyncio.sleep(0)  # an engine in this process would never let others run

    async def _page(self, prefix: bytes, start: bytes) -> tuple[Count, bytes | None]:
        """The count of one page, and its last key if more may follow."""
        rows = await self._engine.scan(
            Span(
                start,
                after_prefix(prefix),
                table_count_items_max,
                bytes_max=table_count_bytes_max,
            )
        )
        count = Count(len(rows), _size(value for _, value in rows))
        read = sum(len(key) + len(value) for key, value in rows)
        is_all = len(rows) < table_count_items_max and read < table_count_bytes_max
        return count, None if is_all else rows[-1][0]


def _size(values: Iterable[bytes]) -> int:
    return sum(map(codec.size, values))
