"""Seeded lives of consumers outside the server: several, with leases, over the server's handlers.

Writes, splits, rollovers, trims, expired iterators; consumers that crash, are stopped and started,
are cut off, whose handlers fail; calls that fail, get lost, come twice or late. What must hold
whatever happens: *no gaps for a reader*, *order per key* (and so children after parents),
*confirmed means delivered*: no stored position passes a record that was not confirmed. A failure
names its seed, which repeats it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from headwater.consumer import (
    LATEST,
    TRIM_HORIZON,
    Batch,
    CallFailed,
    Consumer,
    ConsumerSettings,
    Counters,
)
from headwater.consumer.lease import Lease
from headwater.consumer.lease_table import LeaseTable
from headwater.consumer.position import After, Start
from headwater.lab.streams import StreamStore, expire_iterators, trim
from headwater.storage.keyspace import ShardId
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.handler_api import DAY, HandlerApi, Luck, UnluckyApi, services_of
from tests.logged_store import LoggedStore, advance, open_shards, settle
from tests.unit.api.stream_client import arn

STEPS = 100
LANES = 2**16
SOUND = {"write": 60, "reshard": 5, "crash": 4, "stop": 2, "time": 20, "expire": 2}


@dataclass
class Running:
    """A consumer at work."""

    consumer: Consumer
    task: asyncio.Task[None]
    luck: Luck


class Life:
    """Consumers of one application over one table, and what is known to be written."""

    def __init__(
        self, seed: int, *, start: Start = TRIM_HORIZON, is_iterating: bool = False
    ) -> None:
        self.luck = random.Random(seed)
        self.store = LoggedStore()
        self.api = HandlerApi(self.store)
        self.start_position = start
        self.is_iterating = is_iterating
        self.table: Table
        self.written: dict[int, str] = {}
        self.early: set[int] = set()
        self.trimmed: set[int] = set()
        self.delivered: list[int] = []
        self.confirmed: set[int] = set()
        self.running: list[Running] = []
        self.counters: list[Counters] = []
        self.fail_rate = 0.2
        self.fault_rate = 0.0
        self._stored: dict[str, float] = {}

    # --- consumers

    def start(self) -> None:
        luck = Luck(random.Random(self.luck.random()), self.fault_rate)
        api = UnluckyApi(self.api, self.store.clock, luck)
        settings = ConsumerSettings(
            stream=arn(self.table),
            application="leases",
            start=self.start_position,
            batch_records_max=self.luck.choice([1, 3, 1000]),
            checkpoint_seconds=self.luck.choice([0.0, 5.0]),
            has_manual_checkpoints=not self.is_iterating and self.luck.random() < 0.3,
        )
        consumer = Consumer(services_of(self.store, api, self.luck.randrange(10**6)), settings)
        form = self._iterate if self.is_iterating else self._handle_all
        task = asyncio.create_task(form(consumer, settings))
        self.running.append(Running(consumer, task, luck))
        self.counters.append(consumer.counters)

    async def _handle_all(self, consumer: Consumer, settings: ConsumerSettings) -> None:
        async def handle(batch: Batch) -> None:
            await self._work_on(batch)
            if settings.has_manual_checkpoints:
                batch.confirm()

        await consumer.run(handle)

    async def _iterate(self, consumer: Consumer, _: ConsumerSettings) -> None:
        async with consumer:
            async for batch in consumer:
                await self._work_on(batch)

    async def _work_on(self, batch: Batch) -> None:
        numbers = [parse_sequence(str(record.sequence_number)) for record in batch]
        self.delivered += numbers
        if self.luck.random() < 0.3:
            await self.store.clock.sleep(self.luck.uniform(0.1, 4))
        if not self.is_iterating and self.luck.random() < self.fail_rate:
            raise RuntimeError("a fault of the handler's")
        self.confirmed.update(numbers)

    def crash(self) -> None:
        self.running.pop(self.luck.randrange(len(self.running))).task.cancel()

    async def stop(self, running: Running) -> None:
        running.luck.rate = 0.0
        self.running.remove(running)
        running.consumer.stop()
        for _ in range(200):
            if running.task.done():
                running.task.result()
                return
            await advance(self.store, 1)
        raise AssertionError("the consumer did not stop")

    # --- steps

    async def step(self, kind: str) -> None:
        match kind:
            case "write":
                for _ in range(self.luck.randrange(1, 5)):
                    await self.write()
            case "reshard":
                shard = self.luck.choice(open_shards(self.table))
                change = self.luck.choice([self.store.split, self.store.roll_over])
                self.table = await change(self.table, shard)
            case "crash":
                self.crash()
                self.start()
            case "stop":
                await self.stop(self.luck.choice(self.running))
                self.start()
            case "isolate":
                running = self.luck.choice(self.running)
                running.luck.rate = self.fault_rate if running.luck.rate == 1.0 else 1.0
            case "expire":
                stream = await self.store.stream(self.table)
                expired = asyncio.create_task(expire_iterators(self._lab(), stream))
                await advance(self.store, 1)
                await expired
            case "trim":
                await self.trim()
            case _:
                await advance(self.store, self.luck.uniform(0.1, 12), step=0.5)
        await settle(self.luck.randrange(30))

    async def write(self) -> int:
        key = f"key-{self.luck.randrange(6)}"
        number = await self.store.append(self.table, key)
        self.written[number] = key
        self.store.clock.advance(0.01)
        return number

    async def trim(self) -> None:
        page = await self.api.call("DescribeStream", {"StreamArn": arn(self.table)})
        shards = page["StreamDescription"]["Shards"]
        shard = await self.store.shard(self.table, ShardId(self.luck.choice(shards)["ShardId"]))
        own = sorted(number for number in self.written if number % LANES == shard.lane)
        if own:
            upto = self.luck.choice(own)
            await trim(self._lab(), await self.store.stream(self.table), shard, upto)
            self.trimmed |= {number for number in own if number <= upto}

    def _lab(self) -> StreamStore:
        return StreamStore(self.store.engine, self.store.committer, self.store.clock, DAY)

    # --- invariants

    async def leases(self) -> Sequence[Lease]:
        table = LeaseTable(self.api, self.store.clock, "leases", arn(self.table))
        try:
            return await table.leases()
        except CallFailed:
            return ()  # not made yet

    async def check_positions(self) -> None:
        """No position has passed a record neither confirmed nor trimmed, or has moved back."""
        for lease in await self.leases():
            place = _place(lease)
            assert place >= self._stored.get(lease.shard_id, 0), "a position moved back"
            self._stored[lease.shard_id] = place
            shard = await self.store.shard(self.table, ShardId(lease.shard_id))
            own = {n for n in self.written if n % LANES == shard.lane}
            match lease.position:
                case After(number):
                    own = {n for n in own if n <= parse_sequence(str(number))}
                case _ if not lease.is_finished:
                    continue
            assert own <= self.confirmed | self.trimmed | self.early

    def check_order(self) -> None:
        """No change of a key comes before an earlier one of the key has come."""
        lines: dict[str, list[int]] = defaultdict(list)
        for number, key in self.written.items():
            if number not in self.early | self.trimmed:
                lines[key].append(number)
        reached: dict[str, int] = defaultdict(int)
        for number in self.delivered:
            if number in self.early | self.trimmed:
                continue
            key = self.written[number]
            place = lines[key].index(number)
            assert place <= reached[key], f"{number} came before {lines[key][reached[key]]}"
            reached[key] = max(reached[key], place + 1)

    async def finish(self) -> None:
        """With no more faults, everything is confirmed within a few minutes."""
        self.fail_rate = 0.0
        for running in self.running:
            running.luck.rate = 0.0
        wanted = self.written.keys() - self.early
        for _ in range(600):
            if wanted <= self.confirmed | self.trimmed:
                return
            await advance(self.store, 1, step=0.5)
        raise AssertionError(f"never confirmed: {sorted(wanted - self.confirmed)[:5]}")


def _place(lease: Lease) -> float:
    match lease.position:
        case After(number):
            return number
        case _:
            return math.inf if lease.is_finished else 0


async def live(life: Life, kinds: dict[str, int], fault_rate: float) -> None:
    async with life.store.running(), asyncio.TaskGroup() as tasks:
        transitions = tasks.create_task(life.api.transitions.run())
        life.table = await life.store.create_table(count=2)
        life.fault_rate = fault_rate
        if life.start_position == LATEST:
            life.early = {await life.write() for _ in range(20)}
            await advance(life.store, 5)
        for _ in range(3):
            life.start()
        await settle()
        for _ in range(STEPS):
            await life.step(life.luck.choices(list(kinds), list(kinds.values()))[0])
            await life.check_positions()
        await life.finish()
        last = list(life.running)
        for running in last:
            await life.stop(running)
        await life.check_positions()
        if not fault_rate:  # a take that arrives late may come after the stop
            stopped = {running.consumer.owner for running in last}
            assert stopped.isdisjoint(lease.owner for lease in await life.leases())
        transitions.cancel()


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Hundreds of faults on purpose, which would be kept with their traces."""
    caplog.set_level(logging.CRITICAL, "headwater.consumer")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fault_rate", [0.0, 0.1], ids=["sound", "faltering"])
