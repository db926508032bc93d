"""Exports and imports over a running catalog, with objects in memory."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from headwater.api import shapes
from headwater.api.exports import ExportHandlers
from headwater.api.imports import ImportHandlers
from headwater.api.operation import Call, Handler
from headwater.clock import ManualClock, SeededChance
from headwater.limits import write_settle_seconds
from headwater.storage.memory import MemoryEngine
from headwater.tables import export as exports
from headwater.tables import imports, keys, partitions
from headwater.tables.exporter import Exporter
from headwater.tables.importer import Importer
from headwater.tables.jobs import Stored
from headwater.tables.recovery import RecoveryChange
from headwater.tables.schema import Table
from headwater.tables.write import Delete, Write, Writer
from headwater.values import codec
from headwater.values.order import after_prefix
from tests.stored_objects import MemoryObjects
from tests.unit.tables.running import ACCOUNT, HASH_ONLY, REGION, Running, idle, running

NAME = "music"
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{NAME}"
NEW_TABLE = {**HASH_ONLY, "TableName": "copy"}


@dataclass
class Exporting:
    """What a test works with; `call` is what a client would do."""

    here: Running
    objects: MemoryObjects
    handlers: dict[tuple[str, str], Handler]

    @property
    def clock(self) -> ManualClock:
        return self.here.clock

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        checked = shapes.load("dynamodb").operations[operation].check(request)
        call = Call("dynamodb", operation, REGION, None, checked, "REQUEST", b"")
        reply = await self.handlers["dynamodb", operation](call)
        answer: dict[str, Any] = orjson.loads(reply.body)
        return answer

    async def recoverable(self, **changes: Any) -> Table:
        """A table with point in time recovery."""
        table = await self.here.active(**changes)
        change = RecoveryChange(35, self.clock.now(), SeededChance(2))
        changed = await self.here.catalog.change(table, change, partitions.open_shard_keys)
        assert changed is not None
        return changed

    async def put(self, table: Table, pk: str, number: int) -> None:
        await self.here.put(table, {"pk": {"S": pk}, "n": {"N": str(number)}})

    async def delete(self, table: Table, pk: str) -> None:
        rows = await self.here.stored((table.items_prefix, after_prefix(table.items_prefix)))
        (key,) = [key for key, value in rows.items() if codec.decode(value)["pk"] == {"S": pk}]
        write = Write(table, keys.of_stored(table, key, {"pk": {"S": pk}}), Delete())
        writer = Writer(self.here.committer, self.here.catalog)
        await writer.write(write, int(self.clock.now() * 1e6))

    async def items(self, table: Table) -> dict[str, int]:
        rows = await self.here.stored((table.items_prefix, after_prefix(table.items_prefix)))
        decoded = [codec.decode(value) for value in rows.values()]
        return {item["pk"]["S"]: int(item["n"]["N"]) for item in decoded}

    async def export(self, **request: Any) -> dict[str, Any]:
        """An export that has ended, as described."""
        asked = {"TableArn": ARN, "S3Bucket": "bucket", **request}
        begun = (await self.call("ExportTableToPointInTime", **asked))["ExportDescription"]
        return await self.exported(begun)

    async def exported(self, begun: dict[str, Any]) -> dict[str, Any]:
        await self.here.advance(write_settle_seconds)
        await idle()
        found = await self.call("DescribeExport", ExportArn=begun["ExportArn"])
        description: dict[str, Any] = found["ExportDescription"]
        return description

    async def import_table(self, **request: Any) -> dict[str, Any]:
        """An import that has ended, as described; its table is ACTIVE then."""
        begun = (await self.call("ImportTable", **import_request(**request)))[
            "ImportTableDescription"
        ]
        await idle()
        await self.here.advance()
        found = await self.call("DescribeImport", ImportArn=begun["ImportArn"])
        description: dict[str, Any] = found["ImportTableDescription"]
        return description

    def lines(self) -> list[dict[str, Any]]:
        """The lines of every data file."""
        bodies = [
            gzip.decompress(body)
            for place, body in sorted(self.objects.bodies.items(), key=lambda each: each[0].key)
            if place.key.endswith(".json.gz")
        ]
        return [orjson.loads(line) for body in bodies for line in body.splitlines()]

    def exported_items(self) -> dict[str, int]:
        items = [line["Item"] for line in self.lines()]
        assert len({item["pk"]["S"] for item in items}) == len(items), "each item once"
        return {item["pk"]["S"]: int(item["n"]["N"]) for item in items}


def import_request(**changes: Any) -> dict[str, Any]:
    return {
        "S3BucketSource": {"S3Bucket": "bucket"},
        "InputFormat": "DYNAMODB_JSON",
        "TableCreationParameters": NEW_TABLE,
        **changes,
    }


@asynccontextmanager
async def exporting(
    engine: MemoryEngine | None = None,
    objects: MemoryObjects | None = None,
    clock: ManualClock | None = None,
    seed: int = 3,
    table_seed: int = 1,
) -> AsyncIterator[Exporting]:
    objects = objects or MemoryObjects()
    async with running(engine, clock=clock, partitions=2, seed=table_seed) as here:
        chance = SeededChance(seed)
        stored = Stored(here.engine, here.committer, here.wakeups, here.clock, exports.decode)
        exporter = Exporter(here.catalog, stored, objects, chance)
        importing = Stored(here.engine, here.committer, here.wakeups, here.clock, imports.decode)
        importer = Importer(here.catalog, importing, objects, chance)
        here.tasks += [asyncio.create_task(exporter.run()), asyncio.create_task(importer.run())]
        await idle()
        handlers = {
            **ExportHandlers(here.catalog, exporter, objects, here.clock).handlers(),
            **ImportHandlers(importer, objects, ACCOUNT).handlers(),
        }
        yield Exporting(here, objects, handlers)


def run(test: Callable[[Exporting], Awaitable[None]], **options: Any) -> None:
    """Run a test's body in an event loop of its own."""

    async def main() -> None:
        async with exporting(**options) as here:
            await test(here)

    asyncio.run(main())
