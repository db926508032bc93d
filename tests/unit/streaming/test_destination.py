from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from headwater.consumers.delivery import (
    Batch,
    Delivered,
    GivenUp,
    Outcome,
    Partly,
    Reason,
    Throttled,
)
from headwater.consumers.observer import Dropped, Ended
from headwater.limits import MB
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streaming.activity import StreamingActivities, StreamingActivity
from headwater.streaming.destination import DataStreamDestination
from headwater.streaming.target import NotPut, Record
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import WholeLog
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus
from tests.unit.streaming.test_states import ARN, table

SHARD = ShardId("shardId-00000001000000000000-00000000")
LOG = WholeLog("us-east-1", TableId("0"), "orders", ("k",))


class ListTarget:
    """Keeps the records it takes. most: of one call; none at all if there is an error."""

    def __init__(self, most: int = 500, error: str | None = None) -> None:
        self.records: list[Record] = []
        self._most = most
        self._error = error

    async def has(self, region: str, name: str) -> bool:
        return (region, name) == ("us-east-1", "clicks")

    async def put(self, region: str, name: str, records: Sequence[Record]) -> int:
        assert await self.has(region, name)
        if self._error is not None:
            raise NotPut(self._error)
        taken = records[: self._most]
        self.records += taken
        return len(taken)


def change(number: int, key: str = "a", size: int = 0, *, by_service: bool = False) -> Stored:
    """An insertion at so many seconds."""
    body = b'{"k":{"S":"%b"},"x":{"S":"%b"}}' % (key.encode(), b"x" * size)
    keys = Image(b'{"k":{"S":"%b"}}' % key.encode(), 2)
    time_us = number * 10**6
    entry = Entry(Kind.INSERT, time_us, keys, Image(body, size + 4), NO_IMAGE, by_service)
    at = SequenceNumber(number)
    return Stored(at, encode(entry, Place(at, time_us, None)))


def batch(*entries: Stored) -> Batch:
    return Batch(LOG, SHARD, entries)


def delivered(
    target: ListTarget, *entries: Stored, precision: str | None = None
) -> tuple[Outcome, StreamingActivity]:
    activity = StreamingActivity()
    active = StreamingDestination(ARN, StreamingStatus.ACTIVE, precision, turn=1)
    destination = DataStreamDestination(table(active), active, "clicks", target, activity)
    return asyncio.run(destination.deliver(batch(*entries))), activity


def told(target: ListTarget) -> list[dict[str, Any]]:
    return [orjson.loads(record.data) for record in target.records]


def test_each_change_is_a_record_with_the_key_of_its_item() -> None:
    target = ListTarget()

    outcome, _ = delivered(target, change(1), change(2, "b"), change(3))

    first, second, third = (record.partition_key for record in target.records)
    assert outcome == Delivered()
    assert first == third != second
    assert [each["dynamodb"]["Keys"]["k"]["S"] for each in told(target)] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("precision", "at"),
    [
        (None, {"ApproximateCreationDateTime": 7000}),
        (
            "MILLISECOND",
            {
                "ApproximateCreationDateTime": 7000,
                "ApproximateCreationDateTimePrecision": "MILLISECOND",
            },
        ),
        (
            "MICROSECOND",
            {
                "ApproximateCreationDateTime": 7_000_000,
                "ApproximateCreationDateTimePrecision": "MICROSECOND",
            },
        ),
    ],
)
def test_time_is_as_fine_as_was_asked_for(precision: str | None, at: dict[str, Any]) -> None:
    target = ListTarget()

    delivered(target, change(7), precision=precision)

    (record,) = told(target)
    shown = record["dynamodb"].items()
    assert {name: value for name, value in shown if name.startswith("Approximate")} == at


def test_change_by_time_to_live_says_so_and_others_do_not() -> None:
    target = ListTarget()

    delivered(target, change(1), change(2, by_service=True))

    users = [record["userIdentity"] for record in told(target)]
    assert users == [None, {"type": "Service", "principalId": "dynamodb.amazonaws.com"}]


def test_event_has_the_same_id_whenever_it_is_delivered() -> None:
    target = ListTarget()

    delivered(target, change(1), change(2))
    delivered(target, change(1))

    first, second, again = (record["eventID"] for record in told(target))
    assert first == again != second


def test_change_that_is_too_large_is_passed_and_counted() -> None:
    target = ListTarget()

    outcome, activity = delivered(target, change(1, size=MB), change(2), change(3, size=MB))

    assert outcome == Delivered()
    assert [each["dynamodb"]["ApproximateCreationDateTime"] for each in told(target)] == [2000]
    assert activity.counts["failed"] == 2


def test_stream_that_takes_a_part_is_behind_what_it_took() -> None:
    target = ListTarget(most=1)

    outcome, _ = delivered(target, change(1, size=MB), change(2), change(3))

    assert isinstance(outcome, Partly)
    assert outcome.count == 2


def test_stream_that_takes_nothing_is_tried_again() -> None:
    outcome, _ = delivered(ListTarget(error="busy"), change(1))

    assert outcome == Throttled("busy")


def test_what_was_put_put_off_and_given_up_is_counted() -> None:
    activity = StreamingActivity()
    three = batch(change(1), change(2), change(3))

    for outcome in (Throttled("busy"), Partly(1, "busy"), Delivered()):
        activity.note(Ended(1, three, outcome, 11.0, None))
    activity.note(Dropped(GivenUp(three, Reason.AGE, None), 11.0))

    assert activity.counts == {"put": 4, "throttled": 5, "failed": 3}
    assert activity.age_seconds == 10.0


def test_metrics_are_of_destinations_that_are_on() -> None:
    activities = StreamingActivities()
    labels = ("us-east-1", "orders", "clicks")
    activities.of(b"one", labels).note_too_large()
    activities.of(b"two", ("us-east-1", "songs", "clicks"))

    activities.keep({b"one"})

    samples = [sample for metric in activities.collect() for sample in metric.samples]
    shown = {sample.name: sample.value for sample in samples}
    assert {tuple(sample.labels.values()) for sample in samples} == {labels}
    assert shown["headwater_streaming_failed_total"] == 1
    assert activities.of(b"one", labels).counts["failed"] == 1
