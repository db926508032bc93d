"""Functions that only note what they are given, and a store with mappings running over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from headwater.consumers.members import Alone
from headwater.errors import FunctionNotFound, ServiceError
from headwater.functions.outcome import InvokeResult
from headwater.mappings.activity import Activities
from headwater.mappings.audience import Audience
from headwater.mappings.failure import FailedBatch
from headwater.mappings.invoke import Invocation, Outside
from headwater.mappings.mapping import EventSourceMapping, Manner, StartingPosition
from headwater.mappings.service import MappingService, MappingSettings, NewMapping
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.logged_store import ACCOUNT, REGION, LoggedStore, settle

DAY = 24 * 3600


@dataclass
class NotedFunctions:
    """An `Invoker`. names: the functions there are. invoked: name and event, in order.

    answer: makes a result of an event. faults: for the next invocations in turn: an error of the
    function as text, or one to raise.
    gate: if set, invocations wait for it before they return.
    """

    names: set[str] = field(default_factory=lambda: {"f"})
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[str | ServiceError] = field(default_factory=list)
    gate: asyncio.Event | None = None
    answer: Callable[[dict[str, Any]], bytes] = lambda _: b"null"
    payload_bytes: list[int] = field(default_factory=list)

    async def exists(self, region: str, function: tuple[str, str | None]) -> bool:
        return region == REGION and _full_name(function) in self.names

    async def invoke(self, invocation: Invocation) -> InvokeResult:
        payload, function_name = invocation.payload, _full_name(invocation.function)
        if not await self.exists(invocation.region, invocation.function):
            raise FunctionNotFound(f"Function not found: {function_name}")
        event = orjson.loads(payload)
        self.invoked.append((function_name, event))
        self.payload_bytes.append(len(payload))
        if self.gate is not None:
            await self.gate.wait()
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, ServiceError):
            raise fault
        error = None if fault is None else "Unhandled"
        return InvokeResult(self.answer(event), error, b"", "$LATEST", 0.0)  # type: ignore[arg-type]

    def numbers(self, function_name: str = "f") -> list[int]:
        """The sequence numbers a function was given, in order."""
        return [
            parse_sequence(record["dynamodb"]["SequenceNumber"])
            for name, event in self.invoked
            if name == function_name
            for record in event["Records"]
        ]

    def sizes(self) -> list[int]:
        return [len(event["Records"]) for _, event in self.invoked]


@dataclass
class KeptFailures:
    """A `FailureDestination` that keeps what it accepts."""

    accepted: list[FailedBatch] = field(default_factory=list)

    async def accept(self, failed: FailedBatch) -> None:
        self.accepted.append(failed)


def _full_name(function: tuple[str, str | None]) -> str:
    return ":".join(part for part in function if part is not None)


def stream_arn(table: Table) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table.name}/stream/{table.latest_label}"


def no_delays(_: float) -> None:
    """Takes delays that no test asks for."""


def service_of(
    store: LoggedStore,
    functions: NotedFunctions,
    failures: KeptFailures | None = None,
    activities: Activities | None = None,
) -> MappingService:
    failures = failures or KeptFailures()
    return MappingService(
        store.services,
        Outside(functions, failures, store.clock, store.chance),
        Alone(store.chance.uuid()),
        MappingSettings(
            ACCOUNT,
            DAY,
            Audience(activities or Activities(no_delays), is_tracing=False),
            lambda arn: None if arn.startswith("arn:aws:s") else f"{arn} is no destination",
        ),
    )


@asynccontextmanager
async def mapping_service(
    store: LoggedStore,
    functions: NotedFunctions,
    failures: KeptFailures | None = None,
    activities: Activities | None = None,
) -> AsyncIterator[MappingService]:
    """A running service, stopped in good order at the end."""
    service = service_of(store, functions, failures, activities)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run())
        await settle()
        try:
            yield service
        finally:
            if functions.gate is not None:
                functions.gate.set()
            service.stop()


async def map_function(
    service: MappingService,
    table: Table,
    start: StartingPosition = StartingPosition.TRIM_HORIZON,
    **manner: Any,
) -> EventSourceMapping:
    """Create a mapping to function `f` and let its readers start."""
    name = manner.pop("function_name", "f")
    new = NewMapping(REGION, stream_arn(table), start, Manner(name, **manner))
    created = await service.create(new)
    await settle()
    return created
