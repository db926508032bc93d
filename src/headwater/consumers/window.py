"""Tumbling windows: which records of a shard belong together, by the time of their writing. Pure.

Windows are as long as they are told to be and begin at multiples of that since the epoch. Along a
shard time never decreases, so a window is over once a record beyond it is read, the shard has no
more, or its end has passed a moment ago. A record that commits later than that belongs to the next.

What the destination gives with a delivery is the state of its window, stored with the position: a
crash repeats a delivery with the state it had before, so nothing is counted twice in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.consumers.delivery import Window
from headwater.limits import window_state_bytes_max, write_settle_seconds


@dataclass(frozen=True, slots=True)
class Windows:
    """Where a shard's windows stand.

    open: the window that has a state. closed_us: end of the latest that was closed.
    """

    open: Window | None = None
    closed_us: int = 0

    def current(self, seconds: int, time_us: int) -> Window:
        """The window of the next record, which has this time."""
        return self.open or window_of(seconds, max(time_us, self.closed_us), self.closed_us)

    def is_early(self, seconds: int) -> bool:
        """Whether the open window has to be closed before its end.

        Its state is too large, or there are to be no windows any more.
        """
        if self.open is None:
            return False
        return not seconds or len(self.open.state) > window_state_bytes_max

    def with_state(self, window: Window, state: bytes) -> Windows:
        """After a delivery in a window."""
        return Windows(Window(window.start_us, window.end_us, state), self.closed_us)

    def closed(self, *, is_early: bool) -> Windows:
        """After the open window was closed. One closed early goes on with a new state."""
        assert self.open is not None, "only an open window is closed"
        return Windows(None, self.closed_us if is_early else self.open.end_us)


def window_of(seconds: int, time_us: int, not_before_us: int) -> Window:
    """The window of a moment, which begins where the one before has ended at the earliest."""
    length_us = seconds * 1_000_000
    start_us = time_us - time_us % length_us
    return Window(max(start_us, not_before_us), start_us + length_us)


def count_within(window: Window, times_us: Sequence[int]) -> int:
    """How many of the first records lie in a window, given their times, which never decrease."""
    return bisect_left(times_us, window.end_us)


def closes_at(window: Window) -> float:
    """The epoch second when nothing more can be written into a window."""
    return window.end_us / 1e6 + write_settle_seconds
