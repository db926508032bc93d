"""Time and chance, the two things a test must be able to command.

Every part of the server receives a `Clock` and a `Chance`; nothing else reads the machine's time or
its source of randomness (a tidy test keeps it so). `SystemClock` and `SystemChance` are the real
ones. `ManualClock` stands still until told to advance and then runs what falls due, in order;
`SeededChance` repeats from its seed. The lab's clock, `lab/clock.py`, can be frozen and advanced
under a server that runs.

There are three manners of waiting, which differ when time stands still or jumps:

    sleep     for what is due at its moment: a retry, a window's end, an expiry
    pause     between looks for what nobody announces, or before a further try
    linger    where clients wait as well: it ends with either time

`wait` is for a task that others wake, and has all of that besides.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import random
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Clock(Protocol):
    """The time of day, and waiting for it."""

    def now(self) -> float:
        """Seconds since the epoch; never goes backwards within a process."""

    def monotonic(self) -> float:
        """Seconds for measuring a duration; its zero means nothing."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once `now()` has reached `when`; returns a function that cancels it."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""

    async def wait(self, woken: asyncio.Event, until: float | None, look_seconds: float) -> None:
        """Return once the event is set, an epoch second has come, or it is time for a look.

        Looks go on while time stands still, and of those within a jump only the last is made. So
        they are for that of which once more or less makes no difference.
        """

    def working(self) -> AbstractContextManager[None]:
        """What the body does is not at rest but while it waits on the clock: jumps wait for it.

        For tasks that do not wait on the clock themselves, and are waited for by one that does, or
        that have not yet waited on it.
        """


async def pause(clock: Clock, seconds: float) -> None:
    """Return after about so many seconds: between looks, and before a further try."""
    await clock.wait(asyncio.Event(), None, seconds)


async def linger(clock: Clock, seconds: float) -> None:
    """Return after so many seconds of the clock, or of the machine if time stands still."""
    await clock.wait(asyncio.Event(), clock.now() + seconds, seconds)


async def _wait(clock: Clock, woken: asyncio.Event, until: float) -> None:
    """Return once the event is set or an epoch second has come."""
    if until <= clock.now():
        await asyncio.sleep(0)
        return
    cancel = clock.call_at(until, woken.set)
    try:
        await woken.wait()
    finally:
        cancel()


class SystemClock:
    """The machine's clock, kept from stepping backwards.

    When the machine's is set back this one goes on at half its pace until they meet again: were it
    to stand still meanwhile, no function would run out of time and no retry would come due.

    wall, monotonic: of the machine; another pair is for tests.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._latest = 0.0
        self._ahead: tuple[float, float] | None = None  # since when: by this clock and monotonic

    def now(self) -> float:
        moment = self._wall()
        if moment < self._latest:
            return self._slowed()
        self._latest = moment
        self._ahead = None
        return moment

    def _slowed(self) -> float:
        """The time while the machine's is behind."""
        if self._ahead is None:
            self._ahead = (self._latest, self._monotonic())
        since, monotonic_since = self._ahead
        self._latest = since + (self._monotonic() - monotonic_since) / 2
        return self._latest

    def monotonic(self) -> float:
        return self._monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        return loop.call_later(max(0.0, when - self.now()), callback).cancel

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, woken: asyncio.Event, until: float | None, look_seconds: float) -> None:
        look_at = self.now() + look_seconds
        await _wait(self, woken, look_at if until is None else min(until, look_at))

    def working(self) -> AbstractContextManager[None]:
        return nullcontext()


class ManualClock:
    """A clock that moves only when told to; for tests and simulation."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        ticket = next(self._order)
        heapq.heappush(self._due, (when, ticket, callback))
        return lambda: self._cancelled.add(ticket)

    async def wait(self, woken: asyncio.Event, until: float | None, look_seconds: float) -> None:
        look_at = self._now + look_seconds
        await _wait(self, woken, look_at if until is None else min(until, look_at))

    def working(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def sleep(self, seconds: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        cancel = self.call_at(self._now + seconds, finish)
        try:
            await done
        finally:
            cancel()

    def advance(self, seconds: float) -> None:
        """Move on, calling back what falls due at its own time, earliest first."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            when, ticket, callback = heapq.heappop(self._due)
            if ticket in self._cancelled:
                self._cancelled.discard(ticket)
                continue
            self._now = max(self._now, when)
            callback()
        self._now = end


class Chance(Protocol):
    """A source of randomness."""

    def token(self, size: int) -> bytes:
        """So many random bytes."""

    def uuid(self) -> str:
        """A random UUID, in its usual lower-case form."""

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, for jitter."""


class SystemChance:
    """The operating system's randomness."""

    def token(self, size: int) -> bytes:
        return os.urandom(size)

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def uniform(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


class SeededChance:
    """Randomness that repeats from its seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeating is its purpose

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)
