"""All workers of a server, kept warm per function.

A function's invocations are its crew's (crew.py): they take an idle worker or wait in order for
one. Workers of an older revision end with what they run, idle ones end after a while, and one that
dies while idle is dropped without a word. Leaving the pool ends them all.

Knows nothing of retries: how an invocation failed is the caller's to judge.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from headwater import limits
from headwater.errors import FunctionNotFound, ServiceException
from headwater.functions.crew import Crew
from headwater.functions.function import FunctionVersion
from headwater.functions.log import LogLine
from headwater.functions.outcome import InvokeResult
from headwater.functions.worker import WorkerSettings


class Pool:
    """All workers of this server; an asynchronous context manager."""

    def __init__(
        self, settings: WorkerSettings, workers_max: int = limits.function_workers_max
    ) -> None:
        """workers_max: for each function. The settings' scratch folder becomes the pool's own."""
        self._settings = settings
        self._workers_max = workers_max
        self._crews: dict[str, Crew] = {}
        self._tasks = asyncio.TaskGroup()
        self._is_open = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(_make_empty, self._settings.scratch)
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all workers and wait for it; what runs or waits is told that the server stops."""
        if not self._is_open:
            return
        self._is_open = False
        for crew in self._crews.values():
            crew.disband(_stopping())
        try:
            for crew in self._crews.values():
                await crew.wait_until_gone()
        finally:
            await self._tasks.__aexit__(None, None, None)
        await asyncio.to_thread(shutil.rmtree, self._settings.scratch, ignore_errors=True)

    async def invoke(
        self, function: FunctionVersion, payload: bytes, request_id: str
    ) -> InvokeResult:
        """Run a function once, to its end.

        payload: JSON. request_id: unique among running invocations.
        Raises TooManyRequestsException if too many wait already, FunctionNotFound if it has been
        deleted, and ServiceException if no worker could be started or the server stops: then the
        function may have run or not. Cancelling the call ends the invocation and its worker.
        """
        if not self._is_open:
            raise _stopping()
        crew = self._crews.get(function.arn)
        if crew is None:
            crew = Crew(self._settings, self._workers_max, self._tasks.create_task)
            self._crews[function.arn] = crew
        return await crew.invoke(function, payload, request_id)

    def forget(self, arn: str) -> None:
        """A function was deleted: end its workers and refuse what waits for them."""
        crew = self._crews.get(arn)
        if crew is not None:
            crew.disband(FunctionNotFound(f"Function not found: {arn}"))

    def log(self, arn: str) -> list[LogLine]:
        """The latest lines of a function's log, oldest first."""
        crew = self._crews.get(arn)
        return crew.log.lines() if crew is not None else []


def _stopping() -> ServiceException:
    return ServiceException("The server is stopping.")


def _make_empty(folder: Path) -> None:
    """What a crashed server's workers left there is nobody's any more."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
