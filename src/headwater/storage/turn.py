"""Whose turn it is to write, where several processes share a store.

SQLite has one writer. A process that finds the file locked sleeps by SQLite's own means, up to a
tenth of a second at a time and with its event loop standing still. Here the turn is the operating
system's lock on a file beside the store: free, it is taken at once; else a thread waits for it
while the loop goes on and gathers more work. It ends with the process, however that ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path


class SharedTurn:
    """An asynchronous context manager: inside, no other process and no other task is."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(
            directory / "headwater.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        self._is_open = True
        self._tasks = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headwater-turn")

    async def __aenter__(self) -> None:
        await self._tasks.acquire()
        try:
            if self._is_taken_at_once():
                return
        except BaseException:
            self._tasks.release()
            raise
        waiting = self._thread.submit(fcntl.flock, self._descriptor, fcntl.LOCK_EX)
        try:
            await asyncio.shield(asyncio.wrap_future(waiting))
        except asyncio.CancelledError:
            self._give_back_later(waiting)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._give()

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """The turn for a process that has nothing else to do: one that opens the store."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Have no part in it any more; afterwards only this process's tasks are kept apart."""
        self._thread.shutdown()
        os.close(self._descriptor)
        self._is_open = False

    def _is_taken_at_once(self) -> bool:
        if not self._is_open:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _give(self) -> None:
        if self._is_open:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._tasks.release()

    def _give_back_later(self, waiting: Future[None]) -> None:
        """The thread goes on waiting; what it gets nobody wants any more."""
        loop = asyncio.get_running_loop()
        waiting.add_done_callback(lambda _: loop.call_soon_threadsafe(self._give))
