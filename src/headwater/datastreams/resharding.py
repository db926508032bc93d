"""A data stream's shards opened, split, merged and scaled: steps of a commit's work.

Each reads and writes a view and returns the stream as it then is, which the caller stores. Scaling
is a series of splits at the bounds of the new ranges and of merges within them, as on AWS, so every
shard has one parent or two; shards between that never get a record open and close in the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from headwater.datastreams.stream import HASH_KEY_MAX, LABEL, DataStream, OpenShard
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.keyspace import ShardId, TableId, counted_shard_id
from headwater.streams import shard as shards
from headwater.streams.shard import Head, Shard, even_ranges


class _Opening:
    """Shards that open together in a data stream; their ids are counted on."""

    stream_label = LABEL

    def __init__(self, stream: DataStream, now_us: int) -> None:
        self.now_us = now_us
        self._numbers = count(stream.next_shard)

    def shard_id(self, _parent: Shard | None) -> ShardId:
        return counted_shard_id(next(self._numbers))


def open_first(view: View, stream: DataStream, shard_count: int, now_us: int) -> DataStream:
    """Open the shards of a new stream: its hash space in equal parts."""
    opening = _Opening(stream, now_us)
    opened = []
    for lane, hash_range in enumerate(even_ranges(shard_count, HASH_KEY_MAX)):
        shard, head = shards.open_root(opening, hash_range, lane)
        _put(view, stream.table_id, shard, head)
        opened.append(OpenShard(hash_range.start, shard.shard_id, lane))
    return stream.changed(shards=tuple(opened), next_shard=shard_count, next_lane=shard_count)


def shard_keys(stream: DataStream, ids: Sequence[ShardId]) -> list[bytes]:
    """Descriptor and head of shards, which the steps here read."""
    of = stream.table_id
    return [key for each in ids for key in (keyspace.shard(of, each), keyspace.head(of, each))]


@dataclass(frozen=True, slots=True)
class Resharding:
    """Steps in one commit, at one moment: microseconds since the epoch."""

    view: View
    now_us: int

    def split(self, stream: DataStream, shard: OpenShard, start: int) -> DataStream:
        """Close a shard and open two in its place, the second of the hashes from `start` on."""
        parent = self._load(stream, shard)
        lanes = stream.next_lane, shards.next_lane(stream.next_lane)
        opening = _Opening(stream, self.now_us)
        closed, children = shards.split(opening, parent, parent[0].range.cut(start), lanes)
        self._close(stream, closed, parent[1])
        return self._replaced(stream, [shard], children)

    def merge(self, stream: DataStream, shard: OpenShard, adjacent: OpenShard) -> DataStream:
        """Close two shards whose ranges meet, and open one in their place."""
        first, second = self._load(stream, shard), self._load(stream, adjacent)
        opening = _Opening(stream, self.now_us)
        closed, child = shards.merge(opening, first, second, stream.next_lane)
        self._close(stream, closed[0], first[1])
        self._close(stream, closed[1], second[1])
        return self._replaced(stream, [shard, adjacent], [child])

    def scale(self, stream: DataStream, shard_count: int) -> DataStream:
        """Share the hash space out among so many shards, equally."""
        ranges = even_ranges(shard_count, HASH_KEY_MAX)
        for wanted in ranges:
            shard = stream.shard_of(wanted.start)
            if shard.start != wanted.start:
                stream = self.split(stream, shard, wanted.start)
        for wanted in ranges:
            while stream.end_of(first := stream.shard_of(wanted.start)) < wanted.end:
                stream = self.merge(stream, first, stream.shard_of(stream.end_of(first) + 1))
        return stream

    def _load(self, stream: DataStream, shard: OpenShard) -> tuple[Shard, Head]:
        descriptor = self.view.get(keyspace.shard(stream.table_id, shard.shard_id))
        head = self.view.get(keyspace.head(stream.table_id, shard.shard_id))
        assert descriptor is not None, "an open shard has a descriptor"
        assert head is not None, "an open shard has a head"
        return shards.decode(descriptor), shards.decode_head(head)

    def _close(self, stream: DataStream, closed: Shard, head: Head) -> None:
        _put(self.view, stream.table_id, closed, shards.closed_head(head))

    def _replaced(
        self,
        stream: DataStream,
        gone: Sequence[OpenShard],
        opened: Sequence[tuple[Shard, Head]],
    ) -> DataStream:
        for shard, head in opened:
            _put(self.view, stream.table_id, shard, head)
        kept = [each for each in stream.shards if each not in gone]
        new = [OpenShard(shard.range.start, shard.shard_id, shard.lane) for shard, _ in opened]
        return stream.changed(
            shards=tuple(sorted((*kept, *new), key=lambda each: each.start)),
            next_shard=stream.next_shard + len(new),
            next_lane=shards.next_lane(new[-1].lane),
        )


def _put(view: View, table_id: TableId, shard: Shard, head: Head) -> None:
    """Store a shard's descriptor and head, and wake who reads it: its end may have come."""
    view.put(keyspace.shard(table_id, shard.shard_id), shards.encode(shard))
    view.put(keyspace.head(table_id, shard.shard_id), shards.encode_head(head))
    view.wake(keyspace.log_prefix(table_id, shard.shard_id))
    view.wake(keyspace.shards_span(table_id)[0])
