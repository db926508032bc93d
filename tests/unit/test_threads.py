"""Blocking calls that nobody has to wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from headwater.threads import Threads

HANGS = """
import asyncio, threading
from headwater.threads import Threads

async def main():
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang():
        loop.call_soon_threadsafe(begun.set)
        threading.Event().wait()

    call = asyncio.create_task(Threads(1).run(hang))
    await begun.wait()
    call.cancel()

asyncio.run(main())
"""


def test_call_gives_its_result_or_raises() -> None:
    async def body() -> None:
        threads = Threads(1)

        def fail() -> None:
            raise ValueError("so")

        assert await threads.run(lambda: 7) == 7
        with pytest.raises(ValueError, match="so"):
            await threads.run(fail)

    asyncio.run(body())


def test_no_more_calls_are_under_way_than_may_be() -> None:
    under_way = 0
    most = 0
    lock = threading.Lock()

    def call() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1

    async def body() -> None:
        threads = Threads(2)
        await asyncio.gather(*(threads.run(call) for _ in range(50)))

    asyncio.run(body())
    assert 1 <= most <= 2


def test_cancelled_call_is_left_behind_and_has_its_turn_until_it_ends() -> None:
    gate = threading.Event()

    async def body() -> None:
        threads = Threads(1)
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def hang() -> None:
            loop.call_soon_threadsafe(begun.set)
            gate.wait()

        call = asyncio.create_task(threads.run(hang))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
        following = asyncio.create_task(threads.run(gate.is_set))
        for _ in range(100):
            await asyncio.sleep(0)
        gate.set()

        assert call.cancelled()
        assert await following

    asyncio.run(body())


def test_process_ends_while_a_call_hangs() -> None:
    subprocess.run([sys.executable, "-c", HANGS], check=True, timeout=120)
