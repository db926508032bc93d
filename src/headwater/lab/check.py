"""Proof that a stream tells the truth, from what is stored, while writes go on.

Read are all records that are not trimmed, as `audit.lines` and `audit.story` do; and, of a stream
that has been on since its table's creation and has lost nothing, every item is compared with what
the records make of it. An item that changes while the table is read is not compared.

It holds the digest of the latest image of every item in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import orjson

from headwater.audit.lines import Lines, Told
from headwater.audit.reading import prefixed, rows_of
from headwater.audit.story import GONE, Story, digest
from headwater.datastreams.stream import DataStream
from headwater.lab.streams import StreamStore
from headwater.streams.window import Stream
from headwater.tables.schema import Table
from headwater.values import codec

_NOT_TOLD: Final = "is not what its records make of it"


async def check_data(store: StreamStore, stream: DataStream) -> Story:
    """Read a data stream, whose records are numbered, and tell of nothing else."""
    story = Story(is_whole=True, of_data=True)
    await Lines(Told(store.engine, stream, lambda: store.horizon(stream)), story).read_on()
    return story


async def check(store: StreamStore, stream: Stream, table: Table | None) -> Story:
    """Read a stream and, if it can be expected to hold it, its table.

    table: of the stream, or None if it is gone.
    """
    is_on = table is not None and table.stream is not None and table.stream.label == stream.label
    story = Story(is_whole=stream.is_whole)
    lines = Lines(Told(store.engine, stream, store.horizon), story)
    await lines.read_on()
    if table is None or not is_on or not story.is_whole:
        return story
    story.touched = set()
    expected = dict(story.images.items())
    suspects = {}
    async for key, image in _items(store, table):
        if expected.pop(key, GONE) != image:
            suspects[key] = _NOT_TOLD
    suspects.update({key: "is missing" for key, image in expected.items() if image != GONE})
    await lines.read_on()
    for key in sorted(suspects.keys() - story.touched):
        story.fault(f"Item {key.decode()} {suspects[key]}")
    return story


async def _items(store: StreamStore, table: Table) -> AsyncIterator[tuple[bytes, bytes]]:
    """The JSON of every item's key, and the digest of the item."""
    names = table.keys.names()
    async for _, stored in rows_of(store.engine, prefixed(table.items_prefix)):
        item = codec.decode(stored)
        key = {name: item[name] for name in names}
        yield orjson.dumps(key, option=orjson.OPT_SORT_KEYS), digest(codec.body(stored))
