"""The links between the replicas of a server's global tables, running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from headwater.api.peers import check_table
from headwater.app.consumers import kept_running, services_of
from headwater.app.core import Core
from headwater.config import ConfigError
from headwater.peers import Peers
from headwater.replication.contacts import Contacts
from headwater.replication.exchange import Exchanges
from headwater.replication.keeper import Keeper, Ways
from headwater.replication.latency import Latencies
from headwater.replication.receive import Receiver
from headwater.replication.reception import Reception
from headwater.replication.remote import Takers
from headwater.replication.service import LinkService
from headwater.replication.tombstones import TombstoneSweeper
from headwater.replication.wire import HttpWire, NoWire, Wire
from headwater.tables.catalog import Catalog
from headwater.tables.transitions import Stores
from headwater.tables.write import Writer


@dataclass(frozen=True, slots=True)
class Replication:
    """What the rest of a server knows of it."""

    links: LinkService
    wire: Wire
    reception: Reception


@asynccontextmanager
async def replication_of(core: Core, catalog: Catalog) -> AsyncIterator[Replication]:
    """All links, running, and what peers call.

    Raises ConfigError if there are tables of regions that are peers'.
    """
    peers = core.settings.peers
    await _check_regions(catalog, peers)
    wire = HttpWire(peers, core.machine_clock) if peers else NoWire()
    engine, committer, clock = core.engine, core.committer, core.clock
    retention_seconds = core.settings.retention_seconds
    latencies = Latencies()
    core.telemetry.add(latencies)
    receiver = Receiver(engine, Writer(committer, catalog), clock)
    stores = Stores(engine, committer, core.wakeups)
    taker = Takers(receiver, wire)
    exchanges = Exchanges(stores, catalog, wire, clock, check_table)
    contacts = Contacts(exchanges, catalog, wire, clock, core.chance)
    keeper = Keeper(stores, catalog, Ways(taker, contacts), clock, retention_seconds)
    sweeper = TombstoneSweeper(engine, committer, clock, retention_seconds)
    core.duties.extend((keeper.run, sweeper.run))
    services = services_of(core)
    service = LinkService(services, taker, core.process.members, retention_seconds, latencies)
    reception = Reception(peers, exchanges, receiver, catalog, clock)
    try:
        async with kept_running(core, services, service):
            yield Replication(service, wire, reception)
    finally:
        wire.close()


async def _check_regions(catalog: Catalog, peers: Peers) -> None:
    taken = sorted({table.region for table in await catalog.every()} & peers.keys())
    if taken:
        raise ConfigError(
            f"there are tables of {', '.join(taken)} here, which the configuration says is a "
            "peer's region: delete them, or take the peer out"
        )
