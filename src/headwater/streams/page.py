"""One page of a shard: entries after a position, and where to go on.

The head is read before the log: once it says closed, every entry of the shard is committed, so the
page that holds the last one can say that it is the end. Knows nothing of view types or tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.limits import stream_page_bytes_max
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import time_us_of
from headwater.streams.log import Reading, Stored, read
from headwater.streams.position import Trimmed
from headwater.streams.shard import Head, number_before


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, oldest first, and the position behind them; None at the end of a closed shard."""

    entries: list[Stored]
    next: SequenceNumber | None


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a shard, what comes after a number, and the bytes of a page there."""

    table_id: TableId
    shard_id: ShardId
    after: SequenceNumber
    bytes_max: int = stream_page_bytes_max


async def read_page(engine: Engine, place: Place, head: Head, limit: int, horizon: int) -> Page:
    """The page at a place: as many entries as `limit` and the place allow, at least one.

    head: of the shard, read before this call.
    Raises Trimmed if the next entry is older than the horizon or removed.
    """
    prefix = keyspace.log_prefix(place.table_id, place.shard_id)
    reading = Reading(place.after, limit, place.bytes_max)
    found = _within_size(await read(engine, prefix, reading), place.bytes_max)
    if found:
        first = found[0]
        is_gap = number_before(first.number) > place.after
        if is_gap or time_us_of(first.entry) < horizon:
            raise Trimmed
    elif place.after < head.last:
        raise Trimmed
    after = found[-1].number if found else place.after
    return Page(found, None if head.is_closed and after >= head.last else after)


def _within_size(found: list[Stored], bytes_max: int) -> list[Stored]:
    """Without the entry that carries the page over its size, unless it stands alone."""
    if len(found) > 1 and sum([len(entry) for _, entry in found]) > bytes_max:
        return found[:-1]
    return found