def test_no_gap_no_disorder_and_nothing_confirmed_undelivered(seed: int, fault_rate: float) -> None:
    life = Life(seed)

    asyncio.run(live(life, SOUND | {"isolate": 3 if fault_rate else 0}, fault_rate))

    life.check_order()
    assert sum(counters.trims_met for counters in life.counters) == 0


@pytest.mark.parametrize("seed", range(2))
def test_iterating_consumers_keep_the_same_promises(seed: int) -> None:
    life = Life(seed, is_iterating=True)

    asyncio.run(live(life, SOUND, 0.05))

    life.check_order()


@pytest.mark.parametrize("seed", range(4))
def test_from_latest_on_nothing_is_lost_whoever_crashes(seed: int) -> None:
    life = Life(seed, start=LATEST)

    asyncio.run(live(life, SOUND | {"crash": 10}, 0.05))

    life.check_order()
    assert life.early.isdisjoint(life.delivered)


@pytest.mark.parametrize("seed", range(4))
def test_only_what_was_trimmed_is_missed_and_it_is_told(seed: int) -> None:
    life = Life(seed)

    asyncio.run(live(life, SOUND | {"trim": 6}, 0.05))

    life.check_order()
    missed = life.written.keys() - set(life.delivered)
    assert missed <= life.trimmed
    assert not missed or sum(counters.trims_met for counters in life.counters) > 0


