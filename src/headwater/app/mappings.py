"""The event source mappings of a server, running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headwater.app.consumers import kept_running, services_of
from headwater.app.core import Core
from headwater.app.functions import Functions
from headwater.mappings.activity import Activities
from headwater.mappings.audience import Audience
from headwater.mappings.invoke import Outside
from headwater.mappings.local import LocalFunctions
from headwater.mappings.report import FailureOutbox
from headwater.mappings.service import MappingService, MappingSettings
from headwater.outbox.outbox import Outbox


def activities_of(core: Core) -> Activities:
    """What mappings do, among the metrics."""
    activities = Activities(core.telemetry.delays.note)
    core.telemetry.add(activities)
    return activities


@asynccontextmanager
async def mappings_of(
    core: Core, functions: Functions, outbox: Outbox, activities: Activities
) -> AsyncIterator[MappingService]:
    """The event source mappings, running."""
    services = services_of(core)
    service = MappingService(
        services,
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
    async with kept_running(core, services, service):
        yield service
