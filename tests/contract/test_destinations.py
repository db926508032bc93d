"""What every destination keeps to: one suite over all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from headwater.clock import ManualClock, SeededChance
from headwater.consumers.consumer import Consumer
from headwater.consumers.delivery import Batch, Delivered, Destination, Failed, Throttled
from headwater.errors import TooManyRequestsException
from headwater.lab import faults as lab
from headwater.lab.destination import FaultyDestination
from headwater.mappings.event import Changes, Events
from headwater.mappings.invoke import FunctionDestination, Outside
from headwater.mappings.mapping import (
    EventSourceMapping,
    Manner,
    MappingState,
    StartingPosition,
)
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType
from tests.destinations import ListDestination, settings
from tests.mapped_functions import KeptFailures, NotedFunctions

LABEL = "2015-05-20T20:51:10.252"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/{LABEL}"
TABLE = TableId("00000000-0000-0000-0000-000000000001")
SHARD = ShardId("shardId-00000001414576573621-f55eea83")
STREAM = Stream(
    "us-east-1",
    "t",
    TABLE,
    LABEL,
    ViewType.NEW_AND_OLD_IMAGES,
    StreamStatus.ENABLED,
    ("k",),
    0.0,
)


@dataclass
class Subject:
    """A destination, what it received so far, and how to make it fail."""

    destination: Destination
    received: Callable[[], list[int]]
    fail: Callable[[], None]
    be_busy: Callable[[], None]
    hold: Callable[[asyncio.Event], None]


def a_list() -> Subject:
    made = ListDestination()
    return Subject(
        made,
        made.numbers,
        lambda: made.answers.append(Failed("no")),
        lambda: made.answers.append(Throttled("busy")),
        lambda gate: setattr(made, "gate", gate),
    )


def a_function() -> Subject:
    functions = NotedFunctions()
    mapping = EventSourceMapping(
        "us-east-1",
        "000000000000",
        "uuid",
        ARN,
        StartingPosition.LATEST,
        Manner("f"),
        MappingState.ENABLED,
        0.0,
    )

    async def ignore(_: str) -> None:
        return None

    outside = Outside(functions, KeptFailures(), ManualClock(), SeededChance(1))
    made = FunctionDestination(mapping, Events(Changes(STREAM, ARN), ARN), outside, ignore)
    return Subject(
        made,
        functions.numbers,
        lambda: functions.faults.append("Unhandled"),
        lambda: functions.faults.append(TooManyRequestsException()),
        lambda gate: setattr(functions, "gate", gate),
    )


def behind_the_lab() -> Subject:
    """A destination in a region that has faults, though none for it."""
    inner = a_list()
    clock = ManualClock()
    faults = lab.Faults(clock, SeededChance(1))
    faults.set(
        STREAM.region, [lab.Fault(lab.Kind.DELIVERY_FAILED, lab.Scope(tables=frozenset({"u"})))], 1
    )
    consumer = Consumer("mapping/uuid", STREAM, settings(), inner.destination)
    made = FaultyDestination(consumer, faults, clock, "000000000000")
    return replace(inner, destination=made)


subjects = pytest.mark.parametrize("subject_of", [a_list, a_function, behind_the_lab])


def a_batch(count: int = 3, shard_id: ShardId = SHARD) -> Batch:
    image = Image(b'{"k":{"S":"a"}}', 2)
    entry = Entry(Kind.INSERT, 0, image, image, NO_IMAGE)
    places = [Place(SequenceNumber(number), 10**15, STREAM.view) for number in range(1, count + 1)]
    stored = tuple(Stored(place.number, encode(entry, place)) for place in places)
    return Batch(STREAM, shard_id, stored)


@subjects
def test_delivered_batch_is_received_whole_and_in_order(subject_of: Callable[[], Subject]) -> None:
    subject = subject_of()

    outcome = asyncio.run(subject.destination.deliver(a_batch()))

    assert isinstance(outcome, Delivered)
    assert subject.received() == [1, 2, 3]


@subjects
def test_same_batch_is_taken_again(subject_of: Callable[[], Subject]) -> None:
    subject = subject_of()

    async def twice() -> list[object]:
        return [await subject.destination.deliver(a_batch()) for _ in range(2)]

    assert [type(outcome) for outcome in asyncio.run(twice())] == [Delivered] * 2


@subjects
def test_failure_is_an_outcome_and_the_next_delivery_a_new_one(
    subject_of: Callable[[], Subject],
) -> None:
    subject = subject_of()
    subject.fail()

    first = asyncio.run(subject.destination.deliver(a_batch()))
    second = asyncio.run(subject.destination.deliver(a_batch()))

    assert isinstance(first, Failed)
    assert first.reason
    assert isinstance(second, Delivered)


@subjects
def test_being_busy_is_not_the_batchs_failure(subject_of: Callable[[], Subject]) -> None:
    subject = subject_of()
    subject.be_busy()

    assert isinstance(asyncio.run(subject.destination.deliver(a_batch())), Throttled)


@subjects
def test_shards_deliver_at_the_same_time(subject_of: Callable[[], Subject]) -> None:
    subject = subject_of()
    other = ShardId("shardId-00000001414576573621-00000000")

    async def together() -> list[object]:
        gate = asyncio.Event()
        subject.hold(gate)
        async with asyncio.TaskGroup() as tasks:
            deliveries = [
                tasks.create_task(subject.destination.deliver(a_batch(1, shard)))
                for shard in (SHARD, other)
            ]
            await asyncio.sleep(0)
            gate.set()
        return [delivery.result() for delivery in deliveries]

    assert [type(outcome) for outcome in asyncio.run(together())] == [Delivered] * 2


@subjects
def test_cancelled_delivery_ends_without_an_outcome(subject_of: Callable[[], Subject]) -> None:
    subject = subject_of()

    async def abandon() -> bool:
        subject.hold(asyncio.Event())
        delivery = asyncio.ensure_future(subject.destination.deliver(a_batch()))
        await asyncio.sleep(0)
        delivery.cancel()
        await asyncio.wait([delivery])
        return delivery.cancelled()

    assert asyncio.run(abandon())


@subjects
def test_size_of_an_entry_is_known_before_it_is_delivered(
    subject_of: Callable[[], Subject],
) -> None:
    (stored,) = a_batch(1).entries

    assert subject_of().destination.size(stored.entry) > 0
