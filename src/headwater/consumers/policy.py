"""What a lane does next: wait, deliver, retry, split, give up, advance. Pure.

A lane gathers records until they make a batch and stays with exactly these until each of them is
delivered or given up: order would not survive anything else. Its state is a stack of *parts*, the
first of which is delivered next; without one it gathers. A part with no records is the close of a
window.

    state      situation                                    step
    ---------  -------------------------------------------  --------------------------------------
    any        the first records exceed the greatest age    GiveUp(those of the part, AGE)
    gathering  nothing gathered, a window open and over     Deliver(none): close it
    gathering  nothing gathered, a window open              Wait, until it is over
    gathering  nothing gathered                             Wait, for a record
    gathering  full, or its window over, or the shard too   Deliver(all that fit)
    gathering  otherwise                                    Wait, until its batching window is over
    a part     failed more often than retries allow         GiveUp(the part, RETRIES)
    a part     its back-off is not over                     Wait, until it is
    a part     otherwise                                    Deliver(the part)

    outcome of the first part                    the first part becomes
    -------------------------------------------  ---------------------------------------------------
    Delivered                                    nothing: its records are behind the lane
    Partly(n)                                    the records from n on: one failure of their first,
                                                 back-off. Bisecting: no failure, at once
    Failed, bisecting, several records           its two halves, no failure more, at once
    Failed, otherwise                            one failure more, back-off
    Throttled                                    no failure more, back-off

Where a window's state has become too large, the close of the window goes before what is left.

So failures are those of the part's first record: they begin anew once the lane has passed it, and
splitting is free. `retries_max` n allows n + 1 deliveries of a part that fails whole. Halving ends
at single records and Partly passes at least one, so every record comes to its retries in the end.

Records given up are behind the lane as those delivered are; what is left of a part keeps its
failures, so that no record is tried more often than retries allow. The state is in memory alone:
after a crash the records from the stored position on are gathered anew, and failures and splits are
counted from the beginning.

Lambda's rules are settings of this: Lambda Developer Guide, "Using Lambda to process records from
Amazon DynamoDB Streams", "Configuring partial batch response with DynamoDB and Lambda"; where an
odd batch is split and how long a back-off is, is not documented there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from headwater.consumers.delivery import Delivered, Failed, Outcome, Partly, Reason
from headwater.limits import retry_seconds_first, retry_seconds_max

_DOUBLINGS_MAX: Final = 30
_MOMENT_SECONDS: Final = 0.001  # by which something has exceeded an age, rounding included


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How a consumer takes its records.

    batch_records_max, batch_bytes_max: what makes a batch full.
    window_seconds: how long to wait, from the first record gathered, for a batch to become full.
    retries_max: deliveries after the first failed one; None is no limit.
    age_seconds_max: records older than this are given up, delivered once or never.
    is_bisecting: whether what failed is delivered again in halves.
    lanes: how many batches of a shard are delivered at once; a partition key has one of them.
    tumbling_seconds: length of the windows that the destination keeps a state for; 0 is none.
    unstored_max: how many batches of a lane may be delivered, and come again after a crash, before
    the next is; with 0, what comes again begins where the last delivery did.
    """

    batch_records_max: int
    batch_bytes_max: int
    window_seconds: float
    retries_max: int | None
    age_seconds_max: float
    is_bisecting: bool = False
    lanes: int = 1
    tumbling_seconds: int = 0
    unstored_max: int = 0
    retry_seconds_first: float = retry_seconds_first
    retry_seconds_max: float = retry_seconds_max

    def __post_init__(self) -> None:
        assert self.lanes == 1 or not self.tumbling_seconds, "a window's state is of a whole shard"


@dataclass(frozen=True, slots=True)
class Part:
    """Records of a lane that are delivered together, next or once the parts before are done.

    failures: deliveries in vain of the first record that count against the retries.
    deliveries: all deliveries in vain that held it. tries: how often the part as it is was tried in
    vain, throttled or not. retry_at: epoch seconds.
    """

    count: int
    failures: int = 0
    deliveries: int = 0
    tries: int = 0
    retry_at: float = 0.0


