"""Batches for `async for`, one at a time; asking for the next confirms the one before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from headwater.consumer.batch import Batch


@dataclass(frozen=True, slots=True, eq=False)
class _Handed:
    """A batch and whether it came to be dealt with."""

    batch: Batch
    outcome: asyncio.Future[bool]


class BatchQueue:
    """Between the readers of shards and whoever iterates."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[_Handed | None] = asyncio.Queue()
        self._open: set[_Handed] = set()
        self._is_abandoned = False

    async def deliver(self, batch: Batch) -> bool:
        """Hand a batch out and wait until it is dealt with; False if it never will be."""
        if self._is_abandoned:
            return False
        handed = _Handed(batch, asyncio.get_running_loop().create_future())
        self._open.add(handed)
        self._waiting.put_nowait(handed)
        try:
            return await handed.outcome
        finally:
            self._open.discard(handed)

    def end(self) -> None:
        """Have iterations end once what waits is dealt with."""
        self._waiting.put_nowait(None)

    def abandon(self) -> None:
        """Nobody iterates any more: what is not confirmed never will be."""
        self._is_abandoned = True
        for handed in self._open:
            if not handed.outcome.done():
                handed.outcome.set_result(False)

    async def next(self) -> _Handed | None:
        """The next batch, or None at the end."""
        handed = await self._waiting.get()
        if handed is None:
            self._waiting.put_nowait(None)  # for whoever else iterates
        return handed


class Batches:
    """One iteration; several may share a consumer, each dealing with another batch."""

    def __init__(self, queue: BatchQueue) -> None:
        self._queue = queue
        self._last: _Handed | None = None

    def __aiter__(self) -> Batches:
        return self

    async def __anext__(self) -> Batch:
        if self._last is not None and not self._last.outcome.done():
            self._last.outcome.set_result(True)
        self._last = await self._queue.next()
        if self._last is None:
            raise StopAsyncIteration
        return self._last.batch
