from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint
from headwater.consumers.consumer import Consumer
from headwater.consumers.coordinator import (
    Coordinator,
    ShardsChanged,
    behind,
    latest_keys,
    start_at_latest,
)
from headwater.consumers.members import Alone, Members
from headwater.storage.keyspace import ShardId
from headwater.tables.schema import Table
from tests.destinations import ListDestination, settings
from tests.fellows import Fellow, Fellows
from tests.logged_store import LoggedStore, advance, in_store, open_shards, settle

DAY = 24 * 3600


async def coordinator(
    store: LoggedStore,
    table: Table,
    destination: ListDestination,
    *,
    members: Members | None = None,
    **changes: Any,
) -> Coordinator:
    consumer = Consumer("c", await store.stream(table), settings(**changes), destination)
    return Coordinator(store.services, consumer, members or Alone(store.chance.uuid()), DAY)


@asynccontextmanager
async def coordinated(
    store: LoggedStore, table: Table, destination: ListDestination, **changes: Any
) -> AsyncIterator[Coordinator]:
    made = await coordinator(store, table, destination, **changes)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.run())
        await settle()
        try:
            yield made
        finally:
            made.stop()


async def crashed(store: LoggedStore, table: Table, destination: ListDestination) -> None:
    """Have a process read for a moment and die without any cleaning up."""
    made = await coordinator(store, table, destination)
    task = asyncio.create_task(made.run())
    await settle()
    task.cancel()
    await asyncio.wait([task])


async def known(store: LoggedStore) -> dict[ShardId, Checkpoint]:
    found = await checkpoints.load(store.engine, "c")
    return {shard_id: each for (_, shard_id), each in found.items()}


async def append_everywhere(store: LoggedStore, table: Table, count: int) -> list[int]:
    return [await store.append(table, f"key-{index}") for index in range(count)]


def test_all_shards_are_read() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=4)
        destination = ListDestination()
        async with coordinated(store, table, destination):
            written = await append_everywhere(store, table, 20)
            await settle()

        assert sorted(destination.numbers()) == sorted(written)
        assert len({batch.shard_id for batch in destination.delivered}) == 4

    in_store(body)


def test_children_wait_until_their_parent_is_finished() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        destination = ListDestination(gate=asyncio.Event())
        async with coordinated(store, table, destination):
            first = await store.append(table)
            await settle()
            table = await store.split(table, parent)
            later = await append_everywhere(store, table, 10)
            await settle()
            offered = [batch.shard_id for batch in destination.offered]
            assert destination.gate is not None
            destination.gate.set()
            await settle()

        assert offered == [parent]
        assert destination.numbers(parent) == [first]
        assert sorted(destination.numbers()[1:]) == sorted(later)

    in_store(body)


def test_parent_that_was_trimmed_away_holds_no_child_up() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        await store.append(table)
        table = await store.roll_over(table, parent)
        store.clock.advance(DAY + 1)
        destination = ListDestination()
        async with coordinated(store, table, destination):
            number = await store.append(table)
            await settle()

        assert destination.numbers() == [number]

    in_store(body)


def test_checkpoints_of_trimmed_shards_are_forgotten() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        async with coordinated(store, table, ListDestination()):
            table = await store.roll_over(table, parent)
            await settle()
            before = set(await known(store))
            await advance(store, DAY + 1800, step=DAY / 96)

        assert before == {parent, *open_shards(table)}
        assert set(await known(store)) == set(open_shards(table))

    in_store(body)


def test_reading_goes_on_behind_the_stored_position_after_a_stop() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination()
        async with coordinated(store, table, destination):
            first = await store.append_all(table, 3)
            await settle()
        second = await store.append_all(table, 3)
        async with coordinated(store, table, destination):
            await settle()

        assert destination.numbers() == first + second
        assert {each.owner for each in (await known(store)).values()} == {""}

    in_store(body)


def test_sole_process_goes_on_at_once_after_a_crash() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        written = await store.append_all(table, 3)
        never = ListDestination(gate=asyncio.Event())
        await crashed(store, table, never)
        destination = ListDestination()
        async with coordinated(store, table, destination):
            await settle()

        assert len(never.offered) == 1
        assert destination.numbers() == written

    in_store(body)


def test_other_process_takes_over_when_the_lease_has_run_out() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        written = await store.append_all(table, 3)
        await crashed(store, table, ListDestination(gate=asyncio.Event()))
        destination = ListDestination()
        async with coordinated(store, table, destination, members=Fellow("b")):
            await advance(store, 10)
            before = destination.numbers()
            await advance(store, 10)

        assert before == []
        assert destination.numbers() == written

    in_store(body)


def test_two_processes_never_read_a_shard_together() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=3)
        one, other = ListDestination(), ListDestination()
        async with (
            coordinated(store, table, one, members=Fellow("a")),
            coordinated(store, table, other, members=Fellow("b")),
        ):
            written = await append_everywhere(store, table, 20)
            await advance(store, 60)
            written += await append_everywhere(store, table, 20)
            await advance(store, 5)

        assert sorted(one.numbers() + other.numbers()) == sorted(written)

    in_store(body)


