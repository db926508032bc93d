"""Streaming of tables' changes to data streams, running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headwater.app.consumers import kept_running, services_of
from headwater.app.core import Core
from headwater.app.datastreams import RecordStreams
from headwater.streaming.activity import StreamingActivities
from headwater.streaming.service import StreamingService
from headwater.streaming.target import OtherStreams, OwnStreams, Target
from headwater.tables.catalog import Catalog


@asynccontextmanager
async def streaming_of(
    core: Core, catalog: Catalog, own: RecordStreams
) -> AsyncIterator[StreamingService]:
    """All streaming destinations, running."""
    settings, services = core.settings, services_of(core)
    activities = StreamingActivities()
    core.telemetry.add(activities)
    service = StreamingService(
        services,
        core.process.members,
        (catalog, core.chance),
        (_target_of(core, own), activities),
        (settings.retention_seconds, settings.transition_seconds),
    )
    async with kept_running(core, services, service):
        yield service


def _target_of(core: Core, own: RecordStreams) -> Target:
    endpoint = core.settings.kinesis_endpoint
    if endpoint is not None:
        return OtherStreams(endpoint)
    return OwnStreams(own.catalog, own.intake)
