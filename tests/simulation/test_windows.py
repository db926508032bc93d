"""Seeded lives of a consumer with tumbling windows, whose state is the records it has been given.

Whatever happens, every record is in the final state of one window exactly, and in no other: nothing
is lost from a state and nothing counted twice in it, though deliveries repeat.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import orjson
import pytest
from structlog.testing import capture_logs

from headwater.consumers.consumer import Consumer
from headwater.consumers.coordinator import Coordinator
from headwater.consumers.delivery import Batch, Delivered, Failed, Outcome, Partly, Throttled
from headwater.consumers.members import Alone
from headwater.streams.entry import time_us_of
from headwater.streams.window import Stream
from headwater.tables.schema import Table
from tests.destinations import ListDestination, settings
from tests.logged_store import LoggedStore, advance, open_shards, settle

DAY = 24 * 3600
TUMBLING = 10
STEPS = 150


@dataclass
class Life:
    """finals: the states that windows were closed with, by shard, window and state."""

    luck: random.Random
    store: LoggedStore = field(default_factory=LoggedStore)
    fail_rate: float = 0.3
    written: list[int] = field(default_factory=list)
    finals: set[tuple[str, int, tuple[int, ...]]] = field(default_factory=set)
    table: Table = field(init=False)
    stream: Stream = field(init=False)

    async def live(self) -> None:
        async with self.store.running():
            self.table = await self.store.create_table(count=2)
            self.stream = await self.store.stream(self.table)
            task = self.start()
            for _ in range(STEPS):
                task = await self.step(task)
            self.fail_rate = 0.0
            await advance(self.store, 200, step=1)
            task.cancel()
            await asyncio.wait([task])

    def start(self) -> asyncio.Task[None]:
        chosen = settings(
            batch_records_max=self.luck.choice([1, 4, 100]),
            tumbling_seconds=TUMBLING,
            is_bisecting=self.luck.choice([False, True]),
        )
        destination = ListDestination(answer=self.answer)
        consumer = Consumer("c", self.stream, chosen, destination)
        members = Alone(self.store.chance.uuid())
        made = Coordinator(self.store.services, consumer, members, DAY)
        return asyncio.create_task(made.run())

    async def step(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        match self.luck.choices(("write", "time", "crash", "roll"), (70, 20, 6, 4))[0]:
            case "write":
                key = f"key-{self.luck.randrange(5)}"
                self.written.append(await self.store.append(self.table, key))
            case "time":
                await advance(self.store, self.luck.uniform(0.1, 6), step=0.5)
            case "crash":
                task.cancel()
                await asyncio.wait([task])
                task = self.start()
            case _:
                shard = self.luck.choice(open_shards(self.table))
                self.table = await self.store.roll_over(self.table, shard)
        await settle(self.luck.randrange(12))
        return task

    def answer(self, batch: Batch) -> Outcome:
        window = batch.window
        assert window is not None
        times = [time_us_of(stored.entry) for stored in batch.entries]
        assert all(time < window.end_us for time in times)
        if self.luck.random() < self.fail_rate:
            return self.failure(batch)
        if batch.is_closing:
            state = tuple(orjson.loads(window.state))
            self.finals.add((batch.shard_id, window.start_us, state))
            return Delivered()
        return Delivered(state=grown(batch, len(batch.entries)))

    def failure(self, batch: Batch) -> Outcome:
        count = len(batch.entries)
        match self.luck.randrange(3):
            case 0:
                return Throttled("busy")
            case 1 if count > 1:
                done = self.luck.randrange(1, count)
                return Partly(done, "some", state=grown(batch, done))
            case _:
                return Failed("no")


def grown(batch: Batch, count: int) -> bytes:
    assert batch.window is not None
    before = orjson.loads(batch.window.state or b"[]")
    return orjson.dumps(before + [stored.number for stored in batch.entries[:count]])


@pytest.mark.parametrize("seed", range(8))
def test_every_record_is_in_one_final_state(seed: int) -> None:
    life = Life(random.Random(seed))

    with capture_logs():
        asyncio.run(life.live())

    counted = Counter(number for _, _, state in life.finals for number in state)
    assert counted == Counter(life.written)
    assert all(list(state) == sorted(state) for _, _, state in life.finals)
