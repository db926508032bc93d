"""The sinks that the configuration file names, created or changed as it says.

    [[sink]]
    name = "orders-lake"
    table = "orders"
    kind = "lake"
    region = "us-east-1"            # optional, as are all that follow
    start = "BACKFILL"              # or TRIM_HORIZON, or LATEST
    batch_size = 10000
    batch_bytes = 16777216
    batch_window_seconds = 60
    filters = ['{"eventName": ["REMOVE"]}']
    transform = "new.{id: id}"      # or transform_function = "name"
    failure_destination = "arn:aws:sqs:us-east-1:000000000000:refused"
    settings = { location = "file:orders/lake" }

Run by the process of a store that leads. A table that is not there yet, or has no stream yet, is
waited for. A sink that the file does not name any more is said, not removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import structlog

from headwater.clock import Clock, pause
from headwater.errors import ResourceNotFoundException, ServiceError, ValidationException
from headwater.limits import sink_poll_seconds
from headwater.sinks.kind import InvalidSettings
from headwater.sinks.request import SinkRequest, request
from headwater.sinks.service import NewSink, SinkService
from headwater.storage.engine import Unavailable

Asked: TypeAlias = Mapping[tuple[str, str], SinkRequest]
"""Sinks by region and name."""

_REGION: Final = "region"
_log = structlog.get_logger(__name__)


def requests(definitions: Sequence[Mapping[str, Any]], region: str) -> Asked:
    """What the file's definitions ask for; region: of those that name none.

    Raises InvalidSettings.
    """
    asked: dict[tuple[str, str], SinkRequest] = {}
    for number, definition in enumerate(definitions, 1):
        members = dict(definition)
        own_region = members.pop(_REGION, region)
        if not isinstance(own_region, str):
            raise InvalidSettings(f"sink {number}: region must be a text")
        try:
            one = request(members)
        except InvalidSettings as error:
            raise InvalidSettings(f"sink {members.get('name', number)}: {error}") from error
        if (own_region, one.name) in asked:
            raise InvalidSettings(f"sink {one.name} is there twice")
        asked[own_region, one.name] = one
    return asked


class ConfiguredSinks:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self,
        service: SinkService,
        clock: Clock,
        asked: Asked,
    ) -> None:
        self._service = service
        self._clock = clock
        self._asked = asked

    async def run(self) -> None:
        """Bring about what the file says; returns when that is done."""
        missing = dict(self._asked)
        is_first = True
        while missing or is_first:
            try:
                if is_first:
                    await self._tell_gone()
                is_first = False
                for place in list(missing):
                    if await self._bring_about(place, missing[place]):
                        del missing[place]
            except Unavailable as error:
                _log.warning("store_unavailable", error=str(error))
            if missing:
                await pause(self._clock, sink_poll_seconds)

    async def _tell_gone(self) -> None:
        for sink in await self._service.every():
            if sink.is_configured and sink.labels not in self._asked:
                _log.warning(
                    "sink_not_in_configuration",
                    region=sink.region,
                    sink=sink.name,
                    hint="it goes on; `headwater sink remove` ends it",
                )

    async def _bring_about(self, place: tuple[str, str], asked: SinkRequest) -> bool:
        """Create a sink, or change it; returns whether it is as it should be, or never will."""
        region, name = place
        told = _log.bind(region=region, sink=name)
        try:
            await self._create_or_change(region, asked)
        except ResourceNotFoundException as error:
            told.warning("configured_sink_waits", error=str(error))
            return False
        except ValidationException as error:
            told.error("configured_sink_refused", error=str(error))
            return True
        except ServiceError as error:
            told.info("configured_sink_waits", error=str(error))
            return False
        return True

    async def _create_or_change(self, region: str, asked: SinkRequest) -> None:
        try:
            sink = await self._service.get(region, asked.name)
        except ResourceNotFoundException:
            await self._service.create(
                NewSink(
                    region,
                    asked.name,
                    asked.kind.name,
                    asked.table_name,
                    asked.start,
                    asked.manner,
                    is_configured=True,
                )
            )
            return
        if (sink.kind, sink.table_name) != (asked.kind.name, asked.table_name):
            raise ValidationException(
                f"a sink of kind {sink.kind} of table {sink.table_name} has the name; remove it, "
                "or choose another name"
            )
        if sink.manner != asked.manner or not sink.is_configured:
            await self._service.change(sink, asked.manner, is_configured=True)
