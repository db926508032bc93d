"""What a reader does next: wait, deliver, retry, give up, advance. Pure.

A reader gathers records until they make a batch, has it delivered, and stays with exactly that
batch until it is delivered or given up: a shard's order would not survive anything else.

    state      situation                                    step
    ---------  -------------------------------------------  --------------------------------------
    any        the oldest records exceed the greatest age   GiveUp(those, AGE)
    Gathering  nothing gathered                             Wait, for a record
    Gathering  full, or its window over, or the shard too   Deliver(all)
    Gathering  otherwise                                    Wait, until its window is over
    Trying     failed more often than retries allow         GiveUp(the batch, RETRIES)
    Trying     its back-off is not over                     Wait, until it is
    Trying     otherwise                                    Deliver(the batch)

    state      outcome of a delivery                        next state
    ---------  -------------------------------------------  --------------------------------------
    any        Delivered                                    Gathering, after Advance(the batch)
    any        Failed                                       Trying, one failure more, back-off
    any        Throttled                                    Trying, no failure more, back-off

Records given up are behind the reader as those delivered are; what is left of a batch stays in
Trying with its failures, so that no record is tried more often than retries allow.
Lambda's rules are settings of this: Lambda Developer Guide, "Using Lambda to process records from
Amazon DynamoDB Streams"; the back-off there is not documented.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from headwater.consumers.delivery import Delivered, Failed, Outcome, Reason
from headwater.limits import retry_seconds_first, retry_seconds_max

_DOUBLINGS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How a consumer takes its records.

    batch_records_max, batch_bytes_max: what makes a batch full.
    window_seconds: how long to wait, from the first record gathered, for a batch to become full.
    retries_max: deliveries after the first failed one; None is no limit.
    age_seconds_max: records older than this are given up, delivered once or never.
    """

    batch_records_max: int
    batch_bytes_max: int
    window_seconds: float
    retries_max: int | None
    age_seconds_max: float
    retry_seconds_first: float = retry_seconds_first
    retry_seconds_max: float = retry_seconds_max


@dataclass(frozen=True, slots=True)
class Gathering:
    """No delivery has begun."""


@dataclass(frozen=True, slots=True)
class Trying:
    """The first `count` records gathered are a batch whose delivery went wrong.

    failures: those that count against the retries. throttles: those that do not.
    retry_at: epoch seconds.
    """

    count: int
    failures: int
    throttles: int
    retry_at: float


State: TypeAlias = Gathering | Trying


@dataclass(frozen=True, slots=True)
class Gathered:
    """The records at hand.

    times_us: of each record, oldest first. since: epoch second when the first was gathered.
    is_full: no more fit into one batch. is_last: the shard has no more.
    """

    times_us: Sequence[int]
    since: float
    is_full: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until an epoch second, or until there is a record if None."""

    until: float | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Have the first `count` records delivered."""

    count: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Pass the first `count` records undelivered."""

    count: int
    reason: Reason


Step: TypeAlias = Wait | Deliver | GiveUp


def next_step(settings: PolicySettings, state: State, gathered: Gathered, now: float) -> Step:
    """What to do at an epoch second; see the module's first table."""
    times_us = gathered.times_us
    if not times_us:
        return Wait(None)
    oldest_us = (now - settings.age_seconds_max) * 1e6
    if times_us[0] < oldest_us:
        return GiveUp(bisect_left(times_us, oldest_us), Reason.AGE)
    match state:
        case Gathering():
            window_end = gathered.since + settings.window_seconds
            if gathered.is_full or gathered.is_last or now >= window_end:
                return Deliver(len(times_us))
            return Wait(window_end)
        case Trying(count, failures, _, retry_at):
            if settings.retries_max is not None and failures > settings.retries_max:
                return GiveUp(count, Reason.RETRIES)
            if now < retry_at:
                return Wait(min(retry_at, times_us[0] / 1e6 + settings.age_seconds_max))
            return Deliver(count)


def after_delivery(
    settings: PolicySettings, state: State, count: int, outcome: Outcome, now: float
) -> State:
    """The state after a delivery of the first `count` records; see the module's second table.

    Gathering means that the reader is to advance over them.
    """
    failures, throttles = (state.failures, state.throttles) if isinstance(state, Trying) else (0, 0)
    match outcome:
        case Delivered():
            return Gathering()
        case Failed():
            failures += 1
        case _:
            throttles += 1
    return Trying(count, failures, throttles, now + back_off(settings, failures + throttles))


def after_giving_up(state: State, count: int) -> State:
    """The state once the first `count` records are passed."""
    if isinstance(state, Trying) and state.count > count:
        return Trying(state.count - count, state.failures, state.throttles, state.retry_at)
    return Gathering()


def back_off(settings: PolicySettings, tries: int) -> float:
    """Seconds to wait after so many tries in vain: doubling, up to a limit."""
    doublings = min(tries - 1, _DOUBLINGS_MAX)
    return min(settings.retry_seconds_first * (1 << doublings), settings.retry_seconds_max)
