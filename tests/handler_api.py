"""AWS as a consumer asks it, answered by the server's own handlers, without a server.

`HandlerApi` passes requests through the check of shapes to the handlers of streams, items and a
lease table over a `LoggedStore`. `UnluckyApi` lets calls fail, get lost, come twice or come late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson

from headwater.api import shapes
from headwater.api.item_services import ItemServices
from headwater.api.items import Items
from headwater.api.operation import Call, Handler
from headwater.api.queries import Queries
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.api.tables import TableHandlers
from headwater.clock import Clock, SeededChance
from headwater.consumer.api import UNREACHABLE, Api, CallFailed, Services
from headwater.errors import ServiceError
from headwater.replication.groups import Groups
from headwater.replication.wire import NoWire
from headwater.streams.iterator import Iterators
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.count import Counts
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Writer, WriteWork
from tests.logged_store import ACCOUNT, REGION, LoggedStore

DAY = 24 * 3600
STREAMS = frozenset({"DescribeStream", "GetShardIterator", "GetRecords", "ListStreams"})


class HandlerApi:
    """Both services. transitions: what makes a new table active, to be run beside."""

    def __init__(self, store: LoggedStore) -> None:
        engine, committer, clock = store.engine, store.committer, store.clock
        catalog = Catalog(engine, committer, clock, store.chance, CatalogSettings(ACCOUNT))
        writer = Writer(committer, catalog, WriteWork)
        groups = Groups(engine, catalog, clock, store.chance, NoWire())
        services = ItemServices(catalog, engine, writer, clock)
        streams = StreamsSettings(ACCOUNT, DAY)
        self.transitions = Transitions(
            catalog, Stores(engine, committer, store.wakeups), clock, 0.0
        )
        self._handlers: dict[tuple[str, str], Handler] = {
            **TableHandlers(catalog, groups, Counts(engine, clock), clock, lambda: "").handlers(),
            **Items(services).handlers(),
            **Queries(services).handlers(),
            **StreamHandlers(engine, clock, Iterators(b"secret"), streams).handlers(),
        }

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        service = "dynamodbstreams" if operation in STREAMS else "dynamodb"
        raw = orjson.dumps(_on_the_wire(request))
        try:
            checked = shapes.load(service).operations[operation].check(orjson.loads(raw))
            call = Call(service, operation, REGION, None, checked, "REQUEST", raw)
            answer = orjson.loads((await self._handlers[service, operation](call)).body)
        except ServiceError as error:
            item = cast("Mapping[str, Any] | None", error.members.get("Item"))
            raise CallFailed(error.code, str(error), item) from error
        found: Mapping[str, Any] = answer
        return found


def _on_the_wire(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with its timestamps as numbers, which an SDK sees to."""
    return {
        name: value.timestamp() if isinstance(value, datetime) else value
        for name, value in request.items()
    }


@dataclass
class Luck:
    """How often calls go wrong, and what becomes of them."""

    random: random.Random
    rate: float = 0.0
    late_seconds_max: float = 20.0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class UnluckyApi:
    """Another API whose calls, now and then, fail, lose their answer, come twice or come late."""

    def __init__(self, api: Api, clock: Clock, luck: Luck) -> None:
        self._api = api
        self._clock = clock
        self._luck = luck

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        luck = self._luck
        if luck.random.random() >= luck.rate:
            return await self._api.call(operation, request)
        match luck.random.randrange(5):
            case 0:
                raise CallFailed("ThrottlingException")
            case 1:
                raise CallFailed(UNREACHABLE)
            case 2:
                await self._api.call(operation, request)
                raise CallFailed(UNREACHABLE)
            case 3:
                await self._api.call(operation, request)
                return await self._api.call(operation, request)
            case _:
                task = asyncio.create_task(self._call_late(operation, request))
                luck.tasks.add(task)
                task.add_done_callback(luck.tasks.discard)
                raise CallFailed(UNREACHABLE)

    async def _call_late(self, operation: str, request: Mapping[str, Any]) -> None:
        await self._clock.sleep(self._luck.random.uniform(0, self._luck.late_seconds_max))
        try:
            await self._api.call(operation, request)
        except CallFailed:
            return


def services_of(store: LoggedStore, api: Api, seed: int = 1) -> Services:
    """What a consumer works with, over a store in memory."""
    return Services(api, api, store.clock, SeededChance(seed))
