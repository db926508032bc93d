"""The lab's clock: a server's time of day, which a test can stop and make jump.

It runs at the machine's pace, ahead of it or behind, until it is frozen. Whatever is due waits in
one queue. `advance` holds the time still at one due moment after another, calls back there what is
due, and goes on to the next once all that this woke has come to rest: so 24 hours that jump have
the effects of 24 hours that pass, in their order.

*At rest* is told by the clock itself: a task that has waited on it and does not is at work, and the
clock goes on when it waits again or is over; so is one that says so (`working`), such as one that
delivers a batch. Other tasks, such as those of requests and those that were started this moment,
are given a few turns of the event loop.

Looks go by the machine's time, also while this one stands still. In a jump those
that fall due are made once, at its end: a look every second for 24 hours is one, not 86,400.

Must not go by this clock, but by the machine's, what is about real processes and networks: the skew
of signatures, slow clients, time-outs of functions and their idle workers, the grace of a stop,
whatever is measured, and the lab's own waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from headwater.clock import Clock

_QUIET_TURNS: Final = 10
_CANCELLED_MIN: Final = 64  # fewer are not worth rebuilding the queue for


@dataclass(frozen=True, slots=True)
class ClockState:
    """How the clock stands to the machine's, as it is stored.

    ahead_seconds: of the machine's clock, while it runs. frozen_at: the epoch second at which it
    stands, or None if it runs.
    """

    ahead_seconds: float = 0.0
    frozen_at: float | None = None

    def now(self, machine_now: float) -> float:
        """The time, when it is this epoch second by the machine."""
        return machine_now + self.ahead_seconds if self.frozen_at is None else self.frozen_at

    def later(self, seconds: float) -> ClockState:
        """The state after an advance."""
        if self.frozen_at is None:
            return ClockState(self.ahead_seconds + seconds)
        return ClockState(frozen_at=self.frozen_at + seconds)


class NotAtRest(Exception):
    """Time ran out before all that an advance had woken was at rest; `busy` names tasks."""

    def __init__(self, busy: list[str]) -> None:
        super().__init__("what fell due has not come to rest")
        self.busy = busy


class _Timer:
    """A call that is to come."""

    __slots__ = ("callback", "is_over", "ticket", "when")

    def __init__(self, when: float, ticket: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.ticket = ticket
        self.callback = callback
        self.is_over = False

    def __lt__(self, other: _Timer) -> bool:
        return (self.when, self.ticket) < (other.when, other.ticket)


class LabClock:
    """A `Clock` over the machine's. `advance` is called by one task at a time."""

    def __init__(self, machine: Clock, state: ClockState = ClockState()) -> None:
        self._machine = machine
        self._ahead = state.ahead_seconds
        self._held = state.frozen_at  # the time, while it does not run
        self._is_frozen = state.frozen_at is not None
        self._jump_end: float | None = None  # the time to which it is advancing
        self._latest = 0.0
        self._tickets = itertools.count()
        self._due: list[_Timer] = []
        self._cancelled = 0  # of those in `_due`
        self._looks: dict[_Timer, Callable[[], None]] = {}  # how to cancel the machine's call
        self._unset: Callable[[], None] = _nothing
        self._tasks = _Tasks()

    # Clock

    def now(self) -> float:
        if self._held is not None:
            return self._held
        # A sum of floats may come out smaller than the moment that one of them was made from.
        self._latest = max(self._latest, self._machine.now() + self._ahead)
        return self._latest

    def monotonic(self) -> float:
        return self._machine.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        timer = _Timer(when, next(self._tickets), callback)
        heapq.heappush(self._due, timer)
        if self._due[0] is timer:
            self._set()
        return lambda: self._cancel(timer)

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.Event(), self.now() + seconds, inf)

    async def wait(self, woken: asyncio.Event, until: float | None, look_seconds: float) -> None:
        if until is not None and until <= self.now():
            await asyncio.sleep(0)
            return
        cancel_due = _nothing if until is None else self.call_at(until, woken.set)
        cancel_look = _nothing if look_seconds == inf else self._look_after(look_seconds, woken.set)
        try:
            with self._tasks.waiting():
                await woken.wait()
        finally:
            cancel_due()
            cancel_look()

    def working(self) -> AbstractContextManager[None]:
        return self._tasks.working()

    # the lab

    @property
    def is_frozen(self) -> bool:
        return self._is_frozen

    @property
    def state(self) -> ClockState:
        if self._is_frozen:
            return ClockState(frozen_at=self._held)
        return ClockState(self._ahead)

    @property
    def ahead_seconds(self) -> float:
        """How far it is ahead of the machine's clock now."""
        return self.now() - self._machine.now()

    @property
    def next_due_at(self) -> float | None:
        """The epoch second at which the next thing falls due, as far as there is one."""
        self._drop_cancelled()
        return self._due[0].when if self._due else None

    def quiet_until(self) -> float:
        """The time up to which a jump goes without a stop, but for what the asking task will do.

        The time itself while nothing jumps, or while others are at work, who may yet say what is to
        fall due.
        """
        if self._jump_end is None or not self._tasks.is_alone:
            return self.now()
        due_at = self.next_due_at
        return self._jump_end if due_at is None else min(due_at, self._jump_end)

    def freeze(self) -> None:
        """Stand still from now on."""
        self._hold()
        self._is_frozen = True

    def thaw(self) -> None:
        """Run on from where it stands."""
        if self._is_frozen:
            self._is_frozen = False
            self._run_on(self.now() - self._machine.now())

    async def advance(self, seconds: float, timeout_seconds: float) -> None:
        """Go on by so many seconds, having what falls due called at its moment, in order.

        Meanwhile the time does not run; afterwards it runs again unless it is frozen. Nothing moves
        before what is at work now has come to rest, and it returns when all is at rest at the end.
        Raises NotAtRest when so many seconds of the machine have passed; the time stays at the
        moment it has come to.
        """
        end = self.now() + seconds
        ahead = self._ahead + seconds  # what it takes of the machine's time passes as well
        self._jump_end = end
        self._hold()
        deadline = _Deadline(self._machine, timeout_seconds, self._tasks)
        try:
            await self._tasks.rest(deadline)
            while True:
                while (timer := self._next(end)) is not None:
                    self._held = max(self.now(), timer.when)
                    self._ring(timer)
                    await self._tasks.rest(deadline)
                self._held = end
                looks = sorted(look for look in self._looks if look.when <= end)
                if not looks:
                    break
                for look in looks:
                    self._make(look)
                await self._tasks.rest(deadline)
        except BaseException:
            ahead = self.now() - self._machine.now()
            raise
        finally:
            deadline.cancel()
            self._jump_end = None
            if self._is_frozen:
                self._set()
            else:
                self._run_on(ahead)

    # how it goes

    def _hold(self) -> None:
        self._held = self.now()
        self._set()

    def _run_on(self, ahead: float) -> None:
        self._latest = self.now()
        self._held = None
        self._ahead = ahead
        self._set()

    def _set(self) -> None:
        """Have the machine call when the next timer is due, if that comes about by itself."""
        self._unset()
        self._unset = _nothing
        self._drop_cancelled()
        if not self._due or self._jump_end is not None:
            return
        left = self._due[0].when - self.now()
        if self._held is None or left <= 0:
            self._unset = self._machine.call_at(self._machine.now() + left, self._ring_due)

    def _ring_due(self) -> None:
        now = self.now()
        while (timer := self._next(now)) is not None:
            self._ring(timer)
        self._set()

    def _next(self, end: float) -> _Timer | None:
        """The next timer, taken out of the queue, if it is due by an epoch second."""
        self._drop_cancelled()
        if self._due and self._due[0].when <= end:
            return heapq.heappop(self._due)
        return None

    def _ring(self, timer: _Timer) -> None:
        timer.is_over = True
        timer.callback()

    def _look_after(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after so many seconds of the machine; returns a function that cancels it."""
        look = _Timer(self.now() + seconds, next(self._tickets), callback)
        due_at = self._machine.now() + seconds
        self._looks[look] = self._machine.call_at(due_at, lambda: self._make(look))
        return lambda: self._looks.pop(look, _nothing)()

    def _make(self, look: _Timer) -> None:
        self._looks.pop(look, _nothing)()
        self._ring(look)

    def _cancel(self, timer: _Timer) -> None:
        if timer.is_over:
            return
        timer.is_over = True
        self._cancelled += 1
        if self._cancelled > max(_CANCELLED_MIN, len(self._due) // 2):
            self._due = [each for each in self._due if not each.is_over]
            heapq.heapify(self._due)
            self._cancelled = 0

    def _drop_cancelled(self) -> None:
        while self._due and self._due[0].is_over:
            heapq.heappop(self._due)
            self._cancelled -= 1


class _Tasks:
    """The tasks that have waited on the clock, and those among them that are at work."""

    def __init__(self) -> None:
        self._known: set[asyncio.Task[Any]] = set()
        self._busy: set[asyncio.Task[Any]] = set()
        self.changed = asyncio.Event()

    @property
    def is_alone(self) -> bool:
        """Whether no task but the one that runs is at work."""
        return self._busy <= {asyncio.current_task()}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The task that runs waits on the clock within the body."""
        task = asyncio.current_task()
        assert task is not None, "who waits is a task"
        if task not in self._known:
            self._known.add(task)
            task.add_done_callback(self._forget)
        self._at_rest(task)
        try:
            yield
        finally:
            self._busy.add(task)

    @contextmanager
    def working(self) -> Iterator[None]:
        """The task that runs is at work within the body."""
        task = asyncio.current_task()
        assert task is not None, "who works is a task"
        self._busy.add(task)
        try:
            yield
        finally:
            self._at_rest(task)

    async def rest(self, deadline: _Deadline) -> None:
        """Return when none is at work, nor has been for some turns of the loop.

        Raises NotAtRest when time runs out.
        """
        quiet_turns = 0
        while quiet_turns < _QUIET_TURNS:
            if deadline.has_passed:
                raise NotAtRest(sorted(_name(task) for task in self._busy))
            if self._busy:
                quiet_turns = 0
                self.changed.clear()
                await self.changed.wait()
            else:
                quiet_turns += 1
                await asyncio.sleep(0)

    def _at_rest(self, task: asyncio.Task[Any]) -> None:
        self._busy.discard(task)
        if not self._busy:
            self.changed.set()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._known.discard(task)
        self._at_rest(task)


class _Deadline:
    """When an advance gives up, by the machine's clock."""

    def __init__(self, machine: Clock, seconds: float, tasks: _Tasks) -> None:
        self.has_passed = False
        self._tasks = tasks
        self.cancel = machine.call_at(machine.now() + seconds, self._pass)

    def _pass(self) -> None:
        self.has_passed = True
        self._tasks.changed.set()


def _name(task: asyncio.Task[Any]) -> str:
    """What a task runs."""
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def _nothing() -> None:
    """There is nothing to cancel."""
