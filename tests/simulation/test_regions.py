"""Seeded lives of a global table in regions that all take writes.

Links are cut, slow, refused and repeated, the process that keeps them is killed, shards split and
roll over, time jumps beyond what the log keeps, a region joins in the middle. What must hold in the
end: *regions converge*, no acknowledged write is lost but to a later one, and *the stream replays
to the table* in every region.
"""

from __future__ import annotations

import asyncio
import random

import pytest
from structlog.testing import capture_logs

from headwater.audit.report import Report
from headwater.audit.story import MemoryImages
from headwater.audit.whole import audit
from headwater.clock import ManualClock
from headwater.consumers.consumer import Consumer
from headwater.consumers.delivery import Batch, Delivered, Destination, GivenUp, Outcome, Throttled
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables.resharding import Resharder
from headwater.tables.version import Version
from tests.replicated_store import DAY, EAST, NAME, REGIONS, SOUTH, WEST, ReplicatedStore, settle

STEPS = 150


class Weather:
    """What befalls the links: who is cut off, and how likely a delivery goes wrong."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.cut: set[str] = set()
        self.fault_rate = 0.2


class FoulLink:
    """A link's destination in that weather."""

    def __init__(self, consumer: Consumer, weather: Weather, clock: ManualClock) -> None:
        self._inner = consumer.destination
        self._name = consumer.name
        self._weather = weather
        self._clock = clock

    def size(self, entry: bytes) -> int:
        return self._inner.size(entry)

    async def give_up(self, given_up: GivenUp) -> None:
        await self._inner.give_up(given_up)

    async def deliver(self, batch: Batch) -> Outcome:
        weather = self._weather
        if self._name in weather.cut:
            return Throttled("cut")
        if weather.luck.random() >= weather.fault_rate:
            return await self._inner.deliver(batch)
        match weather.luck.randrange(4):
            case 0:
                return Throttled("refused")
            case 1:
                await self._clock.sleep(weather.luck.uniform(0.1, 3))
            case 2:
                await self._inner.deliver(batch)
            case _:
                outcome = await self._inner.deliver(batch)
                assert isinstance(outcome, Delivered)
                return Throttled("delivered, but nobody heard of it")
        return await self._inner.deliver(batch)


class Life:
    """A table in its regions, and what is known to be written."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.weather = Weather(self.luck)
        self.store = ReplicatedStore(reach=self._reach)
        self.latest: dict[str, tuple[Version, str | None]] = {}
        self.count = 0
        self.names: set[str] = set()
        self.regions = [EAST, WEST]

    def _reach(self, consumer: Consumer) -> Destination:
        self.names.add(consumer.name)
        return FoulLink(consumer, self.weather, self.store.clock)

    async def write(self) -> None:
        region, key = self.luck.choice(self.regions), f"key-{self.luck.randrange(6)}"
        self.count += 1
        value = None if self.luck.random() < 0.3 else str(self.count % 40)
        if value is None:
            version = await self.store.delete(region, key)
        else:
            version = await self.store.put(region, key, value)
        if version is not None:
            assert version != self.latest.get(key, (None,))[0], "versions differ"
            self.latest[key] = max(self.latest.get(key, (version, value)), (version, value))

    async def reshard(self) -> None:
        table = await self.store.catalog.describe(self.luck.choice(self.regions), NAME)
        resharder = Resharder(self.store.catalog, self.store.clock, self.store.chance)
        shard = self.luck.choice([each.shard_id for each in table.partitions])
        assert shard is not None
        await self.luck.choice([resharder.split, resharder.roll_over])(table, shard)

    async def outage(self) -> None:
        """Nobody keeps the links for longer than the log keeps records."""
        await self.store.kill()
        self.store.clock.advance(self.luck.uniform(0.5, 1.5) * DAY)
        trimmer = Trimmer(
            self.store.engine, self.store.committer, self.store.clock, RetentionSettings(DAY)
        )
        await trimmer.trim()
        self.store.start()

    async def step(self) -> None:
        kinds = ("write", "reshard", "crash", "time", "cut", "heal", "outage", "join")
        match self.luck.choices(kinds, (70, 4, 4, 12, 4, 4, 1, 1))[0]:
            case "write":
                await self.write()
            case "reshard":
                await self.reshard()
            case "crash":
                await self.store.kill()
                self.store.start()
            case "time":
                await self.store.advance(self.luck.uniform(0.1, 8), step=1)
            case "cut":
                self.weather.cut.update(name for name in self.names if self.luck.random() < 0.3)
            case "heal":
                self.weather.cut.clear()
            case "outage":
                await self.outage()
            case _ if SOUTH not in self.regions:
                await self.store.add(SOUTH)
                await self.store.until_active(EAST)
                self.regions.append(SOUTH)
        await settle(self.luck.randrange(20))

    async def live(self) -> None:
        async with self.store.running():
            await self.store.create(
                StreamSpecification={
                    "StreamEnabled": True,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                }
            )
            await self.store.add(WEST)
            await self.store.until_active(EAST)
            for _ in range(STEPS):
                await self.step()
            self.weather.fault_rate = 0.0
            self.weather.cut.clear()
            await self.store.drained()
            await self.check()

    async def check(self) -> None:
        contents = [await self.store.content(region) for region in self.regions]
        for content in contents[1:]:
            assert content == contents[0]
        for key, (version, value) in self.latest.items():
            assert contents[0][key] == (value, version), key
        report = Report()
        await audit(self.store.engine, report, MemoryImages)
        faults = [fault for section in report.sections for fault in section.faults]
        assert faults == []


@pytest.mark.parametrize("seed", range(20))
def test_regions_converge_and_lose_nothing_but_to_later_writes(seed: int) -> None:
    life = Life(seed)

    with capture_logs():  # faults on purpose, which would be printed
        asyncio.run(life.live())

    assert set(life.regions) <= set(REGIONS)
