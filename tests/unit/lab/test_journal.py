"""What the lab notes of deliveries, how much of it, and what it makes of it."""

from __future__ import annotations

import pytest

from headwater.consumers.checkpoint import Checkpoint
from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Failed,
    GivenUp,
    Outcome,
    Partly,
    Reason,
)
from headwater.consumers.observer import Began, CutOff, Dropped, Ended, Read
from headwater.lab.journal import Journal
from headwater.lab.story import Fate, fate
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType

SHARD = ShardId(f"shardId-{1:020d}-00000000")
STREAM = Stream(
    "us-east-1",
    "t",
    TableId("a6a9b6ae-3a3a-4b3c-8a3a-0a3a3a3a3a3a"),
    "label",
    ViewType.KEYS_ONLY,
    StreamStatus.ENABLED,
    ("pk",),
    0.0,
)


def batch(*numbers: int) -> Batch:
    return Batch(STREAM, SHARD, tuple(Stored(SequenceNumber(each), b"") for each in numbers))


def deliver(journal: Journal, outcome: Outcome | None, *numbers: int, attempt: int = 1) -> None:
    observer = journal.observer("one")
    observer.note(Began(attempt, batch(*numbers), 1.0))
    if outcome is not None:
        observer.note(Ended(attempt, batch(*numbers), outcome, 2.0, 3.0))


def told(journal: Journal, number: int, position: int | None = None) -> Fate:
    checkpoint = None if position is None else Checkpoint(SequenceNumber(position))
    past = journal.past("one", SHARD, SequenceNumber(number))
    return fate(SequenceNumber(number), checkpoint, past, is_reading=True)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (None, [Fate.DELIVERING, Fate.DELIVERING]),
        (Delivered(), [Fate.DELIVERED, Fate.DELIVERED]),
        (Partly(1, "second failed"), [Fate.DELIVERED, Fate.RETRYING]),
        (Failed("broken"), [Fate.RETRYING, Fate.RETRYING]),
    ],
)
def test_last_delivery_tells_the_fate(outcome: Outcome | None, expected: list[Fate]) -> None:
    journal = Journal()

    deliver(journal, outcome, 10, 20)

    assert [told(journal, 10), told(journal, 20)] == expected


def test_what_was_given_up_is_told_with_its_reason() -> None:
    journal = Journal()
    deliver(journal, Failed("broken"), 10)
    journal.observer("one").note(Dropped(GivenUp(batch(10), Reason.RETRIES, None), 5.0))

    past = journal.past("one", SHARD, SequenceNumber(10))

    assert told(journal, 10, position=10) is Fate.GIVEN_UP
    assert past.given_up is not None
    assert (past.given_up.reason, past.given_up.at) == (Reason.RETRIES, 5.0)


def test_unwanted_waiting_and_forgotten_records_are_told_apart() -> None:
    journal = Journal()
    records = [Stored(SequenceNumber(each), b"") for each in (10, 20)]
    journal.observer("one").note(Read(SHARD, records, [SequenceNumber(10)]))

    assert told(journal, 10) is Fate.FILTERED
    assert told(journal, 20) is Fate.WAITING
    assert told(journal, 20, position=20) is Fate.PASSED


def test_consumers_do_not_share_a_story() -> None:
    journal = Journal()
    deliver(journal, Delivered(), 10)

    assert journal.past("other", SHARD, SequenceNumber(10)).deliveries == []


def test_oldest_is_forgotten_when_there_is_too_much() -> None:
    journal = Journal(records_max=4)
    for first in range(0, 100, 2):
        deliver(journal, Delivered(), first, first + 1)

    kept = [each for each in range(100) if told(journal, each) is Fate.DELIVERED]

    assert kept == [96, 97, 98, 99]


def test_batch_whose_reader_ended_is_with_nobody_and_comes_again() -> None:
    journal = Journal()
    observer = journal.observer("one")
    observer.note(Began(1, batch(10), 1.0))

    observer.note(CutOff(1, batch(10), 2.0))

    assert told(journal, 10) is Fate.RETRYING
