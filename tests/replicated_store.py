"""A store in memory with global tables and all that looks after them, on a clock that stands still.

One process at a time keeps the links; it can be killed at any moment, and another follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from headwater.api.peers import check_table
from headwater.clock import ManualClock, SeededChance
from headwater.consumers.consumer import Consumer, Services, destination_of
from headwater.consumers.delivery import Destination
from headwater.consumers.members import Alone
from headwater.consumers.watch import HeadWatch
from headwater.errors import ResourceNotFoundException
from headwater.peers import Peers
from headwater.replication.contacts import Contacts
from headwater.replication.exchange import Exchanges
from headwater.replication.groups import Groups
from headwater.replication.keeper import Keeper, Ways
from headwater.replication.latency import Latencies
from headwater.replication.receive import Receiver
from headwater.replication.reception import Reception
from headwater.replication.remote import Takers
from headwater.replication.request import AddReplica, RemoveReplica
from headwater.replication.service import LinkService
from headwater.replication.wire import NoWire, Wire
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.keyspace import ShardId, TableId
from headwater.storage.memory import MemoryEngine
from headwater.streams import listing
from headwater.streams.shard import decode_head
from headwater.tables import version as versions
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.definition import of_input
from headwater.tables.keys import of_key
from headwater.tables.schema import Table, TableStatus
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.version import Version
from headwater.tables.write import Delete, Put, Write, Writer, WriteWork
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item
from headwater.values.order import HASH_BYTES, unescape

ACCOUNT = "000000000000"
EAST, WEST, SOUTH = REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
NAME = "music"
DAY = 24 * 3600.0
_KEYS = {
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class _Versioned(WriteWork):
    """A write that says which version it made."""

    def __init__(self, write: Write, now_us: int) -> None:
        super().__init__(write, now_us)
        self._key = versions.key_of(write.table, write.key.stored)

    def run(self, view: View) -> Any:
        effect = super().run(view)
        is_change = effect.new != effect.old and view.has(self._key)
        stored = view.get(self._key) if is_change else None
        return None if stored is None else versions.decode(stored)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a store shares with others: the time, and the way to them."""

    wire: Wire = field(default_factory=NoWire)
    peers: Peers = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    seed: int = 1


