from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headwater.consumers.reader import End
from headwater.storage.engine import CommitGroup, Unavailable
from headwater.storage.memory import MemoryEngine
from tests.destinations import ListDestination
from tests.logged_store import LoggedStore, advance, settle
from tests.unit.consumers.shard_reading import reading


class SlowDisk(MemoryEngine):
    """Commits wait while it is held, or fail while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.is_full = False

    async def commit(self, group: CommitGroup) -> None:
        await self.is_free.wait()
        if self.is_full:
            raise Unavailable("the disk is full")
        await super().commit(group)


def on_slow_disk(body: Callable[[LoggedStore, SlowDisk], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = SlowDisk()
        async with LoggedStore(engine).running() as store:
            await body(store, engine)

    asyncio.run(main())


@pytest.mark.parametrize("unstored_max", [0, 1, 2])
def test_goes_on_while_a_position_is_being_stored_but_no_further_than_it_may(
    unstored_max: int,
) -> None:
    async def body(store: LoggedStore, disk: SlowDisk) -> None:
        table, destination = await store.create_table(), ListDestination()
        numbers = await store.append_all(table, 6)
        start: dict[str, Any] = {"batch_records_max": 1, "unstored_max": unstored_max}
        async with reading(store, table, destination, **start) as at_work:
            disk.is_free.clear()
            await advance(store, 5)
            assert destination.numbers() == numbers[: 1 + unstored_max]

            disk.is_free.set()
            await settle()
            assert destination.numbers() == numbers
            assert (await at_work.checkpoint()).position == numbers[-1]

    on_slow_disk(body)


def test_a_stop_waits_until_what_was_delivered_is_stored() -> None:
    async def body(store: LoggedStore, disk: SlowDisk) -> None:
        table, destination = await store.create_table(), ListDestination()
        numbers = await store.append_all(table, 2)
        start: dict[str, Any] = {"batch_records_max": 1, "unstored_max": 2}
        async with reading(store, table, destination, **start) as at_work:
            disk.is_free.clear()
            await settle()
            at_work.reader.stop()
            await settle()
            assert not at_work.task.done()

            disk.is_free.set()
            assert await at_work.task is End.STOPPED
            assert (await at_work.checkpoint()).position == numbers[-1]

    on_slow_disk(body)


def test_positions_that_cannot_be_stored_hold_it_up_until_they_can() -> None:
    async def body(store: LoggedStore, disk: SlowDisk) -> None:
        table, destination = await store.create_table(), ListDestination()
        numbers = await store.append_all(table, 6)
        start: dict[str, Any] = {"batch_records_max": 1, "unstored_max": 1}
        async with reading(store, table, destination, **start) as at_work:
            disk.is_full = True
            await advance(store, 10)
            assert destination.numbers() == numbers[:2]

            disk.is_full = False
            await advance(store, 2)
            assert destination.numbers() == numbers
            assert (await at_work.checkpoint()).position == numbers[-1]

    on_slow_disk(body)
