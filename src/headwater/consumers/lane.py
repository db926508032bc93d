"""A lane of a shard: records read and not yet behind it, and what is to happen with them next.

A shard has one lane, or several among which its partition keys are shared out: all changes of an
item are in one lane, and a lane delivers one batch at a time. No I/O here, and no waiting: the
reader adds records, asks for the next step, and says how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headwater.consumers import policy
from headwater.consumers import window as windows
from headwater.consumers.delivery import Answer, Batch, Delivered, Failed, Outcome, Partly, Window
from headwater.consumers.policy import GATHERING, Deliver, Gathered, PolicySettings, Wait
from headwater.consumers.window import Windows
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import time_us_of
from headwater.streams.log import Stored
from headwater.streams.window import AnyStream


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the reader has come. is_last: the shard has no more.

    is_stalled: it holds as much as it may and reads on once some of that is behind a lane.
    """

    is_last: bool
    is_stalled: bool


class Lane:
    """See the module.

    The reader's are `is_busy`; `due_at`, epoch second of the next step; and `stored`, how many of
    what is behind the lane (`passed`, batches and parts of them) a stored position is behind too.
    """

    def __init__(
        self, settings: PolicySettings, size_of: Callable[[bytes], int], standing: Windows
    ) -> None:
        self.windows = standing
        self.held_bytes = 0
        self.is_busy = False
        self.due_at = 0.0
        self.passed = 0
        self.stored = 0
        self.answer: Answer | None = None
        self._settings = settings
        self._size_of = size_of
        self._state = GATHERING
        self._entries: list[Stored] = []
        self._times_us: list[int] = []
        self._sizes: list[int] = []
        self._fit = 0
        self._fit_bytes = 0
        self._read_at: list[float] = []

    @property
    def first(self) -> SequenceNumber | None:
        """The number of the first record that is not behind the lane."""
        return self._entries[0].number if self._entries else None

    @property
    def numbers(self) -> Iterator[SequenceNumber]:
        """The numbers of the records that are not behind the lane."""
        return (stored.number for stored in self._entries)

    @property
    def is_ahead(self) -> bool:
        """Whether more is behind it than may come again after a crash."""
        return self.passed - self.stored > self._settings.unstored_max

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do if no more records come."""
        return not self._entries and not self.windows.open

    def next_at(self, now: float) -> float | None:
        """When what failed is tried again, if something has and is."""
        if not self._state:
            return None
        match self.step(Reach(is_last=False, is_stalled=False), now):
            case Deliver():
                return now
            case Wait(until) if until == self._state[0].retry_at:
                return until
            case _:
                return None  # it is given up, at once or before its next try

    def add(self, stored: Stored, now: float) -> None:
        """Take a record that was read at an epoch second."""
        size = self._size_of(stored.entry)
        self._entries.append(stored)
        self._times_us.append(time_us_of(stored.entry))
        self._sizes.append(size)
        self._read_at.append(now)
        self.held_bytes += size
        if self._fit == len(self._entries) - 1:
            self._extend_fit()

    def step(self, reach: Reach, now: float) -> policy.Step:
        """What the policy says to do next."""
        return policy.next_step(self._settings, self._state, self._gathered(reach, now), now)

    def batch(self, stream: AnyStream, shard_id: ShardId, count: int) -> Batch:
        """The first records as a batch; none closes the window."""
        deliveries = self._state[0].deliveries if self._state else 0
        return Batch(
            stream,
            shard_id,
            tuple(self._entries[:count]),
            deliveries,
            self._window(),
            is_closing=not count,
            is_early=not count and self.windows.is_early(self._settings.tumbling_seconds),
        )

    def settle(self, batch: Batch, outcome: Outcome, now: float) -> None:
        """Take the outcome of a delivery; what was delivered is behind the lane."""
        count = len(batch.entries)
        self._state = policy.after_delivery(self._settings, self._state, count, outcome, now)
        match outcome:
            case Delivered(answer, state):
                self._pass(batch, count, state)
            case Partly(done, _, answer, state):
                self._pass(batch, done, state)
            case Failed(_, answer):
                pass
            case _:
                return  # nobody has answered
        self.answer = answer
        if self._state and self.windows.is_early(self._settings.tumbling_seconds):
            self._state = policy.closing_first(self._state)

    def give_up(self, batch: Batch) -> None:
        """Pass the records of a batch undelivered, or leave a window that cannot be closed."""
        count = len(batch.entries)
        self._state = policy.after_giving_up(self._state, count)
        self._pass(batch, count, None)

    def _pass(self, batch: Batch, count: int, state: bytes | None) -> None:
        self.passed += 1
        if batch.is_closing:
            self.windows = self.windows.closed(is_early=batch.is_early)
        elif batch.window is not None and state is not None:
            self.windows = self.windows.with_state(batch.window, state)
        self.held_bytes -= sum(self._sizes[:count])
        for kept in (self._entries, self._times_us, self._sizes, self._read_at):
            del kept[:count]
        self._fit = self._fit_bytes = 0
        self._extend_fit()

    def _extend_fit(self) -> None:
        """Count the first records that make one batch: at least one, whatever its size."""
        settings, sizes = self._settings, self._sizes
        while self._fit < min(len(sizes), settings.batch_records_max):
            size = self._fit_bytes + sizes[self._fit]
            if self._fit and size > settings.batch_bytes_max:
                return
            self._fit += 1
            self._fit_bytes = size

    def _window(self) -> Window | None:
        """The window of the next batch."""
        seconds = self._settings.tumbling_seconds
        if self.windows.open is not None or not seconds or not self._times_us:
            return self.windows.open
        return self.windows.current(seconds, self._times_us[0])

    def _gathered(self, reach: Reach, now: float) -> Gathered:
        fit = self._fit
        is_full = fit < len(self._entries) or fit == self._settings.batch_records_max
        is_full = is_full or reach.is_stalled
        closes_at = None
        window = self._window()
        if window is not None:
            closes_at = windows.closes_at(window)
            within = windows.count_within(window, self._times_us[:fit])
            if within < fit or reach.is_last or now >= closes_at:
                is_full, closes_at = True, min(closes_at, now)
            fit = within
            if self.windows.is_early(self._settings.tumbling_seconds):
                fit, closes_at = 0, min(closes_at, now)
            if self.windows.open is None:
                closes_at = None
        since = self._read_at[0] if self._read_at else now
        return Gathered(self._times_us, fit, since, is_full, reach.is_last, closes_at)
