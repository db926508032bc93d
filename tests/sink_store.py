"""A store in memory with a table, its stream and sinks, on a clock that stands still.

One process at a time works; it can be killed at any moment, and another follows. The kind `list`
keeps what it is given, and answers as it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from headwater.clock import ManualClock, SeededChance
from headwater.consumers.consumer import Services
from headwater.consumers.members import Alone
from headwater.consumers.watch import HeadWatch
from headwater.errors import FunctionNotFound
from headwater.outbox.message import Message
from headwater.queues.service import QueueService, QueueStore
from headwater.sinks import kinds
from headwater.sinks.activity import SinkActivities
from headwater.sinks.change import Change
from headwater.sinks.failure import Refusals
from headwater.sinks.filler import Filler
from headwater.sinks.kind import ChangeBatch, Kind, Opening, Rejected, Surroundings
from headwater.sinks.local import LocalFunctions
from headwater.sinks.notes import Values
from headwater.sinks.pipelines import Outside
from headwater.sinks.request import changed
from headwater.sinks.service import NewSink, SinkService
from headwater.sinks.sink import Manner, Sink, Start
from headwater.storage import keyspace
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.keyspace import ShardId, TableId
from headwater.storage.memory import MemoryEngine
from headwater.streams import listing
from headwater.streams.shard import decode_head
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.creation import TableDefaults
from headwater.tables.definition import of_input
from headwater.tables.keys import of_key
from headwater.tables.schema import Table, TableStatus
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Delete, Put, Write, Writer
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

REGION = "us-east-1"
NAME = "music"
DAY = 24 * 3600.0
_DEFINITION = {
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
}


@dataclass(frozen=True)
class NoSettings:
    """Of the kind `list`."""


@dataclass
class ListSink:
    """`Writer` of the kind `list`. batches: what was written, in order. offered: what came.

    answers: to give, or to raise, in turn, before everything is taken. gate: writes wait for it.
    fillings: back-fills that were whole, by their rounds and the batches that were there.
    """

    batches: list[ChangeBatch] = field(default_factory=list)
    offered: list[ChangeBatch] = field(default_factory=list)
    answers: list[Sequence[Rejected] | Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    openings: list[Opening] = field(default_factory=list)
    fillings: list[tuple[int, int]] = field(default_factory=list)
    closed: int = 0

    async def open(self, opening: Opening) -> ListSink:
        self.openings.append(opening)
        return self

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        self.offered.append(batch)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        self.batches.append(batch)
        return answer

    async def close(self) -> None:
        self.closed += 1

    async def filled(self, opening: Opening) -> None:
        """Is told in turn of the batches, and answers as they do."""
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        self.fillings.append((opening.sink.round, len(self.batches)))

    @property
    def changes(self) -> list[Change]:
        return [change for batch in self.batches for change in batch.changes]

    def documents(self) -> dict[str, Any]:
        """What is to be held for each item by those who heed versions."""
        latest: dict[str, Change] = {}
        for change in self.changes:
            key = change.keys["k"]["S"]
            if key not in latest or change.version > latest[key].version:
                latest[key] = change
        return {
            key: change.document for key, change in latest.items() if change.document is not None
        }


class MemoryNotes:
    """Takes the place of `Notes`."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes | None:
        return self.values.get(name)

    async def get_all(self, names: Sequence[str]) -> Values:
        return {name: self.values.get(name) for name in names}

    async def put(self, name: str, value: bytes) -> None:
        self.values[name] = value

    async def swap(self, before: Values, after: Values) -> bool:
        if any(self.values.get(name) != value for name, value in before.items()):
            return False
        for name, value in after.items():
            if value is None:
                self.values.pop(name, None)
            else:
                self.values[name] = value
        return True


@dataclass
class KeptMessages:
    """Takes the place of the outbox."""

    messages: list[Message] = field(default_factory=list)

    def refusal(self, destination: str) -> str | None:
        return None if destination.startswith("arn:") else f"{destination} is no ARN"

    async def put(self, message: Message) -> bool:
        self.messages.append(message)
        return True


@dataclass
class FewFunctions:
    """Takes the place of functions: by name, what makes a result of a payload."""

    by_name: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)

    async def check(self, region: str, function: str) -> None:
        del region
        if function not in self.by_name:
            raise FunctionNotFound(f"Function not found: {function}")

    async def invoke(self, region: str, function: str, payload: bytes) -> bytes:
        await self.check(region, function)
        return self.by_name[function](payload)


