from __future__ import annotations

from collections.abc import Sequence

from headwater.consumers.delivery import Batch, Delivered, Failed, Outcome, Partly, Window
from headwater.consumers.lane import Lane, Reach
from headwater.consumers.policy import Deliver, PolicySettings, Wait
from headwater.consumers.window import Windows
from headwater.limits import window_state_bytes_max
from headwater.streams.log import Stored
from tests.destinations import settings
from tests.stream_batches import SHARD, START, STREAM, record

OPEN = Reach(is_last=False, is_stalled=False)
TOO_LARGE = b"x" * (window_state_bytes_max + 1)


class Driven:
    """A lane, and what it delivers while it is told how each delivery went."""

    def __init__(self, chosen: PolicySettings, windows: Windows | None = None) -> None:
        self.lane = Lane(chosen, len, windows or Windows())
        self.now = START

    def add(self, records: Sequence[Stored]) -> None:
        for each in records:
            self.lane.add(each, self.now)

    def deliver(self, outcome: Outcome, reach: Reach = OPEN) -> Batch:
        step = self.lane.step(reach, self.now)
        assert isinstance(step, Deliver)
        batch = self.lane.batch(STREAM, SHARD, step.count)
        self.lane.settle(batch, outcome, self.now)
        return batch


def numbers(batch: Batch) -> list[int]:
    return [stored.number for stored in batch.entries]


def test_window_with_too_large_a_state_is_closed_early_and_goes_on_anew() -> None:
    driven = Driven(settings(tumbling_seconds=60))
    driven.add([record(1)])

    first = driven.deliver(Delivered(state=TOO_LARGE))
    closing = driven.deliver(Delivered())
    driven.add([record(2)])
    second = driven.deliver(Delivered(state=b"{}"))

    assert (first.is_closing, first.is_early) == (False, False)
    assert (closing.entries, closing.is_closing, closing.is_early) == ((), True, True)
    assert closing.window is not None
    assert closing.window.state == TOO_LARGE
    assert second.window == Window(first.window.start_us, first.window.end_us)  # type: ignore[union-attr]


def test_window_is_closed_early_between_the_parts_of_a_batch() -> None:
    driven = Driven(settings(tumbling_seconds=60, is_bisecting=True))
    driven.add([record(number) for number in range(1, 5)])

    driven.deliver(Failed("no"))
    half = driven.deliver(Delivered(state=TOO_LARGE))
    closing = driven.deliver(Delivered())
    other = driven.deliver(Delivered(state=b"{}"))

    assert numbers(half) == [1, 2]
    assert (closing.entries, closing.is_early) == ((), True)
    assert numbers(other) == [3, 4]
    assert other.window is not None
    assert other.window.state == b""


def test_rest_of_a_batch_waits_for_the_early_close_as_long_as_it_fails() -> None:
    driven = Driven(settings(tumbling_seconds=60, retries_max=5))
    driven.add([record(number) for number in range(1, 3)])

    driven.deliver(Partly(1, "some", state=TOO_LARGE))
    failed = driven.deliver(Failed("no"))
    driven.now += 10
    closing = driven.deliver(Delivered())
    driven.now += 10
    rest = driven.deliver(Delivered(state=b"{}"))

    assert failed.is_closing
    assert closing.is_closing
    assert (closing.deliveries, rest.deliveries) == (1, 1)
    assert numbers(rest) == [2]


def test_windows_switched_off_close_what_is_open_before_anything_else() -> None:
    left_open = Windows(Window(int(START * 1e6), int((START + 60) * 1e6), b'{"n":1}'))
    driven = Driven(settings(), left_open)
    driven.add([record(1), record(2)])

    closing = driven.deliver(Delivered())
    batch = driven.deliver(Delivered())

    assert (closing.entries, closing.is_closing, closing.is_early) == ((), True, True)
    assert closing.window is not None
    assert closing.window.state == b'{"n":1}'
    assert (numbers(batch), batch.window) == ([1, 2], None)
    assert driven.lane.is_done


def test_windows_made_shorter_begin_behind_the_one_that_is_open() -> None:
    start_us, end_us = int(START * 1e6), int((START + 600) * 1e6)
    driven = Driven(settings(tumbling_seconds=60), Windows(Window(start_us, end_us, b"{}")))
    driven.add([record(1), record(2, START + 601)])

    first = driven.deliver(Delivered(state=b"{}"))
    closing = driven.deliver(Delivered())
    second = driven.deliver(Delivered(state=b"{}"))

    assert (numbers(first), closing.is_closing) == ([1], True)
    assert second.window is not None
    assert second.window.start_us >= end_us


def test_last_window_of_a_shard_is_closed_before_its_end() -> None:
    driven = Driven(settings(tumbling_seconds=600))
    last = Reach(is_last=True, is_stalled=False)
    driven.add([record(1)])

    driven.deliver(Delivered(state=b"{}"), last)
    is_done = driven.lane.is_done
    closing = driven.deliver(Delivered(), last)

    assert (is_done, driven.lane.is_done) == (False, True)
    assert (closing.is_closing, closing.is_early) == (True, False)


def test_nothing_is_delivered_before_there_is_anything() -> None:
    assert Driven(settings()).lane.step(OPEN, START) == Wait(None)
