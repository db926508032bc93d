"""A clock that is stopped and made to jump, under tasks that wait on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.clock import Clock, ManualClock, linger, pause
from headwater.lab.clock import ClockState, LabClock, NotAtRest

START = 1_700_000_000.0
PATIENCE = 60.0
UNMOVED = ClockState()


@dataclass
class Here:
    """A lab's clock over a machine's that the test commands, and what has happened, and when."""

    machine: ManualClock = field(default_factory=lambda: ManualClock(START))
    state: ClockState = UNMOVED
    happened: list[tuple[object, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = LabClock(self.machine, self.state)
        self.tasks: list[asyncio.Task[None]] = []

    def note(self, what: object) -> None:
        self.happened.append((what, self.clock.now() - START))

    def start(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        self.tasks.append(asyncio.ensure_future(run()))

    async def advance(self, seconds: float) -> None:
        await settled()
        await self.clock.advance(seconds, PATIENCE)

    async def pass_machine_time(self, seconds: float) -> None:
        await settled()
        self.machine.advance(seconds)
        await settled()


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def run(test: Callable[[Here], Awaitable[None]], state: ClockState = UNMOVED) -> Here:
    async def main() -> Here:
        here = Here(state=state)
        await test(here)
        for task in here.tasks:
            task.cancel()
        await asyncio.gather(*here.tasks, return_exceptions=True)
        return here

    return asyncio.run(main())


def test_it_runs_with_the_machine_from_where_it_stood() -> None:
    async def test(here: Here) -> None:
        here.note("began")
        here.clock.call_at(START + 105, lambda: here.note("due"))
        await here.pass_machine_time(10)
        here.note("ended")

    here = run(test, ClockState(ahead_seconds=100.0))

    assert here.happened == [("began", 100.0), ("due", 105.0), ("ended", 110.0)]


def test_frozen_time_stands_and_nothing_falls_due() -> None:
    async def test(here: Here) -> None:
        here.clock.call_at(START + 5, lambda: here.note("due"))
        here.clock.freeze()
        await here.pass_machine_time(10)
        here.note("frozen")
        here.clock.thaw()
        await here.pass_machine_time(5)

    assert run(test).happened == [("frozen", 0.0), ("due", 5.0)]


def test_what_is_past_already_is_called_though_time_stands_still() -> None:
    async def test(here: Here) -> None:
        here.clock.freeze()
        here.clock.call_at(START - 1, lambda: here.note("past"))
        await here.pass_machine_time(0)

    assert run(test).happened == [("past", 0.0)]


def test_advance_ends_frozen_if_it_began_so_and_running_if_not() -> None:
    async def test(here: Here) -> None:
        await here.advance(100)
        await here.pass_machine_time(1)
        here.note("ran")
        here.clock.freeze()
        await here.advance(100)
        await here.pass_machine_time(1)
        here.note("stood")

    here = run(test)

    assert here.happened == [("ran", 101.0), ("stood", 201.0)]
    assert here.clock.state == ClockState(frozen_at=START + 201)


def test_next_moment_comes_when_what_was_woken_waits_again() -> None:
    """The task needs many turns, more than the clock gives tasks that it does not know."""

    async def worker(here: Here) -> None:
        for round_ in range(3):
            await here.clock.sleep(10)
            await settled()
            here.note(round_)

    async def test(here: Here) -> None:
        here.start(worker(here))
        here.clock.call_at(START + 20.5, lambda: here.note("between"))
        await here.advance(100)

    assert run(test).happened == [(0, 10.0), (1, 20.0), ("between", 20.5), (2, 30.0)]


def test_task_that_an_event_has_woken_is_waited_for_too() -> None:
    async def reader(here: Here, woken: asyncio.Event) -> None:
        await here.clock.wait(woken, None, 60.0)
        await settled()
        here.note("read")

    async def test(here: Here) -> None:
        woken = asyncio.Event()
        here.start(reader(here, woken))
        await settled()
        here.clock.call_at(START + 1, woken.set)
        here.clock.call_at(START + 2, lambda: here.note("next"))
        await here.advance(3)

    assert run(test).happened == [("read", 1.0), ("next", 2.0)]


def test_work_that_says_so_is_waited_for() -> None:
    async def deliver(here: Here) -> None:
        with here.clock.working():
            await settled()
            here.note("delivered")

    async def test(here: Here) -> None:
        here.clock.call_at(START + 1, lambda: here.start(deliver(here)))
        here.clock.call_at(START + 2, lambda: here.note("next"))
        await here.advance(3)

    assert run(test).happened == [("delivered", 1.0), ("next", 2.0)]


def test_looks_within_a_jump_are_one_at_its_end() -> None:
    async def looker(here: Here) -> None:
        while True:
            await pause(here.clock, 1.0)
            here.note("look")

    async def test(here: Here) -> None:
        here.start(looker(here))
        here.clock.call_at(START + 500, lambda: here.note("due"))
        await here.advance(86_400)

    assert run(test).happened == [("due", 500.0), ("look", 86_400.0)]


def test_looks_and_lingering_go_on_while_time_stands_still() -> None:
    async def waiter(here: Here, how: Callable[[Clock, float], Awaitable[None]]) -> None:
        await how(here.clock, 2.0)
        here.note(how.__name__)

    async def test(here: Here) -> None:
        here.clock.freeze()
        for how in (pause, linger):
            here.start(waiter(here, how))
        await here.pass_machine_time(2)

    assert run(test).happened == [("pause", 0.0), ("linger", 0.0)]


def test_lingering_ends_in_its_turn_within_a_jump() -> None:
    async def waiter(here: Here) -> None:
        await linger(here.clock, 2.0)
        here.note("lingered")

    async def test(here: Here) -> None:
        here.start(waiter(here))
        here.clock.call_at(START + 3, lambda: here.note("due"))
        await here.advance(5)

    assert run(test).happened == [("lingered", 2.0), ("due", 3.0)]


def test_advance_that_does_not_come_to_rest_stays_where_it_is() -> None:
    async def stuck(here: Here) -> None:
        await here.clock.sleep(10)
        await asyncio.Event().wait()

    async def test(here: Here) -> None:
        here.start(stuck(here))
        await settled()
        here.clock.freeze()
        advancing = asyncio.ensure_future(here.clock.advance(100, PATIENCE))
        await here.pass_machine_time(PATIENCE)
        with pytest.raises(NotAtRest) as raised:
            await advancing
        here.note(raised.value.busy)

    ((busy, at),) = run(test).happened
    assert at == 10.0
    assert busy == ["Here.start.<locals>.run"]


def test_cancelled_timers_leave_nothing_behind() -> None:
    async def test(here: Here) -> None:
        for _ in range(1000):
            here.clock.call_at(START + 10, lambda: here.note("cancelled"))()
        here.clock.call_at(START + 5, lambda: here.note("kept"))
        await here.advance(20)

    here = run(test)
    assert here.happened == [("kept", 5.0)]
    assert here.clock.next_due_at is None


def test_time_does_not_go_back_when_it_runs_on() -> None:
    async def test(here: Here) -> None:
        moments = []
        for _ in range(50):
            here.machine.advance(0.1)
            here.clock.freeze()
            moments.append(here.clock.now())
            here.clock.thaw()
            moments.append(here.clock.now())
        assert moments == sorted(moments)

    run(test)


@dataclass(frozen=True)
class Sleeper:
    """A task that sleeps so long, one sleep after another, and works for some turns between."""

    sleeps: tuple[int, ...]
    turns: int


sleepers = st.lists(
    st.builds(
        Sleeper,
        st.lists(st.integers(1, 50), min_size=1, max_size=5).map(tuple),
        st.integers(0, 25),
    ),
    max_size=6,
)
jumps = st.lists(st.integers(0, 100), min_size=1, max_size=6)


@given(sleepers, jumps, st.booleans())
def test_jumps_have_the_order_and_the_times_of_time_that_passes(
    tasks: list[Sleeper], seconds: list[int], is_frozen: bool
) -> None:
    """Whatever the jumps, each sleep ends exactly at its time, and earlier ones end first."""

    async def sleep(here: Here, name: int, sleeper: Sleeper) -> None:
        for each in sleeper.sleeps:
            await here.clock.sleep(each)
            for _ in range(sleeper.turns):
                await asyncio.sleep(0)
            here.note(name)

    async def test(here: Here) -> None:
        if is_frozen:
            here.clock.freeze()
        for name, sleeper in enumerate(tasks):
            here.start(sleep(here, name, sleeper))
        for each in seconds:
            await here.advance(each)

    happened = run(test).happened

    end = sum(seconds)
    due = [
        (name, float(sum(sleeper.sleeps[: count + 1])))
        for name, sleeper in enumerate(tasks)
        for count in range(len(sleeper.sleeps))
    ]
    assert sorted(happened) == sorted(each for each in due if each[1] <= end)
    assert [at for _, at in happened] == sorted(at for _, at in happened)


def test_a_jump_is_quiet_until_what_falls_due_next() -> None:
    async def test(here: Here) -> None:
        async def ask() -> None:
            await here.clock.sleep(10)
            here.note(here.clock.quiet_until() - START)
            await here.clock.sleep(25)
            here.note(here.clock.quiet_until() - START)

        here.start(ask())
        here.start(here.clock.sleep(30))
        await here.advance(60)

    assert run(test).happened == [(30, 10), (60, 35)]


def test_nothing_is_quiet_while_another_task_is_at_work() -> None:
    async def test(here: Here) -> None:
        woken, done = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await here.clock.wait(woken, None, inf)
            await done.wait()

        async def ask() -> None:
            await here.clock.sleep(10)
            woken.set()
            await settled()
            here.note(here.clock.quiet_until() - START)
            done.set()

        here.start(work())
        here.start(ask())
        await here.advance(60)

    assert run(test).happened == [(10, 10)]


def test_time_that_does_not_jump_is_never_quiet() -> None:
    async def test(here: Here) -> None:
        here.note(here.clock.quiet_until() - START)
        here.clock.freeze()
        here.note(here.clock.quiet_until() - START)

    assert run(test).happened == [(0, 0), (0, 0)]
