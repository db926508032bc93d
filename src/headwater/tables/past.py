"""A table's items at a moment, and its changes between two, out of its items and its log.

Every log entry holds the item before and after its change. So an item at a moment is the old image
of its first entry from then on, or, if it has none, the item as it is. Items are read in steps; the
log is read after each, so that it tells of everything the step may have seen: what comes out is
exactly the table at the moment, however long reading takes and whatever is written meanwhile.

A moment is looked at once it lies `write_settle_seconds` in the past: writes are stamped before
they commit. Reading is bounded in memory by places in the log, not by images, and for changes
between two moments also in number: where too many keys have changed, the hash space is cut in
halves and the log read once for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

import orjson

from headwater.limits import (
    KB,
    export_keys_max,
    export_step_bytes_max,
    export_step_items_max,
)
from headwater.storage import keyspace
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams import log
from headwater.streams import shard as shards
from headwater.streams.entry import Entry, Image
from headwater.streams.log import Reading
from headwater.streams.position import find_log
from headwater.streams.shard import HASH_MAX, HashRange, Shard
from headwater.tables import keys
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.order import HASH_BYTES, after_prefix

_LOG_STEP_ENTRIES: Final = 500
_LOG_STEP_BYTES: Final = 256 * KB
_IMAGES_AT_ONCE: Final = 100
ALL_HASHES: Final = HashRange(0, HASH_MAX)


class LogGone(Exception):
    """The log no longer reaches back to where it is needed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a period made of an item: absent images are empty. time_us: of the last change."""

    keys: bytes
    old: Image
    new: Image
    time_us: int


@dataclass(frozen=True, slots=True)
class _Logged:
    """An entry, where it is stored and the item it is of."""

    place: bytes
    item_key: bytes
    time_us: int


@dataclass(slots=True)
class _Log:
    """Reads on in the log of a range of hashes, from a moment on; parents before their children."""

    engine: Engine
    table: Table
    hashes: HashRange
    from_us: int
    _after: dict[ShardId, int] = field(default_factory=dict)

    async def more(self) -> AsyncIterator[_Logged]:
        """What has been logged since it was last asked."""
        for shard in await self._shards():
            prefix = keyspace.log_prefix(self.table.table_id, shard.shard_id)
            after = await self._start(shard)
            while found := await log.read(
                self.engine, prefix, Reading(after, _LOG_STEP_ENTRIES, _LOG_STEP_BYTES)
            ):
                for number, stored in found:
                    place = prefix + number.to_bytes(8, "big")
                    logged = self._logged(place, entries.decode(stored))
                    if logged is not None:
                        yield logged
                after = self._after[shard.shard_id] = found[-1].number
                await asyncio.sleep(0)

    async def _shards(self) -> list[Shard]:
        """Those that may have entries from the moment on; what follows another comes later."""
        start, stop = keyspace.shards_span(self.table.table_id)
        found: list[Shard] = []
        while rows := await self.engine.scan(Span(start, stop, _LOG_STEP_ENTRIES)):
            found += (shards.decode(stored) for _, stored in rows)
            start = rows[-1][0] + b"\x00"
        wanted = (shard for shard in found if self._is_wanted(shard))
        return sorted(wanted, key=lambda shard: (shard.opened_us, shard.first))

    def _is_wanted(self, shard: Shard) -> bool:
        is_late = shard.closed_us is None or shard.closed_us >= self.from_us
        overlaps = shard.range.start <= self.hashes.end and self.hashes.start <= shard.range.end
        return is_late and overlaps

    async def _start(self, shard: Shard) -> int:
        after = self._after.get(shard.shard_id)
        if after is None:
            found = await find_log(self.engine, self.table.table_id, shard, horizon=0)
            if found is None:
                raise LogGone
            after = self._after[shard.shard_id] = await found.untrimmed().at_time(self.from_us)
        return after

    def _logged(self, place: bytes, entry: Entry) -> _Logged | None:
        key = keys.of_key(self.table, orjson.loads(entry.keys.body))
        if not self.hashes.contains(int.from_bytes(key.partition_hash, "big")):
            return None
        return _Logged(place, key.stored, entry.time_us)


def partition_ranges(table: Table) -> list[HashRange]:
    """The ranges of hashes of a table's partitions."""
    starts = [partition.start for partition in table.partitions]
    ends = [start - 1 for start in starts[1:]]
    return [HashRange(*bounds) for bounds in zip(starts, [*ends, HASH_MAX], strict=True)]


