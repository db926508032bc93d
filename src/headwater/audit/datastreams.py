"""Data streams as stored: open shards cover the hash space, consumers are of streams there are,
tables that stream into them are marked."""

from __future__ import annotations

from headwater.audit.reading import readable, rows_of
from headwater.audit.report import Report, Section
from headwater.datastreams import consumer as consumers
from headwater.datastreams import stream as streams
from headwater.datastreams.stream import DataStream, DataStreamStatus
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.streams import shard as shards
from headwater.tables import schema
from headwater.tables.schema import TableStatus


async def check(engine: Engine, report: Report) -> dict[TableId, DataStream]:
    """Look at every data stream; returns them by their ids."""
    section = report.section("data streams")
    found: dict[TableId, DataStream] = {}
    async for key, stored in rows_of(engine, keyspace.every_data_stream_span()):
        stream = readable(section, f"data stream {key!r}", stored, streams.decode)
        if stream is None:
            continue
        section.count("data streams")
        if stream.key != key:
            section.fault(f"data stream {stream.name} is stored under another's key")
        if stream.table_id in found:
            section.fault(f"data stream {stream.name} has the id of another")
        found[stream.table_id] = stream
        if stream.status is not DataStreamStatus.DELETING:
            await _check_shards(engine, section, stream)
    await _check_consumers(engine, section, found)
    await _check_marks(engine, section)
    return found


async def _check_marks(engine: Engine, section: Section) -> None:
    """A table whose changes go to a data stream is marked, or no server would send them."""
    async for key, stored in rows_of(engine, keyspace.every_table_span()):
        table = readable(section, f"table {key!r}", stored, schema.decode)
        if table is not None and table.streaming:
            section.count("tables that stream")
            (mark,) = await engine.get([keyspace.streaming(table.key)])
            if mark is None and table.status is not TableStatus.DELETING:
                section.fault(f"table {table.name} streams to a data stream, but is not marked")


async def _check_shards(engine: Engine, section: Section, stream: DataStream) -> None:
    """The open shards cover the hash space, and each is open and of its range."""
    starts = [shard.start for shard in stream.shards]
    if not starts or starts[0] != 0 or sorted(set(starts)) != starts:
        section.fault(f"data stream {stream.name}: its shards do not cover the hash space")
        return
    for opened in stream.shards:
        name = f"data stream {stream.name}: its shard {opened.shard_id}"
        (stored,) = await engine.get([keyspace.shard(stream.table_id, opened.shard_id)])
        shard = None if stored is None else readable(section, name, stored, shards.decode)
        if shard is None:
            section.fault(f"{name} is missing")
        elif shard.is_closed:
            section.fault(f"{name} is closed")
        elif (shard.range.start, shard.range.end, shard.lane) != (
            opened.start,
            stream.end_of(opened),
            opened.lane,
        ):
            section.fault(f"{name} has another range or lane")


async def _check_consumers(
    engine: Engine, section: Section, found: dict[TableId, DataStream]
) -> None:
    async for key, stored in rows_of(engine, keyspace.every_stream_consumer_span()):
        consumer = readable(section, f"stream consumer {key!r}", stored, consumers.decode)
        if consumer is None:
            continue
        section.count("registered stream consumers")
        owners = [each for each in found.values() if _is_of(key, each, consumer.name)]
        if not owners:
            section.fault(f"the registered consumer {consumer.name} is of no data stream")


def _is_of(key: bytes, stream: DataStream, name: str) -> bool:
    return keyspace.stream_consumer(stream.table_id, name) == key
