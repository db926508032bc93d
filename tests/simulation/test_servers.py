"""Seeded lives of a global table whose regions are on three servers.

What they send each other is lost, slow, repeated, or done without anybody hearing of it; servers
are cut off from each other, die and come back, and stay away for longer than the log reaches back;
replicas come and go, indexes and time to live are switched anywhere. What must hold in the end:
*regions converge*, in items and in what they share, and no acknowledged write is lost but to a
later one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from headwater.audit.report import Report
from headwater.audit.story import MemoryImages
from headwater.audit.whole import audit
from headwater.clock import ManualClock
from headwater.errors import ServiceError
from headwater.replication.wire import PeerUnreachable
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables import expiry, membership
from headwater.tables.alteration import of_input
from headwater.tables.resharding import Resharder
from headwater.tables.schema import Table, TimeToLiveStatus
from headwater.tables.version import Version
from tests.linked_stores import LinkedStores, Weather
from tests.replicated_store import DAY, EAST, NAME, SOUTH, WEST, settle

STEPS = 120
CENTRAL = "us-west-2"
SERVERS = {"a": (EAST, CENTRAL), "b": (WEST,), "c": (SOUTH,)}
INDEX = {
    "AttributeDefinitions": [{"AttributeName": "v", "AttributeType": "S"}],
    "GlobalSecondaryIndexUpdates": [
        {
            "Create": {
                "IndexName": "by-v",
                "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        }
    ],
}
NO_INDEX = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-v"}}]}


class Foul(Weather):
    """Weather in which little arrives as it should."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.clock: ManualClock | None = None
        self.cut: set[tuple[str, str]] = set()
        self.fault_rate = 0.0

    async def befall(self, source: str, target: str, send: Callable[[], Awaitable[Any]]) -> Any:
        if (source, target) in self.cut:
            raise PeerUnreachable("cut")
        if self.luck.random() >= self.fault_rate:
            return await send()
        match self.luck.randrange(4):
            case 0:
                raise PeerUnreachable("lost")
            case 1:
                assert self.clock is not None, "it is set with the world"
                await self.clock.sleep(self.luck.uniform(0.1, 3))
            case 2:
                await send()
            case _:
                await send()
                raise PeerUnreachable("the answer is lost")
        return await send()


