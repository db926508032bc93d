from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from headwater.consumers.consumer import Consumer
from headwater.consumers.delivery import Batch, Delivered
from headwater.consumers.members import Alone
from headwater.consumers.upkeep import Rounds, Upkeep
from headwater.lab.clock import LabClock
from headwater.storage.engine import Unavailable
from headwater.storage.memory import MemoryEngine
from headwater.tables.schema import Table
from tests.destinations import ListDestination, settings
from tests.logged_store import LoggedStore, advance, in_store, settle

DAY = 24 * 3600
LOOK_SECONDS = 5.0
TOPIC = b"topic"


@dataclass
class Kept:
    """Consumers by key, each with a version, as another part of a server would have them stored."""

    store: LoggedStore
    table: Table
    wanted: dict[bytes, int] = field(default_factory=dict)
    destination: ListDestination = field(default_factory=ListDestination)
    end: Callable[[], Awaitable[None]] | None = None
    faults: list[Exception] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        alone = Alone(self.store.chance.uuid())
        rounds = Rounds(TOPIC, LOOK_SECONDS)
        self.upkeep = Upkeep[int](self.store.services, alone, DAY, rounds)

    async def compare(self, tasks: asyncio.TaskGroup) -> None:
        self.looks += 1
        if self.faults:
            raise self.faults.pop()
        self.upkeep.keep(lambda key, version: self.wanted.get(key) == version)
        if self.upkeep.is_stopping:
            return
        for key, version in self.wanted.items():
            if self.upkeep.find(key) is None:
                stream = await self.store.stream(self.table)
                consumer = Consumer(key.decode(), stream, settings(), self.destination)
                self.upkeep.start(tasks, (key, version), consumer, self.end)

    async def change(self, wanted: dict[bytes, int]) -> None:
        self.wanted = wanted
        self.store.wakeups.wake({TOPIC})
        await settle()


@asynccontextmanager
async def kept(store: LoggedStore) -> AsyncIterator[Kept]:
    made = Kept(store, await store.create_table())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.upkeep.run(made.compare))
        await settle()
        try:
            yield made
        finally:
            made.upkeep.stop()


def test_what_is_stored_runs_and_what_is_not_stops() -> None:
    async def body(store: LoggedStore) -> None:
        async with kept(store) as here:
            await here.change({b"a": 1, b"b": 1})
            both = here.upkeep.running()
            await here.change({b"b": 1})
            number = await store.append(here.table)
            await settle()
            one = here.upkeep.find(b"a"), here.upkeep.find(b"b")

        assert both == [1, 1]
        assert one == (None, 1)
        assert here.destination.numbers() == [number]

    in_store(body)


def test_what_has_changed_starts_again_once_it_has_stopped() -> None:
    async def body(store: LoggedStore) -> None:
        async with kept(store) as here:
            gate = here.destination.gate = asyncio.Event()
            await here.change({b"a": 1})
            await store.append(here.table)
            await settle()
            await here.change({b"a": 2})
            while_delivering = here.upkeep.find(b"a")
            gate.set()
            await settle()
            after = here.upkeep.find(b"a")

        assert (while_delivering, after) == (1, 2)

    in_store(body)


def test_stop_waits_for_what_is_delivered() -> None:
    async def body(store: LoggedStore) -> None:
        gate = asyncio.Event()
        async with kept(store) as here:
            here.destination.gate = gate
            await here.change({b"a": 1})
            number = await store.append(here.table)
            await settle()
            here.upkeep.stop()
            await settle()
            while_delivering = here.upkeep.running()
            gate.set()

        assert while_delivering == [1]
        assert here.upkeep.running() == []
        assert here.destination.numbers() == [number]

    in_store(body)


def test_unavailable_store_and_failing_end_are_tried_again() -> None:
    async def body(store: LoggedStore) -> None:
        async def end() -> None:
            raise RuntimeError("on purpose")

        async with kept(store) as here:
            here.end = end
            here.faults = [Unavailable("on purpose")]
            await here.change({b"a": 1})
            while_unavailable = here.upkeep.running()
            await advance(store, LOOK_SECONDS)
            afterwards = here.upkeep.running()
            await here.change({b"a": 2})
            await advance(store, LOOK_SECONDS)
            failed = here.upkeep.running()

        assert (while_unavailable, afterwards, failed) == ([], [1], [2])

    in_store(body)


def test_nothing_is_looked_at_without_need() -> None:
    async def body(store: LoggedStore) -> None:
        async with kept(store) as here:
            await here.change({b"a": 1})
            before = here.looks
            await settle()
            unneeded = here.looks - before
            here.upkeep.wake()
            await settle()
            woken = here.looks - before

        assert (unneeded, woken) == (0, 1)

    in_store(body)


class SlowEngine(MemoryEngine):
    """Takes more turns of the loop for a read than time that jumps waits for new tasks."""

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        await settle(50)
        return await super().get(keys)


def test_time_that_jumps_waits_for_a_consumer_that_was_just_started() -> None:
    async def main() -> None:
        async with LoggedStore(SlowEngine()).running() as store:
            clock = LabClock(store.clock)
            began = clock.now()
            offered: list[float] = []

            def answer(batch: Batch) -> Delivered:
                del batch
                offered.append(clock.now() - began)
                return Delivered()

            table = await store.create_table()
            await store.append(table)
            services = replace(store.services, clock=clock)
            alone = Alone(store.chance.uuid())
            upkeep = Upkeep[int](services, alone, DAY, Rounds(TOPIC, LOOK_SECONDS))
            destination = ListDestination(answer)
            consumer = Consumer("a", await store.stream(table), settings(), destination)
            async with asyncio.TaskGroup() as tasks:
                upkeep.start(tasks, (b"a", 1), consumer)
                await clock.advance(90, 60)
                upkeep.keep(lambda *_: False)

            assert offered == [0]

    asyncio.run(main())
