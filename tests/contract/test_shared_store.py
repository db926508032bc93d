"""What a store promises to several processes that have it open."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.storage.board import Board, Topic, new_board
from headwater.storage.engine import CommitGroup, Engine, Loaded, Mutations, Span, StoreInUse
from headwater.storage.hold import DirectoryHold, hold_directory
from headwater.storage.sqlite import Sharing, SqliteSettings, open_engine
from headwater.storage.turn import SharedTurn
from tests.shared_store import sharings

ROUNDS = 300
KEYS = tuple(b"%02d" % number for number in range(40))

# Counts up with each commit and keeps all keys alike, until it is told how often, or killed.
COUNTING = """
import asyncio, sys
from pathlib import Path
from headwater.clock import SystemClock
from headwater.storage.board import Board, Topic
from headwater.storage.hold import DirectoryHold
from headwater.storage.sqlite import Sharing, SqliteSettings, open_engine
from tests.contract.test_shared_store import count_up

async def main(directory, hold, board, place, rounds):
    commits = Board(int(board), 3, int(place)).counter(Topic.COMMITS)
    sharing = Sharing(DirectoryHold(int(hold)), commits)
    settings = SqliteSettings(is_strict=False)
    engine = open_engine(Path(directory), settings, SystemClock(), sharing)
    print("open", flush=True)
    for _ in range(int(rounds)):
        await count_up(engine)
    await engine.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def count_up(engine: Engine) -> int:
    """Add one to every key in one commit; returns what they were before."""
    before = 0

    def apply(loaded: Loaded) -> Mutations:
        nonlocal before
        numbers = {int(loaded[key] or b"0") for key in KEYS}
        assert len(numbers) == 1, "a commit was seen in part"
        (before,) = numbers
        return dict.fromkeys(KEYS, b"%d" % (before + 1))

    await engine.commit(CommitGroup((), KEYS, apply))
    return before


def _storing(value: bytes, _: Loaded) -> Mutations:
    return {b"k": value}


@asynccontextmanager
async def opened(directory: Path, count: int) -> AsyncIterator[list[Engine]]:
    engines = [
        open_engine(directory, SqliteSettings(is_strict=False), SystemClock(), sharing)
        for sharing in sharings(directory, count)
    ]
    try:
        yield list(engines)
    finally:
        for engine in engines:
            await engine.close()


def test_read_sees_what_another_has_committed_even_within_a_turn(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(tmp_path, 2) as (one, other):
            for number in range(20):
                assert await one.get([b"k"]) == await one.get([b"k"])  # a shared transaction is on
                value = b"%d" % number
                await other.commit(CommitGroup((), (), partial(_storing, value)))

                assert await one.get([b"k"]) == [value]
                assert await one.scan(Span(b"k", b"l", 1)) == [(b"k", value)]

    asyncio.run(body())


def test_turns_of_tasks_and_openers_do_not_overlap(tmp_path: Path) -> None:
    inside: list[int] = []

    async def visit(turn: SharedTurn) -> None:
        async with turn:
            inside.append(1)
            assert sum(inside) == 1
            await asyncio.sleep(0)
            inside.pop()

    async def body() -> None:
        turns = [SharedTurn(tmp_path) for _ in range(3)]
        await asyncio.gather(*(visit(turn) for turn in turns for _ in range(20)))
        for turn in turns:
            turn.close()

    asyncio.run(body())


def test_one_that_no_longer_waits_leaves_the_turn_to_others(tmp_path: Path) -> None:
    async def body() -> None:
        one, other = SharedTurn(tmp_path), SharedTurn(tmp_path)
        async with one:
            waiting = asyncio.ensure_future(other.__aenter__())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        async with asyncio.timeout(60):
            async with other:
                pass
            async with one:
                pass
        one.close()
        other.close()

    asyncio.run(body())


def test_processes_that_count_together_lose_nothing_and_see_no_part(tmp_path: Path) -> None:
    with counting(tmp_path, ROUNDS) as (processes, engine):

        async def body() -> None:
            seen = [await count_up(engine) for _ in range(ROUNDS)]
            assert seen == sorted(set(seen))
            while any(process.poll() is None for process in processes):
                assert len(set(await engine.get(KEYS))) == 1
                await asyncio.sleep(0)  # or the next would see the transaction of this one
            assert await engine.get([KEYS[0]]) == [b"%d" % (3 * ROUNDS)]
            await engine.close()

        asyncio.run(body())


def test_killed_process_stops_nobody(tmp_path: Path) -> None:
    with counting(tmp_path, 1_000_000) as (processes, engine):

        async def body() -> None:
            for process in processes:
                for _ in range(30):
                    await count_up(engine)
                process.send_signal(signal.SIGKILL)
                process.wait()
            before = await count_up(engine)
            assert await engine.get(KEYS) == [b"%d" % (before + 1)] * len(KEYS)
            await engine.close()

        asyncio.run(body())


def test_hold_lasts_as_long_as_any_of_its_processes(tmp_path: Path) -> None:
    hold = hold_directory(tmp_path)
    other = DirectoryHold(os.dup(hold.descriptor))
    hold.release()

    with pytest.raises(StoreInUse, match="in use by another server"):
        hold_directory(tmp_path)

    other.release()
    hold_directory(tmp_path).release()


class counting:  # noqa: N801 - used as the function that it is
    """Two processes that count up in a directory, and an engine of this one's beside them."""

    def __init__(self, directory: Path, rounds: int) -> None:
        self._directory = directory
        self._rounds = rounds
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> tuple[list[subprocess.Popen[str]], Engine]:
        hold, board = hold_directory(self._directory), new_board(3)
        for place in (1, 2):
            words = [self._directory, hold.descriptor, board, place, self._rounds]
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", COUNTING, *map(str, words)],
                    pass_fds=(hold.descriptor, board),
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        commits = Board(board, 3, 0).counter(Topic.COMMITS)
        os.close(board)
        settings = SqliteSettings(is_strict=False)
        sharing = Sharing(hold, commits)
        return self._processes, open_engine(self._directory, settings, SystemClock(), sharing)

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
