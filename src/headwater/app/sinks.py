"""The sinks of a server, running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from headwater.api.operation import OwnOperation
from headwater.api.sinks import SinkHandlers
from headwater.app.consumers import kept_running, services_of
from headwater.app.core import Core, absolute
from headwater.app.functions import Functions
from headwater.config import ConfigError
from headwater.outbox.outbox import Outbox
from headwater.queues.service import QueueService
from headwater.sinks.activity import SinkActivities
from headwater.sinks.configured import Asked, ConfiguredSinks, requests
from headwater.sinks.failure import Refusals
from headwater.sinks.filler import Filler
from headwater.sinks.kind import InvalidSettings, Surroundings
from headwater.sinks.local import LocalFunctions
from headwater.sinks.pipelines import Outside
from headwater.sinks.service import SinkService
from headwater.tables.catalog import Catalog
from headwater.tables.transitions import Stores
from headwater.tables.write import Writer

_FILES: Final = "sinks"


@dataclass(frozen=True, slots=True)
class Sinks:
    """The sinks, and what clients may ask of them."""

    service: SinkService
    operations: Mapping[str, OwnOperation]


@asynccontextmanager
async def sinks_of(
    core: Core, catalog: Catalog, functions: Functions, outbox: Outbox, queues: QueueService
) -> AsyncIterator[Sinks]:
    """All sinks, running; at the end they finish what they write, if it is soon.

    What is cut off is written again after the next start. Raises ConfigError.
    """
    settings, clock = core.settings, core.clock
    activities = SinkActivities(clock)
    core.telemetry.add(activities)
    outside = Outside(
        Surroundings(
            clock,
            core.chance,
            core.engine,
            catalog,
            Writer(core.committer, catalog),
            absolute(settings.sink_files or core.folder / _FILES),
            settings.s3_endpoint,
            settings.sqs_endpoint,
            settings.sns_endpoint,
            core.machine_clock,
            queues,
        ),
        Refusals(outbox, clock, core.chance),
        LocalFunctions(functions.calls, core.chance),
        activities,
        further=None if core.journal is None else core.journal.observer,
    )
    services = services_of(core)
    service = SinkService(services, core.process.members, settings.retention_seconds, outside)
    stores = Stores(core.engine, core.committer, core.wakeups)
    core.duties.append(Filler(stores, clock, service.pipelines, activities).run)
    configured = ConfiguredSinks(service, clock, _asked(core))
    core.duties.append(configured.run)
    handlers = SinkHandlers(service, activities, settings.account)
    async with kept_running(core, services, service):
        yield Sinks(service, handlers.operations())


def _asked(core: Core) -> Asked:
    """What the configuration file asks for."""
    try:
        return requests(core.settings.sinks, core.settings.region)
    except InvalidSettings as error:
        raise ConfigError(str(error)) from error
