"""The links between the replicas of a server's global tables, running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headwater.app.consumers import kept_running, services_of
from headwater.app.core import Core
from headwater.replication.keeper import Keeper
from headwater.replication.latency import Latencies
from headwater.replication.receive import Receiver
from headwater.replication.service import LinkService
from headwater.replication.tombstones import TombstoneSweeper
from headwater.tables.catalog import Catalog
from headwater.tables.transitions import Stores
from headwater.tables.write import Writer


@asynccontextmanager
async def links_of(core: Core, catalog: Catalog) -> AsyncIterator[LinkService]:
    """All links, running."""
    engine, committer, clock = core.engine, core.committer, core.clock
    retention_seconds = core.settings.retention_seconds
    latencies = Latencies()
    core.telemetry.add(latencies)
    receiver = Receiver(engine, Writer(committer, catalog), clock)
    stores = Stores(engine, committer, core.wakeups)
    keeper = Keeper(stores, catalog, receiver, clock, retention_seconds)
    sweeper = TombstoneSweeper(engine, committer, clock, retention_seconds)
    core.duties.extend((keeper.run, sweeper.run))
    services = services_of(core)
    service = LinkService(services, receiver, core.process.members, retention_seconds, latencies)
    async with kept_running(core, services, service):
        yield service
