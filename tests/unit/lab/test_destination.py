"""Consumers whose deliveries meet faults: slow, refused, doubled, crashed before the position."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import Coordinator
from headwater.consumers.delivery import Failed
from headwater.consumers.members import Alone
from headwater.lab.destination import FaultyDestination
from headwater.lab.faults import DELIVERY, Fault, Faults, Frequency, Kind, Scope
from tests.destinations import ListDestination, settings
from tests.logged_store import ACCOUNT, REGION, LoggedStore, advance, in_store, settle

NAME = "5d2f"
Steps = Callable[[LoggedStore, ListDestination, Callable[[], Awaitable[int]]], Awaitable[None]]


def consumed(fault: Fault, steps: Steps) -> Faults:
    """Run steps beside a mapping's readers of a table with one shard, under a fault.

    The last argument of the steps appends a record.
    """
    kept: list[Faults] = []

    async def body(store: LoggedStore) -> None:
        faults = Faults(store.clock, store.chance)
        faults.set(REGION, [fault], 1)
        kept.append(faults)
        table = await store.create_table()
        destination = ListDestination()
        services = Services(
            store.engine,
            store.committer,
            store.wakeups,
            store.clock,
            store.watch,
            lambda consumer: FaultyDestination(consumer, faults, store.clock, ACCOUNT),
        )
        consumer = Consumer(
            f"mapping/{NAME}", await store.stream(table), settings(batch_records_max=1), destination
        )
        made = Coordinator(services, consumer, Alone("me"), 24 * 3600)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(made.run())
            await settle()
            await steps(store, destination, partial(store.append, table))
            made.stop()

    in_store(body)
    return kept[0]


def once(kind: Kind, **more: float) -> Fault:
    return Fault(kind, frequency=Frequency(count=1), seconds=more.get("seconds", 0.0))


def test_crash_before_the_checkpoint_has_the_batch_come_again_at_once() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        first = await append()
        await settle()
        second = await append()
        await settle()

        assert destination.numbers() == [first, first, second]

    consumed(once(Kind.CRASH_BEFORE_CHECKPOINT), steps)


def test_batch_delivered_twice_comes_twice_and_is_passed() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        first = await append()
        second = await append()
        await settle()

        assert destination.numbers() == [first, first, second]

    consumed(once(Kind.DELIVERED_TWICE), steps)


def test_batch_that_fails_by_itself_is_not_delivered_twice() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        destination.answers.append(Failed("no"))
        number = await append()
        await settle()
        offered = len(destination.offered)
        await advance(store, 1)

        assert offered == 1
        assert destination.numbers() == [number]

    consumed(once(Kind.DELIVERED_TWICE), steps)


def test_failed_delivery_never_reaches_the_destination_and_counts() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        number = await append()
        await settle()
        before = destination.numbers()
        await advance(store, 1)

        assert before == []
        assert destination.numbers() == [number]
        assert [batch.deliveries for batch in destination.offered] == [1]

    consumed(once(Kind.DELIVERY_FAILED), steps)


def test_throttled_delivery_is_tried_again_and_counts_for_nothing() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        await append()
        await settle()
        await advance(store, 1)

        assert [batch.deliveries for batch in destination.offered] == [0]

    consumed(once(Kind.THROTTLED), steps)


def test_slow_delivery_takes_its_seconds() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        number = await append()
        await advance(store, 9)
        before = destination.numbers()
        await advance(store, 2)

        assert before == []
        assert destination.numbers() == [number]

    consumed(once(Kind.SLOW, seconds=10), steps)


def test_mapping_is_named_by_its_id() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        await append()
        await settle()

        assert len(destination.offered) == 2

    faults = consumed(
        Fault(
            Kind.DELIVERED_TWICE,
            Scope(consumers=frozenset({NAME}), operations=frozenset({DELIVERY})),
        ),
        steps,
    )

    described = faults.describe(REGION)
    assert described is not None
    (met,) = described.encounters
    assert (met.occasion.operation, met.occasion.consumer) == (DELIVERY, NAME)


def test_another_consumer_is_spared() -> None:
    async def steps(store: LoggedStore, destination: ListDestination, append) -> None:
        await append()
        await settle()

        assert len(destination.offered) == 1

    consumed(Fault(Kind.DELIVERED_TWICE, Scope(consumers=frozenset({"other"}))), steps)
