"""Batches of a stream that no store has, for tests of what is told of them."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.consumers.delivery import Batch
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType

SHARD = ShardId("shardId-00000000000000000001-00000000")
START = 1_700_000_000.0
STREAM = Stream(
    "us-east-1",
    "music",
    TableId("t"),
    "2026-01-01T00:00:00.000",
    ViewType.KEYS_ONLY,
    StreamStatus.ENABLED,
    ("k",),
    0.0,
)


def record(number: int, at: float = START) -> Stored:
    """The removal of an item, at an epoch second."""
    keys = Image(b'{"k":{"S":"a"}}', 2)
    time_us = int(at * 1e6)
    entry = Entry(Kind.REMOVE, time_us, keys, NO_IMAGE, NO_IMAGE)
    return Stored(
        SequenceNumber(number), encode(entry, Place(SequenceNumber(number), time_us, STREAM.view))
    )


def batch(numbers: Sequence[int], deliveries: int = 0) -> Batch:
    return Batch(STREAM, SHARD, tuple(record(number) for number in numbers), deliveries)