def test_process_that_joins_gets_its_share_and_gives_it_back_when_it_dies() -> None:
    async def body(store: LoggedStore) -> None:
        fellows = Fellows()
        table = await store.create_table(count=4)
        first, second = ListDestination(), ListDestination()
        async with coordinated(store, table, first, members=fellows.join("a")):
            alone = await append_everywhere(store, table, 20)
            await advance(store, 6)
            late = await coordinator(store, table, second, members=fellows.join("b"))
            task = asyncio.create_task(late.run())
            await advance(store, 6)
            shared = await append_everywhere(store, table, 20)
            await advance(store, 2)
            got = second.numbers()
            task.cancel()
            await asyncio.wait([task])
            fellows.die("b")
            rest = await append_everywhere(store, table, 20)
            await advance(store, 6)

        assert set(alone) < set(first.numbers())
        assert len({number & 0xFFFF for number in got}) == 2, "half of the four lanes"
        assert sorted(first.numbers() + got) == sorted(alone + shared + rest)

    in_store(body)


def test_process_that_stands_still_loses_its_share_until_it_goes_on() -> None:
    async def body(store: LoggedStore) -> None:
        fellows = Fellows()
        table = await store.create_table(count=2)
        silent, other = ListDestination(gate=asyncio.Event()), ListDestination()
        stopped = await coordinator(store, table, silent, members=fellows.join("a"))
        task = asyncio.create_task(stopped.run())
        await settle()
        task.cancel()  # as one that is stopped: it holds its leases and is not known to be dead
        await asyncio.wait([task])
        async with coordinated(store, table, other, members=fellows.join("b")):
            written = await append_everywhere(store, table, 10)
            await advance(store, 10)
            before = other.numbers()
            await advance(store, 10)

        assert before == []
        assert sorted(other.numbers()) == sorted(written)

    in_store(body)


def test_long_delivery_keeps_its_lease() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        number = await store.append(table)
        slow, other = ListDestination(gate=asyncio.Event()), ListDestination()
        async with (
            coordinated(store, table, slow, members=Fellow("a")),
            coordinated(store, table, other, members=Fellow("b")),
        ):
            await advance(store, 300)
            assert slow.gate is not None
            slow.gate.set()
            await settle()

        assert slow.numbers() == [number]
        assert other.numbers() == []

    in_store(body)


def test_start_at_latest_sees_only_what_comes_after() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        await store.append_all(table, 3)
        table = await store.roll_over(table, parent)
        await store.append_all(table, 3)
        stream = await store.stream(table)
        shards = await latest_keys(store.engine, stream)
        keys = [key for _, key in shards]
        await store.commit(keys, lambda view: start_at_latest(view, "c", stream, shards))
        after: list[int] = [*await store.append_all(table, 2)]
        table = await store.split(table, open_shards(table)[0])
        after += await append_everywhere(store, table, 6)
        destination = ListDestination()
        async with coordinated(store, table, destination):
            await settle()

        assert sorted(destination.numbers()) == sorted(after)

    in_store(body)


def test_start_at_latest_is_planned_again_when_shards_change() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        stream = await store.stream(table)
        shards = await latest_keys(store.engine, stream)
        await store.roll_over(table, open_shards(table)[0])

        with pytest.raises(ShardsChanged):
            await store.commit(
                [key for _, key in shards],
                lambda view: start_at_latest(view, "c", stream, shards),
            )

    in_store(body)


def test_caught_up_means_every_shard_given_is_passed() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (shard,) = open_shards(table)
        stream = await store.stream(table)
        number = await store.append(table)
        destination = ListDestination(gate=asyncio.Event())
        async with coordinated(store, table, destination):
            before = await behind(store.engine, "c", stream, {shard: number})
            assert destination.gate is not None
            destination.gate.set()
            await settle()
            after = await behind(store.engine, "c", stream, {shard: number})
            await store.roll_over(table, shard)
            await settle()
            beyond = await behind(store.engine, "c", stream, {shard: number + 10**9})

        assert before is not None
        assert (before.shard_id, before.number) == (shard, number)
        assert before.position is None or before.position < number
        assert (after, beyond) == (None, None)

    in_store(body)


def test_reader_that_fails_is_started_again_later_and_alone() -> None:
    class Poisoned(ListDestination):
        is_broken = True

        def size(self, entry: bytes) -> int:
            if self.is_broken:
                raise RuntimeError("a fault of ours")
            return len(entry)

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        number = await store.append(table)
        destination = Poisoned()
        async with coordinated(store, table, destination):
            await advance(store, 5)
            destination.is_broken = False
            await advance(store, 30)

        assert destination.numbers() == [number]

    in_store(body)
