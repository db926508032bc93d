"""What a server's operations are about, running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from headwater.app.core import Core
from headwater.app.datastreams import RecordStreams, data_streams_of
from headwater.app.functions import Functions, functions_of
from headwater.app.mappings import activities_of, mappings_of
from headwater.app.outside import outbox_of, queues_of, senders_of
from headwater.app.replication import Replication, replication_of
from headwater.app.sinks import Sinks, sinks_of
from headwater.app.streaming import streaming_of
from headwater.functions.environment import Surroundings
from headwater.mappings.activity import Activities
from headwater.mappings.service import MappingService
from headwater.queues.service import QueueService
from headwater.streaming.service import StreamingService
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.creation import TableDefaults


@dataclass(frozen=True, slots=True)
class Parts:
    """All of them."""

    catalog: Catalog
    queues: QueueService
    functions: Functions
    mappings: MappingService
    activities: Activities
    replication: Replication
    sinks: Sinks
    data_streams: RecordStreams
    streaming: StreamingService


@asynccontextmanager
async def parts_of(core: Core, surroundings: Surroundings) -> AsyncIterator[Parts]:
    """All parts; at the end they finish what they have begun, each in its way."""
    catalog, activities = _catalog_of(core), activities_of(core)
    queues, data_streams = queues_of(core), data_streams_of(core)
    outbox = outbox_of(core, senders_of(core, queues), activities)
    async with (
        functions_of(core, surroundings, outbox) as functions,
        mappings_of(core, functions, outbox, activities) as mappings,
        replication_of(core, catalog) as replication,
        sinks_of(core, catalog, functions, outbox, queues) as sinks,
        streaming_of(core, catalog, data_streams) as streaming,
    ):
        yield Parts(
            catalog,
            queues,
            functions,
            mappings,
            activities,
            replication,
            sinks,
            data_streams,
            streaming,
        )


def _catalog_of(core: Core) -> Catalog:
    settings = CatalogSettings(
        core.settings.account,
        TableDefaults(core.settings.initial_partitions, core.settings.item_collection_bytes_max),
        None if core.process.shared is None else core.process.shared.table_changes,
    )
    return Catalog(core.engine, core.committer, core.clock, core.chance, settings)
