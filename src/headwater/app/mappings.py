"""The event source mappings of a server, running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from headwater.app.core import Core
from headwater.app.functions import Functions
from headwater.app.running import running
from headwater.consumers.consumer import Consumer, Services, destination_of
from headwater.consumers.delivery import Destination
from headwater.consumers.watch import HeadWatch
from headwater.lab.destination import FaultyDestination
from headwater.mappings.activity import Activities
from headwater.mappings.audience import Audience
from headwater.mappings.invoke import Outside
from headwater.mappings.local import LocalFunctions
from headwater.mappings.report import FailureOutbox
from headwater.mappings.service import MappingService, MappingSettings
from headwater.outbox.outbox import Outbox

_GRACE_SECONDS: Final = 10.0


def activities_of(core: Core) -> Activities:
    """What mappings do, among the metrics."""
    activities = Activities(core.telemetry.delays.note)
    core.telemetry.add(activities)
    return activities


@asynccontextmanager
async def mappings_of(
    core: Core, functions: Functions, outbox: Outbox, activities: Activities
) -> AsyncIterator[MappingService]:
    """The event source mappings, running; at the end they finish what they deliver, if it is soon.

    What is cut off is delivered again after the next start.
    """
    watch = HeadWatch(core.engine, core.clock)
    service = MappingService(
        Services(core.engine, core.committer, core.wakeups, core.clock, watch, reach_of(core)),
        Outside(
            LocalFunctions(functions.calls),
            FailureOutbox(outbox, core.chance),
            core.clock,
            core.chance,
        ),
        core.process.members,
        MappingSettings(
            core.settings.account,
            core.settings.retention_seconds,
            Audience(
                activities,
                is_tracing=core.settings.trace_batches,
                further=None if core.journal is None else core.journal.observer,
            ),
            outbox.refusal,
        ),
    )
    async with running(watch.run()), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(service.run())
        try:
            yield service
        finally:
            service.stop()
            deadline = core.machine_clock.now() + _GRACE_SECONDS
            call_off = core.machine_clock.call_at(deadline, lambda: _cancel(task))
            task.add_done_callback(lambda _: call_off())


def reach_of(core: Core) -> Callable[[Consumer], Destination]:
    """How readers reach destinations: through the lab's faults, where there is a lab."""
    faults = core.faults
    if faults is None:
        return destination_of
    account = core.settings.account
    return lambda consumer: FaultyDestination(consumer, faults, core.clock, account)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
