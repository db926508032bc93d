"""Tables, their items and their backups on the memory engine, called as a client calls them.

Transitions and the making of backups run as in a server, under a clock that stands still until
told; a world over the same engine and clock is the same server started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from headwater.api import shapes
from headwater.api.backups import BackupHandlers
from headwater.api.item_services import ItemServices
from headwater.api.items import Items
from headwater.api.operation import Call, Handler
from headwater.api.queries import Queries
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.api.tables import TableHandlers
from headwater.api.time_to_live import TimeToLiveHandlers
from headwater.api.transactions import Transactions
from headwater.clock import ManualClock, SeededChance
from headwater.errors import ServiceError
from headwater.limits import stream_retention_seconds
from headwater.replication.groups import Groups
from headwater.replication.wire import NoWire
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine, Span
from headwater.storage.memory import MemoryEngine
from headwater.streams.iterator import Iterators
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables.backups import Backups
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.copying import BackupMaker
from headwater.tables.count import Counts
from headwater.tables.creation import TableDefaults
from headwater.tables.recovery import kept_since
from headwater.tables.schema import Table
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Writer

REGION = "eu-west-1"
ACCOUNT = "123456789012"
PARTITIONS = 2
SETTLING_SECONDS = 5.0
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

Json = dict[str, Any]


@dataclass
class World:
    """What a test works with; background work goes on whenever the test awaits."""

    engine: MemoryEngine
    clock: ManualClock
    committer: Committer
    catalog: Catalog
    trimmer: Trimmer
    handlers: dict[tuple[str, str], Handler]

    async def call(self, operation: str, service: str = "dynamodb", **body: Any) -> Any:
        request = shapes.load(service).operations[operation].check(body)
        call = Call(service, operation, REGION, None, request, "id", b"")
        reply = await self.handlers[service, operation](call)
        return orjson.loads(reply.body) if reply.body else None

    async def refusal(self, operation: str, **body: Any) -> ServiceError:
        with pytest.raises(ServiceError) as refused:
            await self.call(operation, **body)
        return refused.value

    async def create(self, name: str = "music", **changes: Any) -> None:
        """A table with the partition key `pk`, ACTIVE."""
        definition: Json = {
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        await self.call("CreateTable", **{**definition, **changes})
        await self.settle()

    async def put(self, pk: str, n: int = 0, table: str = "music", **others: Any) -> None:
        item = {"pk": {"S": pk}, "n": {"N": str(n)}, **others}
        await self.call("PutItem", TableName=table, Item=item)

    async def delete(self, pk: str, table: str = "music") -> None:
        await self.call("DeleteItem", TableName=table, Key={"pk": {"S": pk}})

    async def items(self, table: str = "music", **more: Any) -> dict[str, int]:
        """The number of each item of a table or an index."""
        page = await self.call("Scan", TableName=table, **more)
        assert "LastEvaluatedKey" not in page
        return {item["pk"]["S"]: int(item["n"]["N"]) for item in page["Items"]}

    async def begin(self, table: str = "music", name: str = "nightly") -> str:
        """Begin a backup; returns its ARN."""
        answer = await self.call("CreateBackup", TableName=table, BackupName=name)
        return str(answer["BackupDetails"]["BackupArn"])

    async def backup(self, table: str = "music", name: str = "nightly") -> str:
        """Make a backup; returns its ARN once it is there."""
        arn = await self.begin(table, name)
        await self.settle()
        return arn

    async def restored(self, arn: str, target: str = "copy", **overrides: Any) -> dict[str, int]:
        """The items of a table restored from a backup."""
        await self.call(
            "RestoreTableFromBackup", TargetTableName=target, BackupArn=arn, **overrides
        )
        await self.settle()
        return await self.items(target)

    async def recovered(self, moment: float, target: str = "copy") -> dict[str, int]:
        """The items of a table restored to a moment."""
        await self.call(
            "RestoreTableToPointInTime",
            SourceTableName="music",
            TargetTableName=target,
            RestoreDateTime=moment,
        )
        await self.settle()
        return await self.items(target)

    async def recovery(self, is_on: bool = True, **more: Any) -> Any:
        """Switch recovery to a point in time."""
        answer = await self.call(
            "UpdateContinuousBackups",
            TableName="music",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": is_on, **more},
        )
        return answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    async def table(self, name: str = "music") -> Table:
        return await self.catalog.describe(REGION, name)

    async def settle(self, seconds: float = SETTLING_SECONDS) -> None:
        """Let everything that can run do so, and what falls due meanwhile."""
        await idle()
        self.clock.advance(seconds)
        await idle()

    async def stored(self, span: tuple[bytes, bytes]) -> dict[bytes, bytes]:
        return dict(await self.engine.scan(Span(*span, 100_000)))


async def idle(turns: int = 300) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@asynccontextmanager
async def world(
    engine: MemoryEngine | None = None, clock: ManualClock | None = None, seed: int = 1
) -> AsyncIterator[World]:
    """seed: of ids; a server that is started again takes another."""
    engine, clock, chance = engine or MemoryEngine(), clock or ManualClock(), SeededChance(seed)
    wakeups = Wakeups()
    committer = Committer(engine, wakeups)
    settings = CatalogSettings(ACCOUNT, TableDefaults(PARTITIONS))
    catalog = Catalog(engine, committer, clock, chance, settings)
    stores = Stores(engine, committer, wakeups)
    backups = Backups(engine, committer, catalog, clock, chance)
    trimmer = Trimmer(
        engine, committer, clock, RetentionSettings(kept_since=kept_since(catalog, clock))
    )
    works = (
        committer,
        Transitions(catalog, stores, clock, 0.0),
        BackupMaker(backups, catalog, stores, clock),
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work.run()) for work in works]
        try:
            handlers = _handlers(engine, catalog, backups, clock, chance)
            yield World(engine, clock, committer, catalog, trimmer, handlers)
        finally:
            for task in tasks:
                task.cancel()


def _handlers(
    engine: Engine, catalog: Catalog, backups: Backups, clock: ManualClock, chance: SeededChance
) -> dict[tuple[str, str], Handler]:
    services = ItemServices(catalog, engine, Writer(catalog._committer, catalog), clock)
    streams = StreamsSettings(ACCOUNT, stream_retention_seconds)
    groups, counts = Groups(engine, catalog, clock, chance, NoWire()), Counts(engine, clock)
    return {
        **TableHandlers(catalog, groups, counts, clock, lambda: "localhost").handlers(),
        **TimeToLiveHandlers(catalog).handlers(),
        **BackupHandlers(catalog, backups, clock, chance).handlers(),
        **Items(services).handlers(),
        **Queries(services).handlers(),
        **Transactions(services).handlers(),
        **StreamHandlers(engine, clock, Iterators(b"secret" * 6), streams).handlers(),
    }


def in_world(body: Callable[[World], Awaitable[None]]) -> None:
    """Run a test's body in a world of its own."""

    async def main() -> None:
        async with world() as here:
            await body(here)

    asyncio.run(main())