async def items_at(
    engine: Engine, table: Table, hashes: HashRange, moment_us: int
) -> AsyncIterator[list[Image]]:
    """The items of a range of hashes as they were at a moment, in steps of bounded size.

    Raises LogGone if the log does not reach back to the moment.
    """
    start, stop = _item_span(table, hashes)
    logged = _Log(engine, table, hashes, moment_us)
    changed: dict[bytes, bytes] = {}
    ahead: list[bytes] = []
    while True:
        rows = await engine.scan(
            Span(start, stop, export_step_items_max, bytes_max=export_step_bytes_max)
        )
        async for each in logged.more():
            # What lies behind has been given: it was then as it had been at the moment.
            if each.item_key >= start and each.item_key not in changed:
                changed[each.item_key] = each.place
                heappush(ahead, each.item_key)
        beyond = rows[-1][0] + b"\x00" if rows else stop
        given = {
            key: Image(codec.body(item), codec.size(item))
            for key, item in rows
            if key not in changed
        }
        while ahead and ahead[0] < beyond:
            passed = [heappop(ahead) for _ in range(_step_of(ahead, beyond))]
            first = await _entries(engine, [changed.pop(key) for key in passed])
            given.update(zip(passed, (entry.old for entry in first), strict=True))
            if len(given) > export_step_items_max:
                yield [image for _, image in sorted(given.items()) if image.body]
                given = {}
        yield [image for _, image in sorted(given.items()) if image.body]
        if not rows:
            return
        start = beyond


def _step_of(ahead: Sequence[bytes], beyond: bytes) -> int:
    """How many keys to take from a heap at once: at least one, none from `beyond` on."""
    count = sum(1 for key in ahead[:_IMAGES_AT_ONCE] if key < beyond)
    return 1 if count < _IMAGES_AT_ONCE else _IMAGES_AT_ONCE


async def changes_between(
    engine: Engine, table: Table, from_us: int, to_us: int, hashes: HashRange = ALL_HASHES
) -> AsyncIterator[list[Change]]:
    """What became of each item changed from one moment up to another, each once.

    hashes: of the items looked at. Items that are as they were, or came and went, are left out.
    Raises LogGone.
    """
    waiting = [hashes]
    while waiting:
        hashes = waiting.pop()
        found: dict[bytes, tuple[_Logged, _Logged]] = {}
        async for each in _Log(engine, table, hashes, from_us).more():
            if each.time_us >= to_us or not _contains(table, hashes, each.item_key):
                continue
            first, _ = found.get(each.item_key, (each, each))
            found[each.item_key] = first, each
            if len(found) > export_keys_max and hashes.start < hashes.end:
                hashes, later = hashes.halves()
                waiting.append(later)
                found = {
                    key: value for key, value in found.items() if _contains(table, hashes, key)
                }
        spans = list(found.values())
        for at in range(0, len(spans), _IMAGES_AT_ONCE):
            yield await _changes(engine, spans[at : at + _IMAGES_AT_ONCE])


async def _changes(engine: Engine, spans: Sequence[tuple[_Logged, _Logged]]) -> list[Change]:
    firsts = await _entries(engine, [first.place for first, _ in spans])
    lasts = await _entries(engine, [last.place for _, last in spans])
    return [
        Change(last.keys.body, first.old, last.new, last.time_us)
        for first, last in zip(firsts, lasts, strict=True)
        if first.old.body != last.new.body
    ]


async def _entries(engine: Engine, places: Sequence[bytes]) -> list[Entry]:
    found: list[Entry] = []
    for stored in await engine.get(places):
        if stored is None:
            raise LogGone
        found.append(entries.decode(stored))
    return found


def _contains(table: Table, hashes: HashRange, item_key: bytes) -> bool:
    at = len(table.items_prefix)
    return hashes.contains(int.from_bytes(item_key[at : at + HASH_BYTES], "big"))


def _item_span(table: Table, hashes: HashRange) -> tuple[bytes, bytes]:
    start = table.items_prefix + hashes.start.to_bytes(HASH_BYTES, "big")
    if hashes.end == HASH_MAX:
        return start, after_prefix(table.items_prefix)
    return start, table.items_prefix + (hashes.end + 1).to_bytes(HASH_BYTES, "big")
