from __future__ import annotations

from typing import Any

import pytest

from headwater.consumers.delivery import Delivered, Failed, Outcome, Partly, Reason, Throttled
from headwater.consumers.policy import (
    GATHERING,
    Deliver,
    Gathered,
    GiveUp,
    Part,
    State,
    Wait,
    after_delivery,
    after_giving_up,
    back_off,
    next_step,
)
from tests.destinations import settings

NOW = 1_700_000_000.0


def gathered(count: int = 3, **changes: object) -> Gathered:
    values: dict[str, Any] = {"since": NOW, "is_full": False, "is_last": False, "fit": count}
    return Gathered([int(NOW * 1e6)] * count, **(values | changes))


def test_nothing_gathered_waits_for_a_record() -> None:
    assert next_step(settings(), GATHERING, gathered(0), NOW) == Wait(None)


def test_without_a_window_whatever_is_there_is_delivered() -> None:
    assert next_step(settings(), GATHERING, gathered(3), NOW) == Deliver(3)


@pytest.mark.parametrize(
    ("records", "now", "step"),
    [
        (gathered(), NOW + 4.9, Wait(NOW + 5)),
        (gathered(), NOW + 5, Deliver(3)),
        (gathered(is_full=True), NOW, Deliver(3)),
        (gathered(is_last=True), NOW, Deliver(3)),
    ],
)
def test_batch_closes_when_full_or_the_window_or_the_shard_is_over(
    records: Gathered, now: float, step: object
) -> None:
    assert next_step(settings(window_seconds=5.0), GATHERING, records, now) == step


def test_failed_batch_is_delivered_again_after_its_back_off() -> None:
    state = after_delivery(settings(), GATHERING, 3, Failed("x"), NOW)

    retry_at = state[0].retry_at
    assert retry_at > NOW
    assert next_step(settings(), state, gathered(), NOW) == Wait(retry_at)
    assert next_step(settings(), state, gathered(), retry_at) == Deliver(3)


def test_retried_batch_keeps_its_records() -> None:
    state = (Part(2, failures=1, retry_at=NOW),)

    assert next_step(settings(), state, gathered(3), NOW) == Deliver(2)


@pytest.mark.parametrize(("retries", "deliveries"), [(0, 1), (1, 2), (5, 6)])
def test_batch_is_given_up_after_its_retries(retries: int, deliveries: int) -> None:
    chosen = settings(retries_max=retries)
    state: State = GATHERING
    count = 0
    now = NOW
    while isinstance(step := next_step(chosen, state, gathered(), now), Deliver | Wait):
        if isinstance(step, Deliver):
            state = after_delivery(chosen, state, step.count, Failed("x"), now)
            count += 1
        else:
            assert step.until is not None
            now = step.until

    assert step == GiveUp(3, Reason.RETRIES)
    assert count == deliveries


def test_throttling_counts_against_no_retries() -> None:
    chosen = settings(retries_max=0)
    state: State = GATHERING
    for _ in range(50):
        state = after_delivery(chosen, state, 3, Throttled("busy"), NOW)

    assert next_step(chosen, state, gathered(), NOW + 3600) == Deliver(3)


def test_records_too_old_are_given_up_before_and_between_deliveries() -> None:
    chosen = settings(age_seconds_max=60)
    times = [int((NOW + second) * 1e6) for second in (0, 1, 50)]
    records = Gathered(times, 3, NOW, is_full=False, is_last=False)

    for state in (GATHERING, (Part(3, 1, 1, 1, NOW + 1000),)):
        assert next_step(chosen, state, records, NOW + 61.5) == GiveUp(2, Reason.AGE)


def test_wait_for_a_retry_ends_when_a_record_gets_too_old() -> None:
    chosen = settings(age_seconds_max=60)
    state = (Part(3, 1, 1, 1, NOW + 1000),)

    step = next_step(chosen, state, gathered(), NOW)

    assert isinstance(step, Wait)
    assert step.until is not None
    assert step.until == pytest.approx(NOW + 60, abs=0.01)
    assert next_step(chosen, state, gathered(), step.until) == GiveUp(3, Reason.AGE)


def test_rest_of_a_part_keeps_its_failures() -> None:
    state = (Part(3, failures=2, deliveries=2, tries=3, retry_at=NOW), Part(1))

    assert after_giving_up(state, 1) == (Part(2, 2, 2, 3, NOW), Part(1))
    assert after_giving_up(state, 3) == (Part(1),)
    assert after_giving_up(GATHERING, 1) == GATHERING


AGAIN = NOW + 0.2


@pytest.mark.parametrize(
    ("state", "outcome", "after"),
    [
        (GATHERING, Delivered(), GATHERING),
        ((Part(4, 2, 2, 5, NOW), Part(1)), Delivered(), (Part(1),)),
        (GATHERING, Failed("x"), (Part(4, 1, 1, 1, AGAIN),)),
        (GATHERING, Throttled("x"), (Part(4, 0, 0, 1, AGAIN),)),
        (GATHERING, Partly(3, "x"), (Part(1, 1, 1, 1, AGAIN),)),
        ((Part(4, 2, 2, 5, NOW), Part(1)), Partly(1, "x"), (Part(3, 1, 1, 1, AGAIN), Part(1))),
    ],
)
def test_outcome_of_the_first_part_makes_the_next_state(
    state: State, outcome: Outcome, after: State
) -> None:
    assert after_delivery(settings(), state, 4, outcome, NOW) == after


@pytest.mark.parametrize(
    ("count", "outcome", "after"),
    [
        (4, Failed("x"), (Part(2, deliveries=1), Part(2, deliveries=1))),
        (5, Failed("x"), (Part(2, deliveries=1), Part(3, deliveries=1))),
        (1, Failed("x"), (Part(1, 1, 1, 1, AGAIN),)),
        (4, Partly(3, "x"), (Part(1, deliveries=1),)),
        (4, Throttled("x"), (Part(4, 0, 0, 1, AGAIN),)),
    ],
)
def test_bisecting_splits_what_failed_at_once_and_for_free(
    count: int, outcome: Outcome, after: State
) -> None:
    chosen = settings(is_bisecting=True)

    assert after_delivery(chosen, GATHERING, count, outcome, NOW) == after


def closing(**changes: object) -> Gathered:
    return gathered(0, closes_at=NOW + 10, **changes)


@pytest.mark.parametrize(
    ("state", "now", "step"),
    [
        (GATHERING, NOW, Wait(NOW + 10)),
        (GATHERING, NOW + 10, Deliver(0)),
        ((Part(0, 1, 1, 1, NOW + 20),), NOW + 10, Wait(NOW + 20)),
        ((Part(0, 1, 1, 1, NOW + 20),), NOW + 20, Deliver(0)),
        ((Part(0, 3, 3, 3, NOW + 20),), NOW + 20, GiveUp(0, Reason.RETRIES)),
        ((Part(0, 1, 1, 1, NOW + 20),), NOW + 80, GiveUp(0, Reason.AGE)),
    ],
)
def test_open_window_is_closed_once_it_is_over(state: State, now: float, step: object) -> None:
    chosen = settings(retries_max=2, age_seconds_max=60)

    assert next_step(chosen, state, closing(), now) == step


def test_back_off_doubles_up_to_its_limit() -> None:
    chosen = settings(retry_seconds_first=0.5, retry_seconds_max=10.0)

    waits = [back_off(chosen, tries) for tries in (1, 2, 3, 4, 5, 6, 10_000)]

    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
