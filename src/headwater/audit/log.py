"""Log entries: of a shard that is there, in its range, numbered without a gap up to the head.

The text that GetRecords sends of an entry must say what the entry says.

Streams are read by the code that the lab's CheckStream uses (`lines.py`, `story.py`); one that has
been on since its table's creation and has lost nothing must replay to the table. A log that no
stream shows, kept for recovery, is read the same way, but only along one line of shards.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from headwater.audit.catalog import Catalog
from headwater.audit.lines import Lines, Told, parents_first
from headwater.audit.reading import first_key, pages, prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.audit.shards import Shards
from headwater.audit.story import GONE, Images, Story, digest
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, TableId
from headwater.streams import entry as entries
from headwater.streams.entry import Entry, Place
from headwater.streams.shard import Shard, decode_head, next_number, sequence_text
from headwater.streams.window import Stream, ViewType
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.order import after_prefix, key_bytes, partition_hash

_KEY_BYTES: Final = 1 + 16 + 12
NewImages = Callable[[], Images]


@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard whose entries are read.

    keys: names of its table's key attributes, if known. view: of its stream, if there is one still.
    """

    table_id: TableId
    shard: Shard
    keys: tuple[str, ...] | None
    view: ViewType | None


async def check(
    engine: Engine, report: Report, stored: tuple[Catalog, Shards], images: NewImages
) -> None:
    """Look at every log entry, and replay every stream.

    images: makes an empty place for the latest image of every item of a stream.
    """
    catalog, shards = stored
    section = report.section("log")
    names = {stream.table_id: stream.keys for stream in catalog.streams}
    names |= {table.table_id: table.keys.names() for table in catalog.tables.values()}
    views = {(stream.table_id, stream.label): stream.view for stream in catalog.streams}
    for table_id, of_table in shards.items():
        for shard in parents_first(of_table):
            view = views.get((table_id, shard.stream_label))
            of = _Shard(table_id, shard, names.get(table_id), view)
            await _check_entries(engine, section, of)
    await _check_orphans(engine, section, (shards, catalog))
    for stream in catalog.streams:
        section = report.section(f"stream of {stream.table_name} from {stream.label}")
        await _check_stream(engine, section, stream, (catalog, images()))


async def _check_entries(engine: Engine, section: Section, of: _Shard) -> None:
    shard = of.shard
    (stored_head,) = await engine.get([keyspace.head(of.table_id, shard.shard_id)])
    head = None if stored_head is None else decode_head(stored_head)
    prefix = keyspace.log_prefix(of.table_id, shard.shard_id)
    number: int | None = None
    time_us = 0
    async for page in pages(engine, prefixed(prefix)):
        for key, stored in page:
            last, number = number, int.from_bytes(key[-8:], "big")
            where = f"{shard.shard_id} {sequence_text(number)}"
            section.count("entries")
            if last is not None and number != next_number(last, shard.lane):
                section.fault(f"{where} follows {sequence_text(last)}")
            entry = readable(section, where, stored, entries.decode)
            if entry is None:
                continue
            if entry.time_us < time_us:
                section.fault(f"{where} is older than the entry before it")
            time_us = entry.time_us
            _check_text(section, where, (entry, SequenceNumber(number), stored), of.view)
            if of.keys is not None:
                hashed = readable(
                    section, f"the key of {where}", entry.keys.body, _hash_of(of.keys)
                )
                if hashed is not None and not shard.range.contains(hashed):
                    section.fault(f"{where} is of an item outside its shard's range")
    if (
        number is not None
        and head is not None
        and (number, True)
        != (
            head.last,
            time_us <= head.time_us,
        )
    ):
        section.fault(f"the log of {shard.shard_id} does not end at its head")


def _check_text(
    section: Section, where: str, of: tuple[Entry, SequenceNumber, bytes], view: ViewType | None
) -> None:
    """What GetRecords sends of an entry must be what the entry says, in its stream's view.

    of: the entry, its number and its bytes. view: of its stream, if there is one.
    """
    entry, number, stored = of
    stored_for = readable(section, f"the view of {where}", stored, entries.view_of)
    if stored != entries.encode(entry, Place(number, entry.time_us, stored_for)) or (
        view is not None and view != stored_for
    ):
        section.fault(f"{where} has a text that does not fit it")


def _hash_of(names: tuple[str, ...]) -> Callable[[bytes], int]:
    def hash_of(body: bytes) -> int:
        attributes = orjson.loads(body)
        assert set(attributes) == set(names), "it has other key attributes than its table"
        ((kind, value),) = attributes[names[0]].items()
        return int.from_bytes(partition_hash(key_bytes(kind, value)), "big")

    return hash_of


async def _check_orphans(engine: Engine, section: Section, place: tuple[Shards, Catalog]) -> None:
    """Every entry is of a shard that is there; looks at one entry of each that is not."""
    shards, catalog = place
    start, stop = prefixed(b"l")
    while (key := await first_key(engine, (start, stop))) is not None:
        table_id, shard_id = keyspace.shard_of_head(key[:_KEY_BYTES])
        if table_id not in catalog.leaving and shard_id not in shards.get(table_id, {}):
            section.fault(f"there are log entries of a shard that is missing: {shard_id}")
        start = after_prefix(key[:_KEY_BYTES])


async def _check_stream(
    engine: Engine, section: Section, stream: Stream, place: tuple[Catalog, Images]
) -> None:
    catalog, images = place
    story = Story(is_whole=stream.is_whole, images=images)
    try:
        await Lines(Told(engine, stream, lambda: 0), story).read_on()
    except (AssertionError, ValueError, KeyError, TypeError, struct.error):
        # What cannot be read has been named with its shard already.
        section.fault("the stream cannot be read to its end")
        return
    section.count("records", story.records)
    section.count("shards", story.shards)
    for fault in story.faults:
        section.fault(fault)
    table = catalog.tables.get(stream.table_id)
    is_on = table is not None and table.stream is not None and table.stream.label == stream.label
    if table is not None and is_on and story.is_whole:
        await _check_replay(engine, section, table, images)


async def _check_replay(engine: Engine, section: Section, table: Table, images: Images) -> None:
    """The items are exactly the latest images."""

    def key_of(stored: bytes) -> bytes:
        item = codec.decode(stored)
        key = {name: item[name] for name in table.keys.names()}
        return orjson.dumps(key, option=orjson.OPT_SORT_KEYS)

    async for _, stored in rows_of(engine, prefixed(table.items_prefix)):
        key = readable(section, f"an item of {table.name}", stored, key_of)
        if key is None:
            continue
        section.count("items replayed")
        if images.get(key) != digest(codec.body(stored)):
            section.fault(f"Item {key.decode()} is not what its records make of it")
        images.put(key, GONE)
    for key, image in images.items():
        if image != GONE:
            section.fault(f"Item {key.decode()} is missing")
