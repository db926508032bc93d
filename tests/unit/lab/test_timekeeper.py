"""How the lab's clock stands is stored before it moves, and no server goes back behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from headwater.clock import ManualClock
from headwater.lab.clock import ClockState, LabClock, NotAtRest
from headwater.lab.timekeeper import TimeAhead, Timekeeper, leave_lab, load_state
from headwater.storage import keyspace
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.memory import MemoryEngine

START = 1_700_000_000.0


class Here:
    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.committer = Committer(self.engine, Wakeups())
        self.machine = ManualClock(START)
        self.clock = LabClock(self.machine)
        self.timekeeper = Timekeeper(self.clock, self.committer)

    async def stored(self) -> ClockState | None:
        return await load_state(self.engine)


def run(test: Callable[[Here], Awaitable[None]]) -> None:
    async def main() -> None:
        here = Here()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(here.committer.run())
            await test(here)
            here.committer.close()

    asyncio.run(main())


def test_every_move_is_stored() -> None:
    async def test(here: Here) -> None:
        states = [await here.stored()]
        for move in (
            here.timekeeper.advance(3600, 60),
            here.timekeeper.freeze(),
            here.timekeeper.advance(60, 60),
            here.timekeeper.thaw(),
        ):
            await move
            states.append(await here.stored())

        assert states == [
            None,
            ClockState(3600.0),
            ClockState(frozen_at=START + 3600),
            ClockState(frozen_at=START + 3660),
            ClockState(3660.0),
        ]

    run(test)


def test_end_of_an_advance_is_stored_before_anything_falls_due() -> None:
    """Else a server that is killed in the middle would come up before what it has stored."""

    async def test(here: Here) -> None:
        seen = []

        async def look() -> None:
            await here.clock.sleep(10)
            seen.append(await here.stored())

        looking = asyncio.ensure_future(look())
        await asyncio.sleep(0)
        await here.timekeeper.advance(100, 60)
        await looking

        assert seen == [ClockState(100.0)]

    run(test)


def test_advance_in_vain_stores_where_it_has_come_to() -> None:
    async def test(here: Here) -> None:
        async def stuck() -> None:
            await here.clock.sleep(10)
            await asyncio.Event().wait()

        waiting = asyncio.ensure_future(stuck())
        await asyncio.sleep(0)
        advancing = asyncio.ensure_future(here.timekeeper.advance(100, 60))
        for _ in range(50):
            await asyncio.sleep(0)
        here.machine.advance(60)
        with pytest.raises(NotAtRest):
            await advancing
        waiting.cancel()

        state = await here.stored()
        assert state is not None
        assert state.ahead_seconds <= 10.0

    run(test)


def test_server_without_the_lab_refuses_a_store_that_is_ahead() -> None:
    async def test(here: Here) -> None:
        await here.timekeeper.advance(3600, 60)

        with pytest.raises(TimeAhead, match=r"3600 seconds ahead .* start with --lab"):
            await leave_lab(here.engine, here.committer, here.machine)

    run(test)


def test_server_without_the_lab_goes_on_from_a_store_that_is_behind() -> None:
    async def test(here: Here) -> None:
        await here.timekeeper.freeze()
        here.machine.advance(60)

        await leave_lab(here.engine, here.committer, here.machine)

        assert await here.stored() is None

    run(test)


def test_stored_form_is_as_it_was() -> None:
    async def test(here: Here) -> None:
        await here.timekeeper.freeze()

        assert await here.engine.get([keyspace.setting(keyspace.Setting.LAB_CLOCK)]) == [
            b'{"v":1,"ahead_seconds":0.0,"frozen_at":1700000000.0}'
        ]

    run(test)