State: TypeAlias = tuple[Part, ...]
GATHERING: Final[State] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """The records of a lane at hand.

    times_us: of each record, oldest first. fit: how many of the first make one batch.
    since: epoch second when the first was gathered. is_full: nothing more can join them.
    is_last: the shard has no more. closes_at: epoch second when the open window is over, if there
    is one; its end as far as age is concerned.
    """

    times_us: Sequence[int]
    fit: int
    since: float
    is_full: bool
    is_last: bool
    closes_at: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until an epoch second, or until there is a record if None."""

    until: float | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Have the first `count` records delivered; none closes the window."""

    count: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Pass the first `count` records undelivered; none leaves the window unclosed."""

    count: int
    reason: Reason


Step: TypeAlias = Wait | Deliver | GiveUp


def next_step(settings: PolicySettings, state: State, gathered: Gathered, now: float) -> Step:
    """What to do at an epoch second; see the module's first table."""
    count = state[0].count if state else gathered.fit
    if count:
        first_us = gathered.times_us[0]
    elif gathered.closes_at is None:
        return Wait(None)
    else:
        first_us = int(gathered.closes_at * 1e6)
        if not state and now < gathered.closes_at:
            return Wait(gathered.closes_at)
    oldest_us = (now - settings.age_seconds_max) * 1e6
    if first_us < oldest_us:
        return GiveUp(bisect_left(gathered.times_us, oldest_us, 0, count), Reason.AGE)
    if not state:
        window_end = gathered.since + settings.window_seconds
        if not count or gathered.is_full or gathered.is_last or now >= window_end:
            return Deliver(count)
        return Wait(window_end)
    part = state[0]
    if settings.retries_max is not None and part.failures > settings.retries_max:
        return GiveUp(count, Reason.RETRIES)
    if now < part.retry_at:
        too_old_at = first_us / 1e6 + settings.age_seconds_max + _MOMENT_SECONDS
        return Wait(min(part.retry_at, too_old_at))
    return Deliver(count)


def after_delivery(
    settings: PolicySettings, state: State, count: int, outcome: Outcome, now: float
) -> State:
    """The state after a delivery of the first `count` records; see the module's second table."""
    part, rest = (state[0], state[1:]) if state else (Part(count), GATHERING)
    assert part.count == count, "what is delivered is the first part"
    match outcome:
        case Delivered():
            return rest
        case Partly(done):
            assert 0 < done < count, "some records are done and some are not"
            left = Part(count - done)
            if settings.is_bisecting:
                return (replace(left, deliveries=1), *rest)
            return (_again(settings, left, now, failures=1), *rest)
        case Failed() if settings.is_bisecting and count > 1:
            half = replace(part, count=count // 2, deliveries=part.deliveries + 1, tries=0)
            return (half, replace(half, count=count - half.count), *rest)
        case Failed():
            return (_again(settings, part, now, failures=1), *rest)
        case _:
            return (_again(settings, part, now, failures=0), *rest)


def closing_first(state: State) -> State:
    """The state if the window has to be closed before the next part."""
    return state if state[0].count == 0 else (Part(0), *state)


def after_giving_up(state: State, count: int) -> State:
    """The state once the first `count` records are passed."""
    if not state:
        return GATHERING
    part, *rest = state
    if part.count > count:
        return (replace(part, count=part.count - count), *rest)
    return tuple(rest)


def back_off(settings: PolicySettings, tries: int) -> float:
    """Seconds to wait after so many tries in vain: doubling, up to a limit."""
    doublings = min(tries - 1, _DOUBLINGS_MAX)
    return min(settings.retry_seconds_first * (1 << doublings), settings.retry_seconds_max)


def _again(settings: PolicySettings, part: Part, now: float, failures: int) -> Part:
    """The part after one more try in vain, which counts so many failures."""
    tries = part.tries + 1
    return Part(
        part.count,
        part.failures + failures,
        part.deliveries + failures,
        tries,
        now + back_off(settings, tries),
    )
