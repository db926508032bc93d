"""The links between the replicas of a server's global tables, running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from headwater.app.core import Core
from headwater.app.mappings import reach_of
from headwater.app.running import running
from headwater.consumers.consumer import Services
from headwater.consumers.watch import HeadWatch
from headwater.replication.keeper import Keeper
from headwater.replication.latency import Latencies
from headwater.replication.receive import Receiver
from headwater.replication.service import LinkService
from headwater.replication.tombstones import TombstoneSweeper
from headwater.tables.catalog import Catalog
from headwater.tables.transitions import Stores
from headwater.tables.write import Writer

_GRACE_SECONDS: Final = 10.0


@asynccontextmanager
async def links_of(core: Core, catalog: Catalog) -> AsyncIterator[LinkService]:
    """All links, running; at the end they finish what they send, if it is soon.

    What is cut off is sent again after the next start.
    """
    engine, committer, clock = core.engine, core.committer, core.clock
    retention_seconds = core.settings.retention_seconds
    latencies = Latencies()
    core.telemetry.add(latencies)
    receiver = Receiver(engine, Writer(committer, catalog), clock)
    stores = Stores(engine, committer, core.wakeups)
    keeper = Keeper(stores, catalog, receiver, clock, retention_seconds)
    sweeper = TombstoneSweeper(engine, committer, clock, retention_seconds)
    core.duties.extend((keeper.run, sweeper.run))
    watch = HeadWatch(engine, clock)
    services = Services(engine, committer, core.wakeups, clock, watch, reach_of(core))
    service = LinkService(services, receiver, core.process.members, retention_seconds, latencies)
    async with running(watch.run()), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(service.run())
        try:
            yield service
        finally:
            service.stop()
            deadline = core.machine_clock.now() + _GRACE_SECONDS
            call_off = core.machine_clock.call_at(deadline, lambda: _cancel(task))
            task.add_done_callback(lambda _: call_off())


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
