"""The log of a shard: appending behind its head, reading after a sequence number.

Appending happens inside the write path, so a number is given while the commit group holds the head:
numbers follow commit order, and a reader that pages never meets a smaller number later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, cast

from headwater.storage.committer import View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId, head, log_prefix
from headwater.streams.entry import Entry, Place, encode
from headwater.streams.shard import Head, ShardClosed, decode_head, encode_head, next_number
from headwater.streams.window import ViewType


@dataclass(frozen=True, slots=True)
class OpenShard:
    """What appending to a shard needs: its keys, the lane of its numbers, and who shows it.

    view: of the shard's stream; None if no stream of a table shows the shard.
    """

    head_key: bytes
    log_prefix: bytes
    lane: int
    view: ViewType | None


Row: TypeAlias = tuple[bytes, bytes]
"""The key and the stored bytes of a log entry."""


class Stored(NamedTuple):
    """A log entry as read: its number and its stored bytes. A tuple, as pages make thousands."""

    number: SequenceNumber
    entry: bytes


def open_shard(
    table_id: TableId, shard_id: ShardId, lane: int, view: ViewType | None = None
) -> OpenShard:
    return OpenShard(head(table_id, shard_id), log_prefix(table_id, shard_id), lane, view)


def append(view: View, shard: OpenShard, entry: Entry) -> SequenceNumber:
    """Number an entry after its shard's head and store both; wakes the shard's readers.

    The view must have loaded the head. The entry takes the head's time if its own is earlier, so
    that time never decreases along a shard.
    Raises ShardClosed if the head is closed or gone: load the table's partitions and write again.
    """
    stored_head = view.get(shard.head_key)
    if stored_head is None:
        raise ShardClosed
    before = decode_head(stored_head)
    if before.is_closed:
        raise ShardClosed
    number = next_number(before.last, shard.lane)
    time_us = max(entry.time_us, before.time_us)
    view.put(shard.head_key, encode_head(Head(number, time_us)))
    stored = encode(entry, Place(number, time_us, shard.view))
    view.put(shard.log_prefix + number.to_bytes(8, "big"), stored)
    view.wake(shard.log_prefix)
    return number


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a shard to read: entries whose numbers are greater than `after`, oldest first."""

    after: int
    limit: int
    bytes_max: int


async def read(engine: Engine, prefix: bytes, reading: Reading) -> list[Stored]:
    """Entries of the shard with this log prefix.

    Ends at `limit` entries, or with the entry that brings the stored bytes to `bytes_max`.
    """
    return numbered(await rows(engine, prefix, reading))


async def rows(engine: Engine, prefix: bytes, reading: Reading) -> list[Row]:
    """The same, as they are stored."""
    first = min(max(reading.after + 1, 0), 2**64 - 1)
    start = prefix + first.to_bytes(8, "big")
    stop = prefix + b"\xff" * 9
    return await engine.scan(Span(start, stop, reading.limit, bytes_max=reading.bytes_max))


def number_of(key: bytes) -> SequenceNumber:
    """The number of the entry with this key."""
    return SequenceNumber(int.from_bytes(key[-8:], "big"))


def numbered(rows: Sequence[Row]) -> list[Stored]:
    """Entries with their numbers."""
    numbers = [int.from_bytes(key[-8:], "big") for key, _ in rows]
    return list(map(Stored, cast("list[SequenceNumber]", numbers), [entry for _, entry in rows]))
