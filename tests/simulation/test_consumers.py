"""Seeded lives of a consumer: writes, splits, rollovers, crashes, refusals, a store that falters.

What must hold whatever happens: *no gaps for a reader*, *order per key*, *confirmed means
delivered*, at least once. A failure names its seed, which repeats it.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.consumer import Consumer
from headwater.consumers.coordinator import Coordinator, behind
from headwater.consumers.delivery import Batch, Delivered, Failed, Outcome, Partly, Throttled
from headwater.storage.engine import CommitGroup, Span, Unavailable
from headwater.storage.keyspace import ShardId
from headwater.storage.memory import MemoryEngine
from headwater.streams import listing
from headwater.streams.window import Stream
from headwater.tables.schema import Table
from tests.destinations import ListDestination, change, settings
from tests.fellows import Fellows
from tests.logged_store import LoggedStore, advance, open_shards, settle

DAY = 24 * 3600
STEPS = 120


class FalteringEngine(MemoryEngine):
    """Memory that is unavailable now and then."""

    def __init__(self, luck: random.Random) -> None:
        super().__init__()
        self._luck = luck
        self.fault_rate = 0.0

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self._falter()
        return await super().get(keys)

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        self._falter()
        return await super().scan(span)

    async def commit(self, group: CommitGroup) -> None:
        self._falter()
        await super().commit(group)

    def _falter(self) -> None:
        if self._luck.random() < self.fault_rate:
            raise Unavailable("a fault of the simulation")


class Life:
    """One consumer over one table, and what is known to be written."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.engine = FalteringEngine(self.luck)
        self.store = LoggedStore(engine=self.engine)
        self.written: dict[int, tuple[str, int]] = {}
        self.destination = ListDestination(answer=self._answer)
        self.fail_rate = 0.3
        self.table: Table
        self.stream: Stream
        self._tasks: list[asyncio.Task[None]] = []
        self._coordinators: list[Coordinator] = []
        self._fellows = Fellows()
        self._owners: list[str] = []
        self._unnoticed: list[str] = []

    def _answer(self, batch: Batch) -> Outcome:
        if self.luck.random() >= self.fail_rate:
            return Delivered()
        match self.luck.randrange(4):
            case 0:
                return Failed("no")
            case 1:
                return Throttled("busy")
            case 2 if len(batch.entries) > 1:
                return Partly(self.luck.randrange(1, len(batch.entries)), "some")
            case _:
                raise RuntimeError("a fault of the destination")

    def start(self) -> None:
        store = self.store
        chosen = settings(
            batch_records_max=self.luck.choice([1, 3, 100]),
            lanes=self.luck.choice([1, 1, 2, 10]),
            is_bisecting=self.luck.choice([False, True]),
            unstored_max=self.luck.choice([0, 1, 2]),
        )
        consumer = Consumer("c", self.stream, chosen, self.destination)
        owner = store.chance.uuid()
        self._owners.append(owner)
        made = Coordinator(store.services, consumer, self._fellows.join(owner), DAY)
        self._coordinators.append(made)
        self._tasks.append(asyncio.create_task(made.run()))

    async def crash(self) -> None:
        """A process dies; perhaps the others learn of it at once, perhaps much later."""
        task = self._tasks.pop(0)
        self._coordinators.pop(0)
        task.cancel()
        await asyncio.wait([task])
        owner = self._owners.pop(0)
        if self.luck.random() < 0.5:
            self._fellows.die(owner)
        else:
            self._unnoticed.append(owner)

    def notice(self) -> None:
        """All learn who is dead."""
        while self._unnoticed:
            self._fellows.die(self._unnoticed.pop())

    async def stop(self) -> None:
        self._coordinators.pop(0).stop()
        self._fellows.die(self._owners.pop(0))
        task = self._tasks.pop(0)
        while not task.done():
            await advance(self.store, 1)
        task.result()

    async def write(self) -> None:
        key = f"key-{self.luck.randrange(8)}"
        number = await self.store.append(self.table, key)
        self.written[number] = (key, self.store.counts[key])

    async def reshard(self) -> None:
        shard = self.luck.choice(open_shards(self.table))
        change_shards = self.luck.choice([self.store.split, self.store.roll_over])
        self.table = await change_shards(self.table, shard)

    async def step(self) -> None:
        kind = self.luck.choices(
            ("write", "reshard", "crash", "stop", "time", "silence"), (70, 6, 5, 2, 15, 2)
        )[0]
        match kind:
            case "write":
                await self.write()
            case "reshard":
                await self.reshard()
            case "crash":
                await self.crash()
                self.start()
            case "stop":
                await self.stop()
                self.start()
            case "time":
                await advance(self.store, self.luck.uniform(0.1, 8), step=1)
            case _:
                self.store.wakeups._events.clear()
        await settle(self.luck.randrange(12))

    async def check_positions(self) -> None:
        """No stored position has passed a record that was not confirmed."""
        self.engine.fault_rate, before = 0.0, self.engine.fault_rate
        delivered = set(self.destination.numbers())
        stored = await checkpoints.load(self.engine, "c")
        for (_, shard_id), checkpoint in stored.items():
            shard = await self.store.shard(self.table, shard_id)
            passed = {
                number
                for number in self.written
                if number & 0xFFFF == shard.lane and number <= checkpoint.position
            }
            assert passed <= delivered
        self.engine.fault_rate = before

    async def finish(self) -> None:
        """With no more faults, everything is delivered within a minute or so."""
        self.fail_rate = self.engine.fault_rate = 0.0
        self.notice()
        last: dict[ShardId, int] = {}
        async for shard in listing.shards_of(self.engine, self.stream, 0):
            numbers = [n for n in self.written if n & 0xFFFF == shard.lane]
            last[shard.shard_id] = max(numbers, default=shard.first)
        for _ in range(300):
            if await behind(self.engine, "c", self.stream, last) is None:
                return
            await advance(self.store, 1, step=1)
        raise AssertionError("the consumer never caught up")


def check_order(life: Life) -> None:
    """Deliveries of a key's changes never jump ahead: a repeat may go back, none leaves any out."""
    reached: dict[str, int] = defaultdict(int)
    for batch in life.destination.delivered:
        for stored in batch.entries:
            key, count = change(stored.entry)
            assert count <= reached[key] + 1, f"{key}: {count} came after {reached[key]}"
            reached[key] = max(reached[key], count)


async def live(life: Life, fault_rate: float, processes: int = 1) -> None:
    async with life.store.running():
        life.table = await life.store.create_table(count=2)
        life.stream = await life.store.stream(life.table)
        for _ in range(processes):
            life.start()
        for _ in range(STEPS):
            life.engine.fault_rate = 0.0
            step = asyncio.create_task(life.step())
            life.engine.fault_rate = fault_rate
            try:
                await step
            except Unavailable:
                life.store.counts.clear()
                for key, count in life.written.values():
                    life.store.counts[key] = max(count, life.store.counts.get(key, 0))
            await life.check_positions()
        await life.finish()
        for _ in range(processes):
            await life.stop()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("fault_rate", [0.0, 0.05], ids=["sound", "faltering"])
def test_no_gap_no_disorder_and_nothing_confirmed_undelivered(
    seed: int, fault_rate: float, processes: int
) -> None:
    life = Life(seed)

    with capture_logs():  # hundreds of faults on purpose, which would be printed with their traces
        asyncio.run(live(life, fault_rate, processes))

    assert set(life.destination.numbers()) == set(life.written)
    check_order(life)
