"""Blocking calls in threads that nobody has to wait for.

The pools of the standard library are waited for when a process ends, by the loop or by the
interpreter: a server that hangs in somebody else's would take a minute to stop. Here a thread is
begun for each call, which costs little beside a call over a network, and is left behind if the one
who waits for it is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class Threads:
    """Takes so many calls at once; further ones wait for their turn. Of one loop.

    A call that is left behind has its turn until it ends, so there are never more threads.
    """

    def __init__(self, calls_max: int) -> None:
        self._turns = asyncio.Semaphore(calls_max)

    async def run(self, call: Callable[[], Result]) -> Result:
        """What a call gives or raises. Cancelled, this ends at once, and the call when it does."""
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        future: Future[Result] = Future()

        def work() -> None:
            _settle(future, call)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody needs the turn
                loop.call_soon_threadsafe(self._turns.release)

        try:
            Thread(target=work, daemon=True).start()
        except RuntimeError:  # the machine has no more threads
            self._turns.release()
            raise
        return await asyncio.wrap_future(future)


def _settle(future: Future[Result], call: Callable[[], Result]) -> None:
    """Make a call, and tell what becomes of it unless nobody waits any more."""
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
        with contextlib.suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with contextlib.suppress(InvalidStateError):
            future.set_result(result)
