"""Tables and streams as stored: each under its own key, partitions whole, shards where they say."""

from __future__ import annotations

from dataclasses import dataclass, field

from headwater.audit import datastreams
from headwater.audit.reading import readable, rows_of
from headwater.audit.report import Report, Section
from headwater.datastreams.stream import DataStream, DataStreamStatus
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.window import Stream, StreamStatus
from headwater.tables import schema
from headwater.tables.schema import Table
from headwater.tables.unsettled import is_settled


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables and the streams there are, as far as they can be read.

    leaving: data streams whose logs are being erased, and so need not be whole.
    """

    tables: dict[TableId, Table] = field(default_factory=dict)
    streams: list[Stream] = field(default_factory=list)
    data_streams: dict[TableId, DataStream] = field(default_factory=dict)

    @property
    def leaving(self) -> set[TableId]:
        deleting = DataStreamStatus.DELETING
        return {each.table_id for each in self.data_streams.values() if each.status is deleting}


async def check(engine: Engine, report: Report) -> Catalog:
    """Look at every table and stream; returns them for the checks that follow."""
    catalog = Catalog()
    section = report.section("tables and streams")
    async for key, stored in rows_of(engine, keyspace.every_table_span()):
        table = readable(section, f"table {key!r}", stored, schema.decode)
        if table is None:
            continue
        section.count("tables")
        if table.key != key:
            section.fault(f"table {table.name} is stored under another's key")
        if table.table_id in catalog.tables:
            section.fault(f"table {table.name} has the id of another")
        catalog.tables[table.table_id] = table
        await _check_partitions(engine, section, table)
        await _check_mark(engine, section, table)
    async for key, stored in rows_of(engine, keyspace.every_stream_span()):
        stream = readable(section, f"stream {key!r}", stored, windows.decode)
        if stream is None:
            continue
        section.count("streams")
        if stream.key != key:
            section.fault(f"stream {stream.label} is stored under another's key")
        catalog.streams.append(stream)
    _check_streams(section, catalog)
    await _check_marks(engine, section, catalog)
    catalog.data_streams.update(await datastreams.check(engine, report))
    return catalog


async def _check_mark(engine: Engine, section: Section, table: Table) -> None:
    """A table in a state that passes is marked, or no server would carry it on."""
    if not is_settled(table):
        (mark,) = await engine.get([keyspace.unsettled(table.key)])
        if mark is None:
            section.fault(f"table {table.name} is in a state that passes, but not marked")


async def _check_marks(engine: Engine, section: Section, catalog: Catalog) -> None:
    known = {table.key for table in catalog.tables.values()}
    async for key, _ in rows_of(engine, keyspace.unsettled_span()):
        section.count("tables in a state that passes")
        if keyspace.table_of_unsettled(key) not in known:
            section.fault(f"a mark of a state that passes is of no table: {key!r}")


async def _check_partitions(engine: Engine, section: Section, table: Table) -> None:
    """The partitions cover the hash space, and each has an open shard of its range, or none has."""
    starts = [partition.start for partition in table.partitions]
    if not starts or starts[0] != 0 or sorted(set(starts)) != starts:
        section.fault(f"table {table.name}: its partitions do not cover the hash space")
        return
    ends = [start - 1 for start in starts[1:]] + [shards.HASH_MAX]
    for partition, end in zip(table.partitions, ends, strict=True):
        if (partition.shard_id is not None) != table.has_log:
            section.fault(f"table {table.name}: some of its partitions have a shard, some none")
        if partition.shard_id is None:
            continue
        name = f"table {table.name}: the shard {partition.shard_id} of its partition"
        (stored,) = await engine.get([keyspace.shard(table.table_id, partition.shard_id)])
        shard = None if stored is None else readable(section, name, stored, shards.decode)
        label = "" if table.stream is None else table.stream.label
        if shard is None:
            section.fault(f"{name} is missing")
        elif shard.is_closed:
            section.fault(f"{name} is closed")
        elif (shard.range.start, shard.range.end, shard.lane) != (
            partition.start,
            end,
            partition.lane,
        ):
            section.fault(f"{name} has another range or lane")
        elif shard.stream_label != label:
            section.fault(f"{name} is not of the table's stream")


def _check_streams(section: Section, catalog: Catalog) -> None:
    """A stream is on exactly as long as a table says so."""
    stored = {(stream.table_id, stream.label): stream for stream in catalog.streams}
    for table in catalog.tables.values():
        if table.stream is not None and (table.table_id, table.stream.label) not in stored:
            section.fault(f"table {table.name}: its stream {table.stream.label} is missing")
    for (table_id, label), stream in stored.items():
        owner = catalog.tables.get(table_id)
        is_on = owner is not None and owner.stream is not None and owner.stream.label == label
        if is_on != (stream.status is StreamStatus.ENABLED):
            section.fault(
                f"stream {label} of {stream.table_name} is {stream.status}, "
                f"but its table says it is {'on' if is_on else 'off'}"
            )
