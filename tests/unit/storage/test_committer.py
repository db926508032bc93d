from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import CommitGroup, Unavailable
from headwater.storage.memory import MemoryEngine


class Doing:
    """Work made of a function."""

    def __init__(self, reads: Sequence[bytes], function: Callable[[View], Any]) -> None:
        self.reads = reads
        self.run = function


class CountingEngine(MemoryEngine):
    """A memory engine that counts its commits, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.is_full = False
        self.is_faulty = False

    async def commit(self, group: CommitGroup) -> None:
        self.commits += 1
        if self.is_full:
            raise Unavailable("the disk is full")
        if self.is_faulty:
            raise RuntimeError("nobody expected this")
        await super().commit(group)


def running(
    body: Callable[[Committer, CountingEngine, Wakeups], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> None:
        engine = CountingEngine()
        wakeups = Wakeups()
        committer = Committer(engine, wakeups)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.run())
            await body(committer, engine, wakeups)
            committer.close()

    asyncio.run(main())


def increment(view: View) -> int:
    number = int(view.get(b"n") or b"0") + 1
    view.put(b"n", str(number).encode())
    return number


def test_work_waiting_together_makes_one_commit() -> None:
    async def body(committer: Committer, engine: CountingEngine, _: Wakeups) -> None:
        results = await asyncio.gather(
            *(committer.submit(Doing([b"n"], increment)) for _ in range(5))
        )

        assert (results, engine.commits) == ([1, 2, 3, 4, 5], 1)

    running(body)


def test_work_that_arrives_turn_after_turn_makes_one_commit() -> None:
    async def body(committer: Committer, engine: CountingEngine, _: Wakeups) -> None:
        submitted = []
        for _turn in range(3):
            await asyncio.sleep(0)
            submitted.append(committer.submit(Doing([b"n"], increment)))

        results = await asyncio.gather(*submitted)

        assert (results, engine.commits) == ([1, 2, 3], 1)

    running(body)


def test_work_that_raises_undoes_its_own_writes_alone() -> None:
    def fail(view: View) -> None:
        view.put(b"n", b"wrong")
        view.put(b"other", b"wrong")
        raise ValueError("no")

    async def body(committer: Committer, engine: CountingEngine, _: Wakeups) -> None:
        works = [Doing([b"n"], function) for function in (increment, fail, increment)]
        results = await asyncio.gather(*map(committer.submit, works), return_exceptions=True)

        assert results[0::2] == [1, 2]
        assert isinstance(results[1], ValueError)
        assert await engine.get([b"n", b"other"]) == [b"2", None]

    running(body)


def test_failed_commit_is_told_to_all_and_the_next_succeeds() -> None:
    async def body(committer: Committer, engine: CountingEngine, _: Wakeups) -> None:
        engine.is_full = True
        failures = await asyncio.gather(
            committer.submit(Doing([b"n"], increment)),
            committer.submit(Doing([b"n"], increment)),
            return_exceptions=True,
        )
        engine.is_full = False

        assert [type(failure) for failure in failures] == [Unavailable, Unavailable]
        assert await committer.submit(Doing([b"n"], increment)) == 1

    running(body)


def test_fault_of_the_engine_is_told_to_all_and_the_next_commit_succeeds() -> None:
    async def body(committer: Committer, engine: CountingEngine, _: Wakeups) -> None:
        engine.is_faulty = True
        failed = await asyncio.gather(
            *(committer.submit(Doing([b"n"], increment)) for _ in range(2)),
            return_exceptions=True,
        )
        engine.is_faulty = False

        number = await committer.submit(Doing([b"n"], increment))

        assert [type(each) for each in failed] == [RuntimeError, RuntimeError]
        assert number == 1

    running(body)


def test_reading_what_was_not_named_is_our_own_mistake() -> None:
    async def body(committer: Committer, _: CountingEngine, __: Wakeups) -> None:
        with pytest.raises(KeyError):
            await committer.submit(Doing([], increment))

    running(body)


def test_reader_is_woken_after_the_commit() -> None:
    async def body(committer: Committer, engine: CountingEngine, wakeups: Wakeups) -> None:
        event = asyncio.Event()
        wakeups.subscribe(b"shard", event)

        def write(view: View) -> None:
            view.put(b"n", b"1")
            view.wake(b"shard")

        committer.submit(Doing([], write))
        await event.wait()

        assert await engine.get([b"n"]) == [b"1"]

    running(body)


def test_failed_work_and_failed_commit_wake_nobody() -> None:
    def fail(view: View) -> None:
        view.wake(b"shard")
        raise ValueError("no")

    async def body(committer: Committer, engine: CountingEngine, wakeups: Wakeups) -> None:
        event = asyncio.Event()
        wakeups.subscribe(b"shard", event)
        with pytest.raises(ValueError, match="no"):
            await committer.submit(Doing([], fail))
        engine.is_full = True
        with pytest.raises(Unavailable):
            await committer.submit(Doing([], lambda view: view.wake(b"shard")))
        engine.is_full = False

        assert not event.is_set()

    running(body)


def test_unsubscribed_event_is_left_alone() -> None:
    event = asyncio.Event()
    wakeups = Wakeups()
    wakeups.subscribe(b"shard", event)
    wakeups.unsubscribe(b"shard", event)

    wakeups.wake({b"shard"})

    assert not event.is_set()


def test_closing_commits_what_was_taken_and_refuses_the_rest() -> None:
    async def body(committer: Committer, _: CountingEngine, __: Wakeups) -> None:
        taken = committer.submit(Doing([b"n"], increment))
        committer.close()
        refused = committer.submit(Doing([b"n"], increment))

        assert await taken == 1
        with pytest.raises(Unavailable, match="closing"):
            await refused

    running(body)


def test_caller_that_went_away_does_not_disturb_the_group() -> None:
    async def body(committer: Committer, _: CountingEngine, __: Wakeups) -> None:
        gone = committer.submit(Doing([b"n"], increment))
        stays = committer.submit(Doing([b"n"], increment))
        gone.cancel()

        assert await stays == 2

    running(body)
