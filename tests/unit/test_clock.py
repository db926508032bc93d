"""Time and chance as tests command them, and the real ones' promises."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from headwater.clock import ManualClock, SeededChance, SystemChance, SystemClock


def test_manual_clock_stands_still_until_told() -> None:
    clock = ManualClock(100.0)

    before = (clock.now(), clock.monotonic())
    clock.advance(2.5)

    assert (before, clock.now(), clock.monotonic()) == ((100.0, 100.0), 102.5, 102.5)


def test_what_falls_due_is_called_in_order_at_its_time() -> None:
    clock, calls = ManualClock(0.0), []
    for when in (3.0, 1.0, 2.0, 9.0):
        clock.call_at(when, lambda when=when: calls.append((when, clock.now())))  # type: ignore[misc]

    clock.advance(3.0)

    assert calls == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert clock.now() == 3.0


def test_calls_of_the_same_moment_keep_their_order() -> None:
    clock, calls = ManualClock(0.0), []
    clock.call_at(1.0, lambda: calls.append("first"))
    clock.call_at(1.0, lambda: calls.append("second"))

    clock.advance(1.0)

    assert calls == ["first", "second"]


def test_call_for_the_past_is_made_without_going_back() -> None:
    clock, moments = ManualClock(10.0), []
    clock.call_at(5.0, lambda: moments.append(clock.now()))

    clock.advance(0.0)

    assert moments == [10.0]


def test_call_that_calls_again_within_the_advance_is_called() -> None:
    clock, moments = ManualClock(0.0), []

    def again() -> None:
        moments.append(clock.now())
        clock.call_at(clock.now() + 1.0, again)

    clock.call_at(1.0, again)

    clock.advance(3.5)

    assert moments == [1.0, 2.0, 3.0]


def test_cancelled_call_is_not_made() -> None:
    clock, calls = ManualClock(0.0), []
    cancel = clock.call_at(1.0, lambda: calls.append(1))
    clock.call_at(2.0, lambda: calls.append(2))

    cancel()
    cancel()
    clock.advance(5.0)

    assert calls == [2]


def test_sleeper_wakes_when_its_time_has_come() -> None:
    async def main() -> list[bool]:
        clock = ManualClock()
        sleeper = asyncio.ensure_future(clock.sleep(10.0))
        awake = []
        for seconds in (9.9, 0.1):
            await asyncio.sleep(0)
            clock.advance(seconds)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            awake.append(sleeper.done())
        return awake

    assert asyncio.run(main()) == [False, True]


def test_sleeper_can_be_cancelled() -> None:
    async def main() -> None:
        clock = ManualClock()
        sleeper = asyncio.ensure_future(clock.sleep(10.0))
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        clock.advance(20.0)

    asyncio.run(main())


def test_system_clock_never_goes_back() -> None:
    clock = SystemClock()

    moments = [clock.now() for _ in range(1000)]

    assert moments == sorted(moments)


def test_system_clock_calls_at_once_for_the_past() -> None:
    async def main() -> bool:
        clock, called = SystemClock(), asyncio.Event()
        clock.call_at(clock.now() - 60.0, called.set)
        return await asyncio.wait_for(called.wait(), 60.0)

    assert asyncio.run(main())


def test_system_clock_can_be_told_not_to_call() -> None:
    async def main() -> list[str]:
        clock, calls, over = SystemClock(), [], asyncio.Event()
        clock.call_at(clock.now(), lambda: calls.append("cancelled"))()
        clock.call_at(clock.now(), over.set)
        await asyncio.wait_for(over.wait(), 60.0)
        return calls

    assert asyncio.run(main()) == []


def test_seeded_chance_repeats_from_its_seed() -> None:
    def drawn(seed: int) -> tuple[bytes, str, float]:
        chance = SeededChance(seed)
        return chance.token(8), chance.uuid(), chance.uniform(1.0, 2.0)

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


@pytest.mark.parametrize("chance", [SystemChance(), SeededChance(1)])
def test_chance_draws_what_is_asked_for(chance: SystemChance | SeededChance) -> None:
    ids = {chance.uuid() for _ in range(100)}

    assert len(ids) == 100
    assert {uuid.UUID(each).version for each in ids} == {4}
    assert len(chance.token(20)) == 20
    assert all(3.0 <= chance.uniform(3.0, 4.0) <= 4.0 for _ in range(100))
