from __future__ import annotations

from typing import Any

import pytest

from headwater.consumers.delivery import Delivered, Failed, Reason, Throttled
from headwater.consumers.policy import (
    Deliver,
    Gathered,
    Gathering,
    GiveUp,
    State,
    Trying,
    Wait,
    after_delivery,
    after_giving_up,
    back_off,
    next_step,
)
from tests.destinations import settings

NOW = 1_700_000_000.0


def gathered(count: int = 3, **changes: object) -> Gathered:
    values: dict[str, Any] = {"since": NOW, "is_full": False, "is_last": False}
    return Gathered([int(NOW * 1e6)] * count, **(values | changes))


def test_nothing_gathered_waits_for_a_record() -> None:
    assert next_step(settings(), Gathering(), gathered(0), NOW) == Wait(None)


def test_without_a_window_whatever_is_there_is_delivered() -> None:
    assert next_step(settings(), Gathering(), gathered(3), NOW) == Deliver(3)


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
    assert next_step(settings(window_seconds=5.0), Gathering(), records, now) == step


def test_failed_batch_is_delivered_again_after_its_back_off() -> None:
    state = after_delivery(settings(), Gathering(), 3, Failed("x"), NOW)

    assert isinstance(state, Trying)
    assert next_step(settings(), state, gathered(), NOW) == Wait(state.retry_at)
    assert next_step(settings(), state, gathered(), state.retry_at) == Deliver(3)


def test_retried_batch_keeps_its_records() -> None:
    state = Trying(2, failures=1, throttles=0, retry_at=NOW)

    assert next_step(settings(), state, gathered(3), NOW) == Deliver(2)


@pytest.mark.parametrize(("retries", "deliveries"), [(0, 1), (1, 2), (5, 6)])
def test_batch_is_given_up_after_its_retries(retries: int, deliveries: int) -> None:
    chosen = settings(retries_max=retries)
    state: State = Gathering()
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
    state: State = Gathering()
    for _ in range(50):
        state = after_delivery(chosen, state, 3, Throttled("busy"), NOW)

    assert next_step(chosen, state, gathered(), NOW + 3600) == Deliver(3)


def test_records_too_old_are_given_up_before_and_between_deliveries() -> None:
    chosen = settings(age_seconds_max=60)
    times = [int((NOW + second) * 1e6) for second in (0, 1, 50)]
    records = Gathered(times, NOW, is_full=False, is_last=False)

    for state in (Gathering(), Trying(3, 1, 0, NOW + 1000)):
        assert next_step(chosen, state, records, NOW + 61.5) == GiveUp(2, Reason.AGE)


def test_wait_for_a_retry_ends_when_a_record_gets_too_old() -> None:
    chosen = settings(age_seconds_max=60)
    state = Trying(3, 1, 0, NOW + 1000)

    assert next_step(chosen, state, gathered(), NOW) == Wait(NOW + 60)


def test_rest_of_a_batch_keeps_its_failures() -> None:
    state = Trying(3, failures=2, throttles=1, retry_at=NOW)

    assert after_giving_up(state, 1) == Trying(2, 2, 1, NOW)
    assert after_giving_up(state, 3) == Gathering()
    assert after_giving_up(Gathering(), 1) == Gathering()


def test_delivery_ends_trying() -> None:
    assert after_delivery(settings(), Trying(3, 2, 0, NOW), 3, Delivered(), NOW) == Gathering()


def test_back_off_doubles_up_to_its_limit() -> None:
    chosen = settings(retry_seconds_first=0.5, retry_seconds_max=10.0)

    waits = [back_off(chosen, tries) for tries in (1, 2, 3, 4, 5, 6, 10_000)]

    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
