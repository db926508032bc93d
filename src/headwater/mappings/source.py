"""The stream that a mapping reads: a table's, or a data stream. Both are found by their ARNs."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from headwater.arn import parse_data_stream, parse_stream
from headwater.datastreams import stream as datastreams
from headwater.datastreams.stream import DataStream, DataStreamStatus
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.streams import listing
from headwater.streams.window import Stream

Source: TypeAlias = Stream | DataStream


def is_of_data_stream(arn: str) -> bool:
    return parse_data_stream(arn) is not None


@lru_cache(maxsize=4096)
def source_key(region: str, arn: str) -> bytes:
    """Where the stream of an ARN is stored; kept, since every look asks it of all mappings."""
    data_stream = parse_data_stream(arn)
    if data_stream is not None:
        return keyspace.data_stream(region, data_stream.stream)
    name = parse_stream(arn)
    assert name is not None, "a mapping's stream was checked when it was created"
    return keyspace.stream(region, name.table, name.label)


async def find_source(engine: Engine, region: str, arn: str, horizon: int) -> Source | None:
    """The stream of an ARN, if it can be read.

    horizon: microseconds since the epoch before which tables' streams are trimmed.
    """
    key = source_key(region, arn)
    if not is_of_data_stream(arn):
        return await listing.find_stream(engine, key, horizon)
    (stored,) = await engine.get([key])
    stream = None if stored is None else datastreams.decode(stored)
    if stream is None or stream.status is DataStreamStatus.DELETING:
        return None
    return stream


def retention_seconds_of(source: Source, of_tables: float) -> float:
    """How long a stream's records can be read; of_tables: of tables' streams."""
    return source.retention_seconds if isinstance(source, DataStream) else of_tables