class FullApi:
    """Another API that throttles the first writes of leases, but for the very first."""

    def __init__(self, api: HandlerApi, refusals: int) -> None:
        self._api = api
        self._left = refusals + 1

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "PutItem" and "leaseCounter" in request["Item"]:
            self._left -= 1
            if self._left > 0:
                raise CallFailed("ThrottlingException")
        return await self._api.call(operation, request)


def test_shards_whose_leases_were_refused_are_read_soon() -> None:
    life = Life(0)
    seen: list[int] = []

    async def count(batch: Batch) -> None:
        seen.append(len(batch))

    async def main() -> None:
        async with life.store.running(), asyncio.TaskGroup() as tasks:
            transitions = tasks.create_task(life.api.transitions.run())
            life.table = await life.store.create_table(count=3)
            for _ in range(30):
                await life.write()
            consumer = Consumer(
                services_of(life.store, FullApi(life.api, refusals=4)),
                ConsumerSettings(
                    stream=arn(life.table), application="leases", discovery_seconds=3600.0
                ),
            )
            reading = tasks.create_task(consumer.run(count))
            await advance(life.store, 60, step=0.5)
            consumer.stop()
            await advance(life.store, 10, step=0.5)
            transitions.cancel()
            await reading

    asyncio.run(main())

    assert sum(seen) == len(life.written)
