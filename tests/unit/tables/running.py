"""A catalog on the memory engine, its committer and transitions running, under a still clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from headwater.api import shapes
from headwater.clock import ManualClock, SeededChance
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import Span
from headwater.storage.memory import MemoryEngine
from headwater.tables import alteration, definition, keys
from headwater.tables import write as writes
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.creation import TableDefaults
from headwater.tables.schema import Table
from headwater.tables.transitions import Stores, Transitions
from headwater.values import codec, item

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TRANSITION_SECONDS = 5.0

HASH_ONLY: dict[str, Any] = {
    "TableName": "music",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
CREATE_INDEX: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "artist", "AttributeType": "S"}],
    "GlobalSecondaryIndexUpdates": [
        {
            "Create": {
                "IndexName": "by-artist",
                "KeySchema": [{"AttributeName": "artist", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        }
    ],
}
DELETE_INDEX: dict[str, Any] = {
    "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-artist"}}]
}


@dataclass
class Running:
    """What a test works with; it makes time pass by `advance`."""

    engine: MemoryEngine
    committer: Committer
    catalog: Catalog
    clock: ManualClock
    wakeups: Wakeups
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def create(self, **changes: Any) -> Table:
        body = checked("CreateTable", {**HASH_ONLY, **changes})
        return await self.catalog.create(REGION, definition.of_input(body["TableName"], body))

    async def update(self, name: str = "music", **members: Any) -> Table:
        body = checked("UpdateTable", {"TableName": name, **members})
        return await self.catalog.update(REGION, name, alteration.of_input(body))

    async def describe(self, name: str = "music") -> Table:
        return await self.catalog.describe(REGION, name)

    async def active(self, **changes: Any) -> Table:
        """A table that is ACTIVE already."""
        table = await self.create(**changes)
        await self.advance()
        return await self.describe(table.name)

    async def advance(self, seconds: float = TRANSITION_SECONDS) -> None:
        """Let time pass, and what falls due run to its end."""
        await idle()
        self.clock.advance(seconds)
        await idle()

    async def put(self, table: Table, sent: dict[str, Any]) -> None:
        """Put an item by the write path."""
        canonical, size = item.normalise(sent)
        put = writes.Put(canonical, codec.encode(canonical, size))
        write = writes.Write(table, keys.of_item(table, canonical), put)
        await writes.Writer(self.committer, self.catalog).write(write, int(self.clock.now() * 1e6))

    async def stored(self, span: tuple[bytes, bytes]) -> dict[bytes, bytes]:
        return dict(await self.engine.scan(Span(*span, 100_000)))


@dataclass
class Store:
    """Work that stores keys as they are, behind the catalog's back."""

    mutations: dict[bytes, bytes]
    reads: tuple[bytes, ...] = ()

    def run(self, view: View) -> None:
        for key, value in self.mutations.items():
            view.put(key, value)


def checked(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    return shapes.load("dynamodb").operations[operation].check(body)


async def idle() -> None:
    """Let everything that can run do so; nothing here waits for more than a turn at a time."""
    for _ in range(200):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(
    engine: MemoryEngine | None = None,
    *,
    clock: ManualClock | None = None,
    partitions: int | None = None,
    transition_seconds: float = TRANSITION_SECONDS,
    seed: int = 1,
) -> AsyncIterator[Running]:
    clock = clock or ManualClock()
    engine = engine or MemoryEngine()
    wakeups = Wakeups()
    committer = Committer(engine, wakeups)
    settings = CatalogSettings(ACCOUNT, TableDefaults(partitions))
    catalog = Catalog(engine, committer, clock, SeededChance(seed), settings)
    stores = Stores(engine, committer, wakeups)
    transitions = Transitions(catalog, stores, clock, transition_seconds)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(committer.run()), group.create_task(transitions.run())]
        try:
            yield Running(engine, committer, catalog, clock, wakeups, tasks)
        finally:
            for task in tasks:
                task.cancel()


def run(test: Callable[[Running], Awaitable[None]], **options: Any) -> None:
    """Run a test's body in an event loop of its own."""

    async def main() -> None:
        async with running(**options) as here:
            await test(here)

    asyncio.run(main())
