"""A record of a stream by what a client has in hand: its event id, or its item's key."""

from __future__ import annotations

from typing import Final

import orjson

from headwater.datastreams.stream import DataStream
from headwater.lab.streams import StreamStore
from headwater.limits import sequence_digits_max
from headwater.storage import keyspace
from headwater.storage.engine import Span
from headwater.streams import listing
from headwater.streams.entry import keys_of
from headwater.streams.render import event_id, number_in_event_id
from headwater.streams.shard import Shard, parse_sequence
from headwater.streams.window import AnyStream, Stream
from headwater.values.item import Item
from headwater.values.order import key_bytes, partition_hash

_PAGE: Final = 256
_PAGE_BYTES_MAX: Final = 4 * 1024 * 1024


async def number_of_event(store: StreamStore, stream: AnyStream, wanted: str) -> int | None:
    """The number of the record with an event id, if the stream has had it.

    Events of data streams have the shard and the number in their ids.
    """
    if isinstance(stream, DataStream):
        _, _, text = wanted.partition(":")
        is_number = text.isascii() and text.isdigit() and len(text) <= sequence_digits_max
        return parse_sequence(text) if is_number else None
    number = number_in_event_id(wanted)
    if number is None:
        return None
    async for shard in listing.shards_of(store.engine, stream, 0):
        if event_id(shard.shard_id, number) == wanted:
            return number
    return None


async def latest_number(store: StreamStore, stream: Stream, key: Item) -> int | None:
    """The number of the latest record of an item, if any of it is stored.

    key: canonical, with the stream's key attributes. Reads back to it from the newest record of its
    partition, however far that is.
    """
    (partition,) = key[stream.keys[0]].items()
    hashed = int.from_bytes(partition_hash(key_bytes(*partition)), "big")
    shards = [
        shard
        async for shard in listing.shards_of(store.engine, stream, 0)
        if shard.range.contains(hashed)
    ]
    body = orjson.dumps(key, option=orjson.OPT_SORT_KEYS)
    for shard in sorted(shards, key=lambda shard: shard.first, reverse=True):
        number = await _latest_in(store, stream, shard, body)
        if number is not None:
            return number
    return None


async def _latest_in(store: StreamStore, stream: Stream, shard: Shard, body: bytes) -> int | None:
    """The number of the latest record of a shard whose keys are these."""
    prefix = keyspace.log_prefix(stream.table_id, shard.shard_id)
    stop = prefix + b"\xff" * 9
    while True:
        span = Span(prefix, stop, _PAGE, reverse=True, bytes_max=_PAGE_BYTES_MAX)
        page = await store.engine.scan(span)
        if not page:
            return None
        for key, stored in page:
            if keys_of(stored) == body:
                return int.from_bytes(key[-8:], "big")
        stop = page[-1][0]
