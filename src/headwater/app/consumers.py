"""What the consumers of a server work with, and how they run and come to a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from headwater.app.core import Core
from headwater.app.running import running
from headwater.consumers.consumer import Consumer, Services, destination_of
from headwater.consumers.delivery import Destination
from headwater.consumers.watch import HeadWatch
from headwater.lab.destination import FaultyDestination

_GRACE_SECONDS: Final = 10.0


class Service(Protocol):
    """Consumers of one kind, all of a store."""

    async def run(self) -> None:
        """Keep them running until `stop`."""

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""


def services_of(core: Core) -> Services:
    """What the readers of one kind of consumers work with."""
    watch = HeadWatch(core.engine, core.clock)
    return Services(core.engine, core.committer, core.wakeups, core.clock, watch, _reach_of(core))


@asynccontextmanager
async def kept_running(core: Core, services: Services, service: Service) -> AsyncIterator[None]:
    """A service runs beside the body; at the end it finishes what it delivers, if it is soon.

    What is cut off is delivered again after the next start.
    """
    async with running(services.watch.run()), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(service.run())
        try:
            yield
        finally:
            service.stop()
            deadline = core.machine_clock.now() + _GRACE_SECONDS
            call_off = core.machine_clock.call_at(deadline, lambda: _cancel(task))
            task.add_done_callback(lambda _: call_off())


def _reach_of(core: Core) -> Callable[[Consumer], Destination]:
    """How readers reach destinations: through the lab's faults, where there is a lab."""
    faults = core.faults
    if faults is None:
        return destination_of
    account = core.settings.account
    return lambda consumer: FaultyDestination(consumer, faults, core.clock, account)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
