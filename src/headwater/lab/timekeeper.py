"""Keeps the lab's clock from falling back: its state is stored before it moves.

A server that is killed in the middle of an advance comes up at the advance's end, so that nothing
it has stored is ever of a time to come. A server without the lab takes the machine's time, and
refuses a store that is ahead of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Final

import orjson

from headwater.clock import Clock
from headwater.lab.clock import ClockState, LabClock, NotAtRest
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine

_KEY: Final = keyspace.setting(keyspace.Setting.LAB_CLOCK)
_VERSION: Final = 1


class TimeAhead(Exception):
    """The store's time is ahead of the machine's by so many `seconds`: only the lab can run it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the time of the stored data is {seconds:.0f} seconds ahead of this machine's, "
            "because the lab's clock was advanced: start with --lab, or on another data directory"
        )
        self.seconds = seconds


class _Keep:
    """Work that stores the clock's state; None is that it is the machine's clock again."""

    def __init__(self, state: ClockState | None) -> None:
        self._state = state
        self.reads: list[bytes] = []

    def run(self, view: View) -> None:
        if self._state is None:
            view.delete(_KEY)
        else:
            view.put(_KEY, orjson.dumps({"v": _VERSION, **asdict(self._state)}))


async def load_state(engine: Engine) -> ClockState | None:
    """The state of a store's clock, or None if the lab has never moved it."""
    (stored,) = await engine.get([_KEY])
    if stored is None:
        return None
    fields = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored clock has a version this code does not know"
    return ClockState(**fields)


async def leave_lab(engine: Engine, committer: Committer, machine: Clock) -> None:
    """Have a store go by the machine's clock from now on. Raises TimeAhead if it would go back."""
    state = await load_state(engine)
    if state is None:
        return
    now = machine.now()
    if state.now(now) > now:
        raise TimeAhead(state.now(now) - now)
    await committer.submit(_Keep(None))


class Timekeeper:
    """Moves the lab's clock, one command at a time."""

    def __init__(self, clock: LabClock, committer: Committer) -> None:
        self.clock = clock
        self._committer = committer
        self._turn = asyncio.Lock()

    async def advance(self, seconds: float, timeout_seconds: float) -> None:
        """Advance; raises NotAtRest, and the time stays where it has come to."""
        async with self._turn:
            await self._keep(self.clock.state.later(seconds))
            try:
                await self.clock.advance(seconds, timeout_seconds)
            except NotAtRest:
                await self._keep(self.clock.state)
                raise

    async def freeze(self) -> None:
        """Have time stand still, if it does not."""
        async with self._turn:
            self.clock.freeze()
            await self._keep(self.clock.state)

    async def thaw(self) -> None:
        """Have time run on, if it stands still."""
        async with self._turn:
            self.clock.thaw()
            await self._keep(self.clock.state)

    async def _keep(self, state: ClockState) -> None:
        await self._committer.submit(_Keep(state))