class SinkStore:
    """See the module. files: where `file:` locations lie."""

    def __init__(self, files: Path) -> None:
        self.engine = MemoryEngine()
        self.clock = ManualClock()
        self.chance = SeededChance(1)
        self.wakeups = Wakeups()
        self.committer = Committer(self.engine, self.wakeups)
        settings = CatalogSettings("000000000000", TableDefaults(initial_partitions=2))
        self.catalog = Catalog(self.engine, self.committer, self.clock, self.chance, settings)
        self.writer = Writer(self.committer, self.catalog)
        queue_store = QueueStore(self.engine, self.committer, self.wakeups, self.clock, self.clock)
        self.queues = QueueService(queue_store, settings.account, self.chance)
        self.list = ListSink()
        self.outbox = KeptMessages()
        self.functions = FewFunctions()
        self._files = files
        self._tasks: list[asyncio.Task[None]] = []
        self.service: SinkService
        self.activities: SinkActivities

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SinkStore]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            self.start()
            try:
                yield self
            finally:
                await self.kill()
                self.committer.close()

    def start(self) -> None:
        """A process begins to work."""
        stores = Stores(self.engine, self.committer, self.wakeups)
        watch = HeadWatch(self.engine, self.clock)
        services = Services(self.engine, self.committer, self.wakeups, self.clock, watch)
        self.activities = SinkActivities(self.clock)
        outside = Outside(
            Surroundings(
                self.clock,
                self.chance,
                self.engine,
                self.catalog,
                self.writer,
                self._files,
                s3_endpoint=None,
                sqs_endpoint=None,
                sns_endpoint=None,
                machine_clock=self.clock,
                queues=self.queues,
            ),
            Refusals(cast("Any", self.outbox), self.clock, self.chance),
            cast("LocalFunctions", self.functions),
            self.activities,
            self.kind_of,
        )
        self.service = SinkService(services, Alone(self.chance.uuid()), DAY, outside)
        filler = Filler(stores, self.clock, self.service.pipelines, self.activities)
        works: Sequence[Coroutine[Any, Any, None]] = (
            Transitions(self.catalog, stores, self.clock, 0.0).run(),
            watch.run(),
            self.service.run(),
            filler.run(),
        )
        self._tasks = [asyncio.create_task(work) for work in works]

    def kind_of(self, name: str) -> Kind:
        if name == "list":
            return Kind(
                "list",
                "Keeps what it is given.",
                NoSettings,
                self.list.open,
                filled=self.list.filled,
            )
        return kinds.kind(name)

    async def kill(self) -> None:
        """The process dies: nothing it has under way is finished, nothing given back."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def create_table(self, **members: Any) -> Table:
        await self.catalog.create(REGION, of_input(NAME, {**_DEFINITION, **members}))
        for _ in range(100):
            table = await self.catalog.describe(REGION, NAME)
            if table.status is TableStatus.ACTIVE:
                return table
            await self.advance(0.1)
        raise AssertionError("the table does not become active")

    async def add(self, kind: str = "list", start: Start = Start.BACKFILL, **members: Any) -> Sink:
        """Create a sink named `s`; members: of its manner, as in the configuration file."""
        manner = changed(self.kind_of(kind), Manner({}, 100, 2**20, 0.0), members)
        sink = await self.service.create(NewSink(REGION, "s", kind, NAME, start, manner))
        await settle()
        return sink

    async def sink(self) -> Sink:
        return await self.service.get(REGION, "s")

    async def put(self, key: str, **attributes: Any) -> None:
        """Put an item; attributes: texts, or values with their types."""
        item: Item = {
            "k": {"S": key},
            **{
                name: value if isinstance(value, dict) else {"S": value}
                for name, value in attributes.items()
            },
        }
        await self._write(key, Put(item, codec.encode(item, items.size(item))))

    async def delete(self, key: str) -> None:
        await self._write(key, Delete())

    async def _write(self, key: str, action: Put | Delete) -> None:
        table = await self.catalog.table(REGION, NAME)
        write = Write(table, of_key(table, {"k": {"S": key}}), action)
        await self.writer.write(write, int(self.clock.now() * 1e6))

    async def content(self) -> dict[str, Item]:
        """The table's items, by key."""
        table = await self.catalog.describe(REGION, NAME)
        found = [codec.decode(stored) for stored in await self.rows(table.items_prefix)]
        return {item["k"]["S"]: item for item in found}

    async def rows(self, prefix: bytes) -> list[bytes]:
        """Everything stored under keys with a prefix, in their order."""
        span = prefix, prefix + b"\xff" * 9
        return [stored async for _, stored in listing.entries(self.engine, span)]

    async def drained(self) -> None:
        """Let time pass until every sink has written everything; files are, by threads."""
        for _ in range(4000):
            if not await self.service.behind(await self._written()):
                return
            await self.advance(0.5)
        raise AssertionError(f"behind: {await self.service.behind(await self._written())}")

    async def _written(self) -> Mapping[TableId, Mapping[ShardId, int]]:
        last: dict[TableId, dict[ShardId, int]] = {}
        async for key, stored in listing.entries(self.engine, keyspace.every_head_span()):
            table_id, shard_id = keyspace.shard_of_head(key)
            last.setdefault(table_id, {})[shard_id] = decode_head(stored).last
        return last

    async def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in steps, with everything running that falls due."""
        end = self.clock.now() + seconds
        while (left := end - self.clock.now()) > 0:
            self.clock.advance(min(step, left))
            await settle()


async def settle(turns: int = 100) -> None:
    """Let everything that can run without time passing do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


def in_sink_store(body: Callable[[SinkStore], Coroutine[Any, Any, None]]) -> None:
    """Run a test's body over a store with its table."""

    async def main() -> None:
        async with SinkStore(Path("/nowhere")).running() as store:
            await store.create_table()
            await body(store)

    asyncio.run(main())
