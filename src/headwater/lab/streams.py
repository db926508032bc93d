"""What time does to a stream, done now: its records trimmed, its iterators expired.

A trim is one commit, after which nobody reads what it covers; the room is given back by the next
round of the trimming that time brings about as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headwater.clock import Clock
from headwater.datastreams.catalog import DataStreams, Plan
from headwater.datastreams.stream import DataStream
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams import listing
from headwater.streams import window as windows
from headwater.streams.shard import (
    Shard,
    decode_head,
    decode_point,
    encode_point,
    number_before,
    number_from,
)
from headwater.streams.window import AnyStream, Stream


@dataclass(frozen=True, slots=True)
class StreamStore:
    """Where streams are stored, and how long (seconds) their records can be read."""

    engine: Engine
    committer: Committer
    clock: Clock
    retention_seconds: float

    def horizon(self, stream: AnyStream | None = None) -> int:
        """What is older can be read no more; a data stream has a retention of its own."""
        if isinstance(stream, DataStream):
            return stream.horizon_us(self.clock.now())
        return listing.horizon_us(self.clock.now(), self.retention_seconds)


class _Trim:
    """Work that moves the trim points of shards forward."""

    def __init__(self, table_id: TableId, shards: Sequence[Shard], upto: int | None) -> None:
        self._shards = shards
        self._upto = upto
        ids = [(table_id, shard.shard_id) for shard in shards]
        self._heads = [keyspace.head(*each) for each in ids]
        self._points = [keyspace.trim_point(*each) for each in ids]
        self.reads = [*self._heads, *self._points]

    def run(self, view: View) -> Mapping[ShardId, SequenceNumber]:
        trimmed = {}
        for shard, head_key, point_key in zip(self._shards, self._heads, self._points, strict=True):
            stored = view.get(head_key)
            if stored is None:
                continue
            point = decode_head(stored).last
            if self._upto is not None:
                point = min(point, number_before(number_from(self._upto + 1, shard.lane)))
            # A head that stands on the first number has no entry yet.
            if point > max(shard.first, decode_point(view.get(point_key))):
                view.put(point_key, encode_point(point))
                trimmed[shard.shard_id] = point
        return trimmed


async def trim(
    store: StreamStore, stream: AnyStream, shard: Shard | None = None, upto: int | None = None
) -> Mapping[ShardId, SequenceNumber]:
    """Trim all shards of a stream, or one, up to and including a number or whole.

    Returns the last number trimmed of every shard that lost records.
    """
    shards = [shard] if shard is not None else await shards_of(store, stream)
    work = _Trim(stream.table_id, shards, upto)
    trimmed: Mapping[ShardId, SequenceNumber] = await store.committer.submit(work)
    return trimmed


async def shards_of(store: StreamStore, stream: AnyStream) -> list[Shard]:
    horizon = store.horizon(stream)
    return [each async for each in listing.shards_of(store.engine, stream, horizon)]


class _ExpireIterators:
    """Work that notes since when a stream's iterators are good: from the next millisecond on."""

    def __init__(self, key: bytes, now_ms: int) -> None:
        self._now_ms = now_ms
        self.reads = [key]

    def run(self, view: View) -> None:
        (key,) = self.reads
        stored = view.get(key)
        if stored is not None:
            stream = windows.decode(stored)
            since_ms = _good_since(self._now_ms, stream)
            view.put(key, windows.encode(replace(stream, iterators_since_ms=since_ms)))


def _good_since(now_ms: int, stream: Stream | DataStream) -> int:
    """Time may stand still: those issued since the last time are told from later ones, too."""
    return max(now_ms, stream.iterators_since_ms) + 1


async def expire_iterators(store: StreamStore, stream: Stream) -> None:
    """Expire every iterator of a stream that has been issued before this is committed."""
    now_ms = int(store.clock.now() * 1000)
    await store.committer.submit(_ExpireIterators(stream.key, now_ms))


async def expire_data_iterators(streams: DataStreams, stream: DataStream, now: float) -> None:
    """The same of a data stream, whose log has no other. now: epoch seconds."""

    def planned(_present: DataStream) -> Plan:
        return Plan(
            lambda _, each: each.changed(iterators_since_ms=_good_since(int(now * 1000), each))
        )

    await streams.change(stream.region, stream.name, planned)