class Life:
    """A table on its servers, and what is known to be written."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.weather = Foul(self.luck)
        self.world = LinkedStores(SERVERS, self.weather)
        self.weather.clock = self.world.clock
        self.latest: dict[str, tuple[Version, str | None]] = {}
        self.count = 0
        self.members = [EAST]

    async def write(self) -> None:
        region, key = self.luck.choice(self.members), f"key-{self.luck.randrange(6)}"
        store = self.world.of(region)
        self.count += 1
        value = None if self.luck.random() < 0.3 else str(self.count % 40)
        if value is None:
            version = await store.delete(region, key)
        else:
            version = await store.put(region, key, value)
        if version is not None:
            assert version != self.latest.get(key, (None,))[0], "versions differ"
            self.latest[key] = max(self.latest.get(key, (version, value)), (version, value))

    async def reshard(self) -> None:
        region = self.luck.choice(self.members)
        store, table = self.world.of(region), await self.world.table(region)
        resharder = Resharder(store.catalog, store.clock, store.chance)
        shard = self.luck.choice([each.shard_id for each in table.partitions])
        assert shard is not None
        await self.luck.choice([resharder.split, resharder.roll_over])(table, shard)

    async def crash(self) -> None:
        store = self.world.stores[self.luck.choice(list(SERVERS))]
        await store.kill()
        store.start()

    async def outage(self) -> None:
        """A server is away for longer than the others' logs reach back."""
        away = self.luck.choice(list(SERVERS))
        self.world.down.add(away)
        await self.world.stores[away].kill()
        await self.world.advance(self.luck.uniform(0.5, 1.5) * DAY, step=DAY / 40)
        for store in self.world.stores.values():
            trimmer = Trimmer(store.engine, store.committer, store.clock, RetentionSettings(DAY))
            await trimmer.trim()
        self.world.down.discard(away)
        self.world.stores[away].start()

    async def join_or_leave(self) -> None:
        region = self.luck.choice([EAST, CENTRAL, WEST, SOUTH])
        at = self.luck.choice(self.members)
        store = self.world.of(at)
        try:
            if region not in self.members:
                await self.patiently(store.add(region, at=at))
                self.members.append(region)
            elif region != at and len(self.members) > 2:
                await self.patiently(store.remove(region, at=at))
                self.members.remove(region)
        except ServiceError:
            return  # busy, cut off, or a source of the last day
        self.weather.cut.clear()
        await self.world.until_members(*self.members)

    async def patiently(self, work: Coroutine[Any, Any, None]) -> None:
        """Let time pass until work is done that may be slow."""
        task = asyncio.create_task(work)
        while not task.done():
            await self.world.advance(0.5)
        await task

    async def set_up(self) -> None:
        region = self.luck.choice(self.members)
        store, table = self.world.of(region), await self.world.table(region)
        try:
            if self.luck.random() < 0.5:
                body = NO_INDEX if table.indexes else INDEX
                await store.catalog.update(region, NAME, of_input(body))
            else:
                await self.switch_time_to_live(table)
        except ServiceError:
            return  # busy

    async def switch_time_to_live(self, table: Table) -> None:
        is_on = table.time_to_live is None

        def step(view: Any, present: Table) -> Table:
            def switched(each: Table) -> Table:
                return expiry.switched(view, each, "expires", is_on=is_on)

            membership.follow(view, present, switched)
            return switched(present)

        catalog = self.world.of(table.region).catalog
        await catalog.change(table, step, membership.keys_of)

    async def step(self) -> None:
        kinds = ("write", "reshard", "crash", "time", "cut", "heal", "outage", "members", "set")
        match self.luck.choices(kinds, (70, 4, 4, 12, 4, 4, 1, 2, 4))[0]:
            case "write":
                await self.write()
            case "reshard":
                await self.reshard()
            case "crash":
                await self.crash()
            case "time":
                await self.world.advance(self.luck.uniform(0.1, 8), step=1)
            case "cut":
                pairs = {(one, other) for one in SERVERS for other in SERVERS}
                self.weather.cut |= {pair for pair in sorted(pairs) if self.luck.random() < 0.3}
            case "heal":
                self.weather.cut.clear()
            case "outage":
                await self.outage()
            case "set":
                await self.set_up()
            case _:
                await self.join_or_leave()
        await settle(self.luck.randrange(20))

    async def live(self) -> None:
        async with self.world.running():
            await self.world.of(EAST).create()
            for region in (WEST, SOUTH, CENTRAL):
                await self.world.of(EAST).add(region)
                self.members.append(region)
                await self.world.until_members(*self.members)
            self.weather.fault_rate = 0.2
            for _ in range(STEPS):
                await self.step()
            self.weather.fault_rate = 0.0
            self.weather.cut.clear()
            await self.world.until_members(*self.members)
            await self.world.drained()
            await self.until_shared()
            await self.check()

    async def until_shared(self) -> None:
        for _ in range(200):
            tables = [await self.world.table(region) for region in self.members]
            if all(shared(table) == shared(tables[0]) for table in tables):
                return
            await self.world.advance(0.5)
        raise AssertionError(f"settings differ: {list(map(shared, tables))}")

    async def check(self) -> None:
        contents = [await self.world.of(region).content(region) for region in self.members]
        for content in contents[1:]:
            assert content == contents[0]
        for key, (version, value) in self.latest.items():
            assert contents[0][key] == (value, version), key
        report = Report()
        for store in self.world.stores.values():
            await audit(store.engine, report, MemoryImages)
        faults = [fault for section in report.sections for fault in section.faults]
        assert faults == []


def shared(table: Table) -> tuple[Any, ...]:
    """What replicas share, once it is at rest."""
    indexes = sorted((each.name, each.status) for each in table.indexes)
    time_to_live = table.time_to_live
    is_on = time_to_live is not None and time_to_live.status is TimeToLiveStatus.ENABLED
    is_at_rest = time_to_live is None or is_on
    return table.shared, indexes, is_on, is_at_rest


@pytest.mark.parametrize("seed", range(4))
def test_servers_converge_and_lose_nothing_but_to_later_writes(seed: int) -> None:
    life = Life(seed)

    with capture_logs() as logs:
        asyncio.run(life.live())

    assert [each for each in logs if each["log_level"] == "error"] == []