class ReplicatedStore:
    """The engine, its committer, the catalog, and a process that keeps the links."""

    def __init__(
        self,
        reach: Callable[[Consumer], Destination] = destination_of,
        outside: Outside | None = None,
    ) -> None:
        outside = Outside() if outside is None else outside
        self.engine = MemoryEngine()
        self.clock = outside.clock
        self.chance = SeededChance(outside.seed)
        self.wakeups = Wakeups()
        self.committer = Committer(self.engine, self.wakeups)
        settings = CatalogSettings(ACCOUNT)
        self.catalog = Catalog(self.engine, self.committer, self.clock, self.chance, settings)
        self.wire = outside.wire
        self.groups = Groups(self.engine, self.catalog, self.clock, self.chance, self.wire)
        self.writer = Writer(self.committer, self.catalog, _Versioned)
        self.receiver = Receiver(self.engine, Writer(self.committer, self.catalog), self.clock)
        stores = Stores(self.engine, self.committer, self.wakeups)
        self.exchanges = Exchanges(stores, self.catalog, self.wire, self.clock, check_table)
        self.reception = Reception(
            outside.peers, self.exchanges, self.receiver, self.catalog, self.clock
        )
        self.latencies = Latencies()
        self._reach = reach
        self._tasks: list[asyncio.Task[None]] = []
        self.service: LinkService

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ReplicatedStore]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            self.start()
            try:
                yield self
            finally:
                await self.kill()
                self.committer.close()

    def start(self) -> None:
        """A process begins to look after tables and links."""
        stores = Stores(self.engine, self.committer, self.wakeups)
        watch = HeadWatch(self.engine, self.clock)
        services = Services(
            self.engine, self.committer, self.wakeups, self.clock, watch, self._reach
        )
        taker = Takers(self.receiver, self.wire)
        contacts = Contacts(self.exchanges, self.catalog, self.wire, self.clock, self.chance)
        self.service = LinkService(services, taker, Alone(self.chance.uuid()), DAY, self.latencies)
        works: Sequence[Coroutine[Any, Any, None]] = (
            Transitions(self.catalog, stores, self.clock, 0.0).run(),
            Keeper(stores, self.catalog, Ways(taker, contacts), self.clock, DAY).run(),
            watch.run(),
            self.service.run(),
        )
        self._tasks = [asyncio.create_task(work) for work in works]

    async def kill(self) -> None:
        """The process dies: nothing it has under way is finished, nothing given back."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def create(self, region: str = EAST, **members: Any) -> Table:
        await self.catalog.create(region, of_input(NAME, {**_KEYS, **members}))
        return await self.until_active(region)

    async def add(self, region: str, *, at: str = EAST) -> None:
        await self.groups.update(at, NAME, AddReplica(region))

    async def remove(self, region: str, *, at: str = EAST) -> None:
        await self.groups.update(at, NAME, RemoveReplica(region))

    async def until_active(self, region: str) -> Table:
        """Let time pass until a region's table is ACTIVE, with all it knows of."""
        for _ in range(2000):
            table = await self.catalog.describe(region, NAME)
            if table.status is TableStatus.ACTIVE and not table.has_pending_replicas:
                return table
            await self.advance(0.1)
        raise AssertionError(f"the table of {region} does not become active")

    async def put(self, region: str, key: str, value: str = "") -> Version | None:
        """Put an item; the version that this made it, if that changed anything."""
        item: Item = {"k": {"S": key}, "v": {"S": value}}
        return await self._write(region, key, Put(item, codec.encode(item, items.size(item))))

    async def delete(self, region: str, key: str) -> Version | None:
        return await self._write(region, key, Delete())

    async def _write(self, region: str, key: str, action: Put | Delete) -> Version | None:
        table = await self.catalog.table(region, NAME)
        write = Write(table, of_key(table, {"k": {"S": key}}), action)
        result: Any = await self.writer.write(write, int(self.clock.now() * 1e6))
        made: Version | None = result
        return made

    async def content(self, region: str) -> dict[str, tuple[str | None, Version | None]]:
        """Values and versions by key, tombstones included."""
        table = await self.catalog.describe(region, NAME)
        found: dict[str, tuple[str | None, Version | None]] = {}
        values = {}
        span = table.items_prefix, table.items_prefix + b"\xff" * 9
        async for key, stored in listing.entries(self.engine, span):
            values[key[len(table.items_prefix) :]] = codec.decode(stored)["v"]["S"]
        span = table.versions_prefix, table.versions_prefix + b"\xff" * 9
        made = {
            key[len(table.versions_prefix) :]: versions.decode(stored)
            async for key, stored in listing.entries(self.engine, span)
        }
        for place in values.keys() | made.keys():
            name = unescape(place, HASH_BYTES)[0].decode()
            found[name] = values.get(place), made.get(place)
        return found

    async def values(self, region: str) -> dict[str, str]:
        content = await self.content(region)
        return {key: value for key, (value, _) in content.items() if value is not None}

    async def written(self) -> Mapping[TableId, Mapping[ShardId, int]]:
        """The last number of every shard."""
        last: dict[TableId, dict[ShardId, int]] = {}
        async for key, stored in listing.entries(self.engine, keyspace.every_head_span()):
            table_id, shard_id = keyspace.shard_of_head(key)
            last.setdefault(table_id, {})[shard_id] = decode_head(stored).last
        return last

    async def drained(self) -> None:
        """Let time pass until every link has sent everything."""
        for _ in range(400):
            if not await self.service.behind(await self.written()):
                return
            await self.advance(1)
        raise AssertionError(f"behind: {await self.service.behind(await self.written())}")

    async def has_table(self, region: str) -> bool:
        try:
            await self.catalog.describe(region, NAME)
        except ResourceNotFoundException:
            return False
        return True

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


def in_regions(
    body: Callable[[ReplicatedStore], Coroutine[Any, Any, None]], count: int = 2
) -> None:
    """Run a test's body over a global table of so many regions."""

    async def main() -> None:
        async with ReplicatedStore().running() as store:
            await store.create()
            for region in REGIONS[1:count]:
                await store.add(region)
                await store.until_active(EAST)
            await body(store)

    asyncio.run(main())
