"""A store in memory whose committer runs while a test's body does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from headwater.clock import ManualClock
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.memory import MemoryEngine


class MemoryStore:
    """Engine, clock, wake-ups and committer."""

    def __init__(self, engine: MemoryEngine | None = None) -> None:
        self.engine = engine or MemoryEngine()
        self.clock = ManualClock()
        self.wakeups = Wakeups()
        self.committer = Committer(self.engine, self.wakeups)


S = TypeVar("S", bound=MemoryStore)


def living(store: S, body: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Run the body while what it submits to the store is committed."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.committer.run())
            await body(store)
            store.committer.close()

    asyncio.run(main())


async def rest() -> None:
    """Let every task go on as far as it can without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)
