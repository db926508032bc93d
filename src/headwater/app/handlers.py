"""Every operation's handler, wired to what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

from headwater.api import (
    lab,
    lab_clock,
    lab_consumers,
    lab_faults,
    lab_region,
    lab_story,
    lab_streams,
)
from headwater.api.backups import BackupHandlers
from headwater.api.batches import Batches
from headwater.api.exports import ExportHandlers
from headwater.api.faulty import FaultyHandlers
from headwater.api.imports import ImportHandlers
from headwater.api.item_services import ItemServices
from headwater.api.items import Items
from headwater.api.lambda_tags import LambdaTagHandlers
from headwater.api.mapping_progress import MappingProgressHandlers
from headwater.api.mappings import MappingHandlers
from headwater.api.old_global_tables import OldGlobalTableHandlers
from headwater.api.operation import Handler, OwnOperation
from headwater.api.patience import patient
from headwater.api.peers import PeerHandlers, PeerVerifier
from headwater.api.queries import Queries
from headwater.api.queues import QueueHandlers
from headwater.api.resource_policies import ResourcePolicyHandlers
from headwater.api.statement_groups import StatementGroups
from headwater.api.statements import Statements
from headwater.api.streaming_destinations import StreamingDestinationHandlers
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.api.tables import TableHandlers
from headwater.api.time_to_live import TimeToLiveHandlers
from headwater.api.transactions import Transactions
from headwater.app.core import Core
from headwater.app.datastreams import handlers_of_data_streams, kept_for
from headwater.app.outside import objects_of
from headwater.app.parts import Parts
from headwater.app.running import running
from headwater.app.services import leading, resharding_duties
from headwater.lab.clock import LabClock
from headwater.lab.drain import Drain
from headwater.lab.erase import Eraser, Holdings
from headwater.lab.outsiders import Outsiders
from headwater.lab.story import Witnesses
from headwater.lab.streams import StreamStore
from headwater.lab.timekeeper import Timekeeper
from headwater.limits import table_unseen_seconds_max, trim_pause_seconds
from headwater.replication.groups import Groups
from headwater.streams.iterator import Iterators, load_secret
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables import export as exports
from headwater.tables import imports
from headwater.tables.backups import Backups
from headwater.tables.copying import BackupMaker
from headwater.tables.count import Counts
from headwater.tables.expirer import Expirer
from headwater.tables.exporter import Exporter
from headwater.tables.importer import Importer
from headwater.tables.jobs import Codec, Stored
from headwater.tables.metering import Meters
from headwater.tables.recovery import kept_since
from headwater.tables.resharding import Resharder
from headwater.tables.tokens import TokenSweeper
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Writer, WriteWork

Handlers: TypeAlias = Mapping[tuple[str, str], Handler]


def own_operations_of(core: Core, parts: Parts) -> Mapping[str, OwnOperation]:
    """Every operation of ours."""
    progress = MappingProgressHandlers(parts.mappings, parts.activities)
    settings = core.settings
    verifier = PeerVerifier(settings.peers, core.machine_clock, settings.region)
    return {
        **_lab_of(core, parts),
        **parts.sinks.operations,
        **PeerHandlers(parts.replication.reception, verifier).operations(),
        **progress.operations(),
        **parts.functions.own_operations(),
    }


def _lab_of(core: Core, parts: Parts) -> Mapping[str, OwnOperation]:
    if core.faults is None or core.journal is None or core.departures is None:
        return {
            **lab.refused(),
            **lab_clock.refused(),
            **lab_streams.refused(),
            **lab_consumers.refused(),
            **lab_story.refused(),
            **lab_faults.refused(),
            **lab_region.refused(),
        }
    assert isinstance(core.clock, LabClock), "the lab has a clock of its own"
    catalog, mappings = parts.catalog, parts.mappings
    resharder = Resharder(catalog, core.clock, core.chance)
    store = StreamStore(core.engine, core.committer, core.clock, core.settings.retention_seconds)
    data_streams = parts.data_streams.catalog
    outsiders = Outsiders(store, catalog, data_streams)
    links, sinks = parts.replication.links, parts.sinks.service
    consumers = mappings, links, sinks, parts.streaming, outsiders
    drain = Drain(core.engine, consumers, core.machine_clock)
    functions, machine_clock = parts.functions, core.machine_clock
    holdings = Holdings(catalog, functions.registry, functions.pool, mappings, sinks, data_streams)
    eraser = Eraser(holdings, (core.engine, core.committer), machine_clock)
    streams = lab_streams.LabStreamHandlers(store, catalog, data_streams, resharder)
    witnesses = Witnesses(mappings, sinks, core.journal, core.departures, outsiders)
    stories = lab_story.LabStoryHandlers(streams, store, witnesses)
    return {
        **lab.LabHandlers(drain, core.telemetry.delays).operations(),
        **lab_clock.LabClockHandlers(Timekeeper(core.clock, core.committer)).operations(),
        **streams.operations(),
        **lab_consumers.LabConsumerHandlers(streams, outsiders).operations(),
        **stories.operations(),
        **lab_faults.LabFaultHandlers(core.faults).operations(),
        **lab_region.LabRegionHandlers(eraser, core.faults, outsiders).operations(),
    }


@asynccontextmanager
async def handlers_of(core: Core, parts: Parts, endpoint: str) -> AsyncIterator[Handlers]:
    """The handler of every operation of AWS's, with the tasks behind them running."""
    catalog, mappings = parts.catalog, parts.mappings
    settings, engine, committer, clock = core.settings, core.engine, core.committer, core.clock
    meters = Meters(clock, settings.account) if settings.enforce_throughput else None
    writer = Writer(committer, catalog, WriteWork if meters is None else meters.work)
    services = ItemServices(catalog, engine, writer, clock, meters)
    counts = Counts(engine, clock)
    stores = Stores(engine, committer, core.wakeups)
    transitions = Transitions(catalog, stores, clock, settings.transition_seconds)
    backups = Backups(engine, committer, catalog, clock, core.chance)
    maker = BackupMaker(backups, catalog, stores, clock)
    objects = objects_of(core)
    exporter = Exporter(catalog, _jobs(core, exports.decode), objects, core.chance)
    importer = Importer(catalog, _jobs(core, imports.decode), objects, core.chance)
    expirer = Expirer(engine, writer, core.wakeups, clock)
    kept = kept_for(core, parts.data_streams, kept_since(catalog, clock))
    pause = partial(core.machine_clock.sleep, trim_pause_seconds)
    retention = RetentionSettings(settings.retention_seconds, kept_since=kept, pause=pause)
    trimmer = Trimmer(engine, committer, clock, retention)
    iterators = Iterators(await load_secret(committer, core.chance))
    streams = StreamsSettings(settings.account, settings.retention_seconds)
    of_functions = parts.functions.handlers(objects, clock)
    address = endpoint.partition("://")[2]
    tokens = TokenSweeper(engine, committer, clock)
    groups = Groups(engine, catalog, clock, core.chance, parts.replication.wire)
    works = (transitions, maker, exporter, importer, expirer, trimmer, tokens)
    core.duties.extend((*(work.run for work in works), *resharding_duties(core, catalog)))
    async with running(counts.run()), leading(core):
        handlers: Handlers = {
            **TableHandlers(catalog, groups, counts, clock, lambda: address).handlers(),
            **OldGlobalTableHandlers().handlers(),
            **TimeToLiveHandlers(catalog).handlers(),
            **ResourcePolicyHandlers(catalog, engine, clock).handlers(),
            **BackupHandlers(catalog, backups, clock, core.chance).handlers(),
            **ExportHandlers(catalog, exporter, objects, clock).handlers(),
            **ImportHandlers(importer, objects, settings.account).handlers(),
            **Items(services).handlers(),
            **Queries(services).handlers(),
            **Batches(services).handlers(),
            **Transactions(services).handlers(),
            **Statements(services).handlers(),
            **StatementGroups(services).handlers(),
            **StreamHandlers(engine, clock, iterators, streams).handlers(),
            **handlers_of_data_streams(core, parts.data_streams, iterators),
            **StreamingDestinationHandlers(catalog, parts.streaming).handlers(),
            **of_functions,
            **MappingHandlers(mappings, settings.account).handlers(),
            **LambdaTagHandlers(mappings, settings.account, of_functions).handlers(),
        }
        if settings.transition_seconds <= table_unseen_seconds_max:
            handlers = patient(handlers, core.machine_clock)
        if core.faults is not None:
            handlers = FaultyHandlers(
                core.faults, iterators, (clock, core.machine_clock), settings.account
            ).around(handlers)
        # Queues are for what could not be delivered: no fault befalls them.
        yield {**handlers, **QueueHandlers(parts.queues, endpoint).handlers()}


def _jobs(core: Core, decode: Codec) -> Stored:
    return Stored(core.engine, core.committer, core.wakeups, core.clock, decode)
