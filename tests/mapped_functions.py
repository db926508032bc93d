"""Functions that only note what they are given, and a store with mappings running over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from headwater.consumers.members import Alone
from headwater.errors import FunctionNotFound, ServiceError
from headwater.functions.outcome import InvokeResult
from headwater.mappings.mapping import EventSourceMapping, Manner, StartingPosition
from headwater.mappings.service import MappingService, MappingSettings, NewMapping
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.logged_store import ACCOUNT, REGION, LoggedStore, settle

DAY = 24 * 3600


@dataclass
class NotedFunctions:
    """An `Invoker`. names: the functions there are. invoked: name and event, in order.

    faults: for the next invocations in turn: an error of the function as text, or one to raise.
    gate: if set, invocations wait for it before they return.
    """

    names: set[str] = field(default_factory=lambda: {"f"})
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[str | ServiceError] = field(default_factory=list)
    gate: asyncio.Event | None = None
    payload_bytes: list[int] = field(default_factory=list)

    async def exists(self, region: str, function_name: str) -> bool:
        return region == REGION and function_name in self.names

    async def invoke(self, region: str, function_name: str, payload: bytes) -> InvokeResult:
        if not await self.exists(region, function_name):
            raise FunctionNotFound(f"Function not found: {function_name}")
        self.invoked.append((function_name, orjson.loads(payload)))
        self.payload_bytes.append(len(payload))
        if self.gate is not None:
            await self.gate.wait()
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, ServiceError):
            raise fault
        error = None if fault is None else "Unhandled"
        return InvokeResult(b"null", error, b"", "$LATEST", 0.0)  # type: ignore[arg-type]

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


def stream_arn(table: Table) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table.name}/stream/{table.latest_label}"


def service_of(store: LoggedStore, functions: NotedFunctions) -> MappingService:
    return MappingService(
        store.services,
        functions,
        Alone(store.chance.uuid()),
        store.chance,
        MappingSettings(ACCOUNT, DAY, lambda _: None),
    )


@asynccontextmanager
async def mapping_service(
    store: LoggedStore, functions: NotedFunctions
) -> AsyncIterator[MappingService]:
    """A running service, stopped in good order at the end."""
    service = service_of(store, functions)
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
