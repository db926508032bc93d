"""Data streams of a server: their handlers, and what is done for them beside requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from headwater.api.data_streams import DataStreamHandlers
from headwater.api.operation import Handler
from headwater.api.stream_consumers import StreamConsumerHandlers
from headwater.api.stream_records import StreamRecordHandlers
from headwater.api.stream_shards import StreamShardHandlers
from headwater.app.core import Core
from headwater.app.services import split_settings
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.consumer import StreamConsumers
from headwater.datastreams.growth import Growth
from headwater.datastreams.keeper import Keeper
from headwater.datastreams.reading import Reading
from headwater.datastreams.scaling import Scaling
from headwater.datastreams.writing import Intake
from headwater.storage.keyspace import TableId
from headwater.streams.iterator import Iterators
from headwater.streams.retention import KeptSince

Handlers: TypeAlias = Mapping[tuple[str, str], Handler]


@dataclass(frozen=True, slots=True)
class RecordStreams:
    """What other parts of a server need of data streams."""

    catalog: DataStreams
    intake: Intake


def data_streams_of(core: Core) -> RecordStreams:
    """The data streams of a store; the process that leads carries them through their states."""
    engine, committer, clock = core.engine, core.committer, core.clock
    streams = DataStreams(engine, committer, clock, core.chance, core.settings.account)
    stores = (engine, committer, core.wakeups)
    core.duties.append(Keeper(streams, stores, clock, core.settings.transition_seconds).run)
    if core.settings.split_write_units > 0:
        core.duties.append(Growth(streams, engine, clock, split_settings(core)).run)
    return RecordStreams(streams, Intake(streams, committer, clock))


def handlers_of_data_streams(core: Core, of: RecordStreams, iterators: Iterators) -> Handlers:
    engine, clock, account = core.engine, core.clock, core.settings.account
    streams = of.catalog
    consumers = StreamConsumers(engine, core.committer, clock, account)
    reading = Reading(engine, clock, account)
    settle_seconds = core.settings.transition_seconds
    return {
        **DataStreamHandlers(streams, consumers, engine, clock).handlers(),
        **StreamShardHandlers(streams, Scaling(streams, engine, clock), engine, clock).handlers(),
        **StreamRecordHandlers(streams, of.intake, reading, iterators, clock).handlers(),
        **StreamConsumerHandlers(streams, consumers, clock, settle_seconds).handlers(),
    }


def kept_for(core: Core, of: RecordStreams, for_tables: KeptSince) -> KeptSince:
    """Whose logs are kept for longer than the store's retention: tables', and data streams'."""

    async def ask() -> Mapping[TableId, int]:
        now = core.clock.now()
        kept = dict(await for_tables())
        for stream in await of.catalog.every():
            kept[stream.table_id] = stream.horizon_us(now)
        return kept

    return ask
