"""Shards: stretches of a partition's log, and how they open, close, split and roll over.

A partition is a range of a table's hash space. While the table's log is on it has exactly one open
shard. A shard's *descriptor* (lineage, range, first number) is written when it opens and when it
closes; its *head* (last number, time, state) with every commit group that appends to it.

Sequence numbers as stored have 64 bits: a counter of 48, which grows along every lineage, and below
it the shard's lane of 16, which tells the shards of one table apart, so that no two records of a
stream share a number. Readers see them as decimals of 21 digits, of 56 in data streams
(`sequence_text`).

All functions here are pure; whoever calls them stores what they return in one commit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

import orjson

from headwater.clock import Chance
from headwater.storage.keyspace import SequenceNumber, ShardId, is_counted

HASH_MAX: Final = 2**64 - 1
_LANE_BITS: Final = 16
_LANES: Final = 2**_LANE_BITS
TEXT_BASE: Final = 10**20
_COUNTED_TEXT_BASE: Final = 495 * 10**53  # of data streams
_HEAD: Final = struct.Struct(">QQB")


class ShardClosed(Exception):
    """The shard takes no more entries: load the table's partitions again and write once more."""


@dataclass(frozen=True, slots=True)
class HashRange:
    """Hashes of partition keys from `start` to `end`, both inclusive: 64 bits each, 128 in data
    streams."""

    start: int
    end: int

    def contains(self, hashed: int) -> bool:
        return self.start <= hashed <= self.end

    def halves(self) -> tuple[HashRange, HashRange]:
        """The range cut in the middle; asserts that it holds at least two hashes."""
        return self.cut((self.start + self.end) // 2 + 1)

    def cut(self, start: int) -> tuple[HashRange, HashRange]:
        """The range cut in two, the second part from `start` on; asserts that neither is empty."""
        assert self.start < start <= self.end, "a part of a range holds at least one hash"
        return HashRange(self.start, start - 1), HashRange(start, self.end)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard's descriptor.

    stream_label: the stream through whose window the shard is seen; empty if through none.
    adjacent: the other parent of a shard that two were merged into.
    first: StartingSequenceNumber. last: EndingSequenceNumber once closed, else None.
    opened_us, closed_us: microseconds since the epoch.
    """

    shard_id: ShardId
    stream_label: str
    lane: int
    range: HashRange
    parent: ShardId | None
    first: SequenceNumber
    opened_us: int
    last: SequenceNumber | None = None
    closed_us: int | None = None
    adjacent: ShardId | None = None

    @property
    def is_closed(self) -> bool:
        return self.last is not None

    @property
    def parents(self) -> tuple[ShardId, ...]:
        return tuple(each for each in (self.parent, self.adjacent) if each is not None)


class Head(NamedTuple):
    """Where a shard's log ends: the last number given, its time, and whether more may follow.

    A tuple, as every write makes one.
    """

    last: SequenceNumber
    time_us: int
    is_closed: bool = False


class Opens(Protocol):
    """What is common to the shards that open together. now_us: microseconds since the epoch."""

    @property
    def stream_label(self) -> str: ...

    @property
    def now_us(self) -> int: ...

    def shard_id(self, parent: Shard | None) -> ShardId:
        """The id of the next shard to open, which comes behind its parents'."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening of shards of tables."""

    stream_label: str
    now_us: int
    chance: Chance

    def shard_id(self, parent: Shard | None) -> ShardId:
        """A new id, behind the parent's: who reads shards in the order of ids reads parents first.

        Clients do, and time may stand still.
        """
        milliseconds = self.now_us // 1000
        if parent is not None:
            milliseconds = max(milliseconds, int(parent.shard_id.split("-")[1]) + 1)
        return ShardId(f"shardId-{milliseconds:020d}-{self.chance.token(4).hex()}")


def even_ranges(count: int, hash_max: int = HASH_MAX) -> list[HashRange]:
    """The hash space cut into so many ranges, as equal as can be."""
    bounds = [index * (hash_max + 1) // count for index in range(count + 1)]
    return [HashRange(bounds[index], bounds[index + 1] - 1) for index in range(count)]


def open_root(opening: Opens, hash_range: HashRange, lane: int) -> tuple[Shard, Head]:
    """A shard without a parent."""
    return _open(opening, hash_range, lane)


def roll_over(
    opening: Opens, parent: Shard, head: Head, lane: int
) -> tuple[Shard, tuple[Shard, Head]]:
    """Close a shard and open one child of the same range; returns the closed one and the child."""
    closed = close(parent, head, opening.now_us)
    return closed, _open(opening, parent.range, lane, closed)


def follow(
    opening: Opens, before: Shard, head: Head, lane: int
) -> tuple[Shard, tuple[Shard, Head]]:
    """Close a shard and open another of its range, whose numbers and times come after its own.

    For a change of windows: who sees one of them does not see the other, so it is no child.
    """
    closed, (opened, opened_head) = roll_over(opening, before, head, lane)
    return closed, (replace(opened, parent=None), opened_head)


def split(
    opening: Opens,
    parent: tuple[Shard, Head],
    ranges: tuple[HashRange, HashRange],
    lanes: tuple[int, int],
) -> tuple[Shard, list[tuple[Shard, Head]]]:
    """Close a shard and open a child for each part of its range."""
    closed = close(*parent, opening.now_us)
    return closed, [
        _open(opening, part, lane, closed) for part, lane in zip(ranges, lanes, strict=True)
    ]


def merge(
    opening: Opens, parent: tuple[Shard, Head], adjacent: tuple[Shard, Head], lane: int
) -> tuple[tuple[Shard, Shard], tuple[Shard, Head]]:
    """Close two shards whose ranges meet, and open one child of both."""
    ranges = sorted((parent[0].range, adjacent[0].range), key=lambda each: each.start)
    assert ranges[0].end + 1 == ranges[1].start, "only neighbours are merged"
    closed = close(*parent, opening.now_us), close(*adjacent, opening.now_us)
    return closed, _open(opening, HashRange(ranges[0].start, ranges[1].end), lane, *closed)


def close(shard: Shard, head: Head, now_us: int) -> Shard:
    """The shard closed: its ending number is the head's last, or its first if it has no entry."""
    assert not shard.is_closed, "a closed shard cannot close again"
    return replace(shard, last=max(head.last, shard.first), closed_us=max(now_us, head.time_us))


def closed_head(head: Head) -> Head:
    return head._replace(is_closed=True)


def next_number(last: int, lane: int) -> SequenceNumber:
    """The number after `last` on a lane; greater than any number of any lane not beyond `last`."""
    return SequenceNumber((((last >> _LANE_BITS) + 1) << _LANE_BITS) | lane)


def number_from(number: int, lane: int) -> SequenceNumber:
    """The smallest number of a lane that is not below `number`."""
    candidate = (number & ~(_LANES - 1)) | lane
    return SequenceNumber(candidate if candidate >= number else candidate + _LANES)


def number_before(number: int) -> SequenceNumber:
    """The number before one of the same lane. Within a shard no number is left out."""
    return SequenceNumber(number - _LANES)


def middle_number(low: int, high: int) -> SequenceNumber:
    """A number of the same lane as both, from `low` up to but not including `high`."""
    return SequenceNumber(low + ((high - low) >> (_LANE_BITS + 1) << _LANE_BITS))


def line_count(number: SequenceNumber) -> int:
    """How many numbers a line of shards has given up to this one, a few for its shards included."""
    return number >> _LANE_BITS


def next_lane(lane: int) -> int:
    """The lane after one; lanes are given in turn and begin again after 65,536 shards."""
    return (lane + 1) % _LANES


def sequence_text(number: int, shard_id: ShardId | None = None) -> str:
    """A sequence number as readers see it: decimal, 21 digits; 56 in a shard of a data stream."""
    is_of_data_stream = shard_id is not None and is_counted(shard_id)
    return str((_COUNTED_TEXT_BASE if is_of_data_stream else TEXT_BASE) + number)


def parse_sequence(text: str) -> int:
    """The stored number of a text; numbers below all others give -1, above all others 2**64."""
    number = int(text)
    base = _COUNTED_TEXT_BASE if number >= _COUNTED_TEXT_BASE else TEXT_BASE
    return min(max(number - base, -1), 2**64)


def encode_head(head: Head) -> bytes:
    return _HEAD.pack(head.last, head.time_us, head.is_closed)


def decode_head(stored: bytes) -> Head:
    last, time_us, is_closed = _HEAD.unpack(stored)
    return Head(last, time_us, bool(is_closed))


def encode_point(point: SequenceNumber) -> bytes:
    return point.to_bytes(8, "big")


def decode_point(stored: bytes | None) -> int:
    """The number up to which a shard was trimmed on command; below all if it was not."""
    return -1 if stored is None else int.from_bytes(stored, "big")


def encode(shard: Shard) -> bytes:
    """The stored bytes of a descriptor: JSON with its fields, a wide range as texts."""
    fields: dict[str, Any] = {name: getattr(shard, name) for name in shard.__slots__}
    if shard.range.end > HASH_MAX:  # JSON's parsers round what has more than 64 bits
        fields["range"] = {"start": str(shard.range.start), "end": str(shard.range.end)}
    if shard.adjacent is None:
        del fields["adjacent"]
    return orjson.dumps(fields)


def decode(stored: bytes) -> Shard:
    fields: dict[str, Any] = orjson.loads(stored)
    bounds = fields["range"]
    fields["range"] = HashRange(int(bounds["start"]), int(bounds["end"]))
    return Shard(**fields)


def _open(opening: Opens, hash_range: HashRange, lane: int, *parents: Shard) -> tuple[Shard, Head]:
    """parents: closed."""
    first = next_number(max((_required(each.last) for each in parents), default=0), lane)
    closed_us = max((each.closed_us or 0 for each in parents), default=0)
    opened_us = max(opening.now_us, closed_us)
    ids = [each.shard_id for each in parents]
    shard = Shard(
        opening.shard_id(parents[0] if parents else None),
        opening.stream_label,
        lane,
        hash_range,
        ids[0] if ids else None,
        first,
        opened_us,
        adjacent=ids[1] if len(ids) > 1 else None,
    )
    # The head stands before the first number, so that the first entry may take a number after it.
    return shard, Head(first, opened_us)


def _required(number: SequenceNumber | None) -> SequenceNumber:
    assert number is not None, "a parent is closed before its children open"
    return number
