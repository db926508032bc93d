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
from headwater.streams.log import Reading, Row, Stored, number_of, numbered, rows
from headwater.streams.position import Trimmed
from headwater.streams.shard import Head, number_before


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the log, oldest first, and the position behind them; None at a closed shard's end."""

    rows: list[Row]
    next: SequenceNumber | None

    @property
    def entries(self) -> list[Stored]:
        """The entries with their numbers."""
        return numbered(self.rows)

    @property
    def stored(self) -> list[bytes]:
        """The stored bytes of the entries alone."""
        return [entry for _, entry in self.rows]


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
    found = _within_size(await rows(engine, prefix, reading), place.bytes_max)
    if found:
        key, first = found[0]
        is_gap = number_before(number_of(key)) > place.after
        if is_gap or time_us_of(first) < horizon:
            raise Trimmed
    elif place.after < head.last:
        raise Trimmed
    after = number_of(found[-1][0]) if found else place.after
    return Page(found, None if head.is_closed and after >= head.last else after)


def _within_size(found: list[Row], bytes_max: int) -> list[Row]:
    """Without the entry that carries the page over its size, unless it stands alone."""
    if len(found) > 1 and sum([len(entry) for _, entry in found]) > bytes_max:
        return found[:-1]
    return found
