"""Counters made of events."""

from __future__ import annotations

from headwater.consumer.events import (
    CaughtUp,
    Counters,
    Delivered,
    LeaseLost,
    LeaseReleased,
    LeaseTaken,
    RecordsTrimmed,
    ShardFinished,
)
from headwater.consumer.position import TRIM_HORIZON, After


def test_leases_held_are_those_taken_and_not_gone() -> None:
    counters = Counters()

    for name in "abcd":
        counters.note(LeaseTaken(name, TRIM_HORIZON, "other" if name == "d" else None))
    counters.note(LeaseLost("a"))
    counters.note(LeaseReleased("b", None))
    counters.note(ShardFinished("c", is_gone=False))

    assert (counters.leases_held, counters.leases_taken, counters.leases_stolen) == (1, 4, 1)
    assert (counters.leases_lost, counters.leases_released, counters.shards_finished) == (1, 1, 1)


def test_age_is_of_the_last_record_and_nought_when_caught_up() -> None:
    counters = Counters()
    counters.note(Delivered("a", 10, 2.5))
    counters.note(Delivered("b", 5, 7.0))

    assert (counters.records, counters.batches, counters.age_seconds_max) == (15, 2, 7.0)
    counters.note(CaughtUp("b"))
    assert counters.age_seconds_max == 2.5
    counters.note(LeaseLost("a"))
    assert counters.ages_seconds == {"b": 0.0}


def test_trims_are_counted() -> None:
    counters = Counters()

    counters.note(RecordsTrimmed("a", After(5)))

    assert counters.trims_met == 1
