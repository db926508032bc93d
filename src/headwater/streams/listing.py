"""Which streams and shards can be seen now.

A disabled stream, and a closed shard, are seen until everything in them is older than the
retention; then they are gone for readers at once, whenever the trimming gets to them. `horizon_us`
is that moment everywhere here: what is older than it has been trimmed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from headwater.storage import keyspace
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import ShardId
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.shard import Shard
from headwater.streams.window import AnyStream, Stream

_PAGE: Final = 256
_SHARD_ID: Final = re.compile(r"shardId-[0-9]{20}-[0-9a-f]{8}", re.ASCII)
_MILLISECONDS_MAX: Final = 2**63 - 1


def horizon_us(now: float, retention_seconds: float) -> int:
    """Microseconds since the epoch before which entries are trimmed."""
    return int((now - retention_seconds) * 1e6)


def is_shard_id(text: str) -> bool:
    return _SHARD_ID.fullmatch(text) is not None


def bounded_shard_id(text: str) -> ShardId:
    """A well-formed id; one beyond every shard there can be becomes the last there can be."""
    return ShardId(min(text, f"shardId-{_MILLISECONDS_MAX:020d}-ffffffff"))


def stream_is_seen(stream: Stream, horizon: int) -> bool:
    return stream.disabled_at is None or stream.disabled_at * 1e6 >= horizon


def shard_is_seen(shard: Shard, horizon: int) -> bool:
    return shard.closed_us is None or shard.closed_us >= horizon


async def find_stream(engine: Engine, key: bytes, horizon: int) -> Stream | None:
    """The stream stored under a key, if it can be seen."""
    (stored,) = await engine.get([key])
    if stored is None:
        return None
    stream = windows.decode(stored)
    return stream if stream_is_seen(stream, horizon) else None


async def find_shard(
    engine: Engine, stream: AnyStream, shard_id: ShardId, horizon: int
) -> Shard | None:
    """A shard of a stream, if it can be seen."""
    (stored,) = await engine.get([keyspace.shard(stream.table_id, shard_id)])
    if stored is None:
        return None
    shard = shards.decode(stored)
    if not _is_of(shard, stream) or not shard_is_seen(shard, horizon):
        return None
    return shard


async def streams(engine: Engine, span: tuple[bytes, bytes], horizon: int) -> AsyncIterator[Stream]:
    """The streams to be seen between two keys, in the order of table names and labels."""
    async for _, stored in entries(engine, span):
        stream = windows.decode(stored)
        if stream_is_seen(stream, horizon):
            yield stream


async def shards_of(
    engine: Engine, stream: AnyStream, horizon: int, after: ShardId | None = None
) -> AsyncIterator[Shard]:
    """The shards of a stream to be seen, in the order of their ids, from behind one on."""
    start, stop = keyspace.shards_span(stream.table_id)
    if after is not None:
        start = keyspace.shard(stream.table_id, after) + b"\x00"
    async for _, stored in entries(engine, (start, stop)):
        shard = shards.decode(stored)
        if _is_of(shard, stream) and shard_is_seen(shard, horizon):
            yield shard


def _is_of(shard: Shard, stream: AnyStream) -> bool:
    return stream.label is None or shard.stream_label == stream.label


async def entries(engine: Engine, span: tuple[bytes, bytes]) -> AsyncIterator[tuple[bytes, bytes]]:
    """Everything stored between two keys, a bounded page at a time."""
    start, stop = span
    while True:
        found = await engine.scan(Span(start, stop, _PAGE))
        for entry in found:
            yield entry
        if len(found) < _PAGE:
            return
        start = found[-1][0] + b"\x00"
