"""Tasks that run beside something and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[Spawn]:
    """Tasks that run beside the body and are cancelled after it; one that fails ends the body.

    Gives a function that starts further ones.
    """
    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = group.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        for work in works:
            spawn(work)
        try:
            yield spawn
        finally:
            for task in tuple(tasks):
                task.cancel()
