from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from headwater.consumers.delivery import (
    Answer,
    Batch,
    Delivered,
    Failed,
    GivenUp,
    Outcome,
    Partly,
    Reason,
    Throttled,
)
from headwater.consumers.observer import Began, Dropped, Ended, Left, Read, Trimmed
from headwater.mappings.activity import Activities, MappingActivity
from headwater.storage.keyspace import SequenceNumber
from tests.mapped_functions import no_delays
from tests.stream_batches import SHARD, START, batch, record


class Told:
    """An activity that is told of deliveries as a reader tells it."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.activity = MappingActivity(self.delays.append)
        self._attempts = 0

    def begin(self, given: Batch, at: float = START) -> int:
        self._attempts += 1
        self.activity.note(Began(self._attempts, given, at))
        return self._attempts

    def deliver(self, given: Batch, outcome: Outcome, next_at: float | None = None) -> None:
        attempt = self.begin(given)
        self.activity.note(Ended(attempt, given, outcome, START + 1, next_at))


def answer(started_at: float = START + 0.5) -> Answer:
    return Answer("id", 200, "$LATEST", None, started_at)


def test_records_are_counted_as_they_are_read_and_passed() -> None:
    told = Told()

    told.activity.note(Read(SHARD, [record(1), record(2), record(3)], [SequenceNumber(2)]))
    told.activity.note(Trimmed(SHARD, SequenceNumber(3), SequenceNumber(9)))

    counts = told.activity.counts
    assert (counts["polled"], counts["filtered"], counts["trimmed"]) == (3, 1, 1)


def test_failed_records_are_those_that_were_not_delivered() -> None:
    told = Told()

    told.deliver(batch([1, 2, 3]), Delivered(answer()))
    told.deliver(batch([4, 5, 6]), Partly(2, "some", answer()))
    told.deliver(batch([6]), Failed("no", answer()))

    assert (told.activity.counts["invoked"], told.activity.counts["failed"]) == (7, 2)


def test_throttled_batch_was_never_handed_to_a_function() -> None:
    told = Told()

    told.deliver(batch([1]), Throttled("busy"), START + 2)

    assert (told.activity.counts["invoked"], told.activity.counts["failed"]) == (0, 0)
    assert told.activity.shards[SHARD].last_error == "busy"


def test_iterator_age_is_that_of_the_last_record_handed_over() -> None:
    told = Told()

    told.begin(batch([1]), START + 7)

    assert told.activity.iterator_age_seconds == 7.0


def test_delay_is_noted_once_for_each_record() -> None:
    told = Told()

    told.deliver(batch([1, 2]), Failed("no", answer()))
    told.deliver(batch([1, 2], deliveries=1), Delivered(answer(START + 9)))

    assert told.delays == [0.5, 0.5]
    assert (told.activity.delay_records, told.activity.delay_seconds) == (2, 1.0)


def test_attempts_are_those_of_the_lane_that_is_blocked() -> None:
    told = Told()

    told.deliver(batch([1]), Failed("no"), START + 5)
    told.deliver(batch([2]), Delivered())
    told.deliver(batch([1], deliveries=1), Failed("still no"), START + 9)
    told.deliver(batch([3]), Failed("no"), START + 7)

    shard = told.activity.shards[SHARD]
    assert (shard.attempts, shard.retry_at) == (2, START + 7)


def test_attempts_begin_anew_behind_what_was_delivered() -> None:
    told = Told()

    told.deliver(batch([1, 2]), Failed("no"), START + 5)
    told.deliver(batch([1, 2]), Partly(1, "some"), START + 6)
    partly = told.activity.shards[SHARD].attempts
    told.deliver(batch([2]), Delivered())

    assert (partly, told.activity.shards[SHARD].attempts) == (1, 0)
    assert told.activity.shards[SHARD].retry_at is None


def test_given_up_records_are_not_tried_again() -> None:
    told = Told()

    told.deliver(batch([1, 2]), Failed("no"), START + 5)
    told.activity.note(Dropped(GivenUp(batch([1, 2], 1), Reason.RETRIES, None), START + 5))

    shard = told.activity.shards[SHARD]
    assert told.activity.counts["dropped"] == 2
    assert (shard.attempts, shard.retry_at, shard.last_error) == (0, None, "no")


def test_nothing_is_under_way_in_a_shard_that_is_left() -> None:
    told = Told()

    told.begin(batch([1]))
    under_way = len(told.activity.shards[SHARD].delivering)
    told.activity.note(Left(SHARD))

    assert (under_way, told.activity.shards) == (1, {})


def exposed(activities: Activities) -> str:
    registry = CollectorRegistry()
    registry.register(activities)
    return generate_latest(registry).decode()


def test_metrics_bear_the_mapping_and_nothing_else() -> None:
    activities = Activities(no_delays)
    activities.of("one").note(Read(SHARD, [record(1)], []))
    activities.of("one").note(Began(1, batch([1]), START + 3))
    activities.note_on_failure("two")

    lines = exposed(activities).splitlines()

    assert 'headwater_mapping_polled_total{mapping="one"} 1.0' in lines
    assert 'headwater_mapping_on_failure_total{mapping="two"} 1.0' in lines
    assert 'headwater_mapping_iterator_age_seconds{mapping="one"} 3.0' in lines
    assert not [line for line in lines if "iterator_age" in line and "two" in line]


def test_series_of_a_mapping_that_is_gone_are_gone() -> None:
    activities = Activities(no_delays)
    activities.of("one")
    activities.of("two")

    activities.keep({"two"})

    assert ('"one"' in exposed(activities), '"two"' in exposed(activities)) == (False, True)
