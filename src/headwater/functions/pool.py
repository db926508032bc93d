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
from typing import Final, Self

from headwater import limits
from headwater.errors import FunctionNotFound, ServiceException, TooManyRequestsException
from headwater.functions.concurrency import Concurrency
from headwater.functions.crew import Crew
from headwater.functions.function import FunctionVersion
from headwater.functions.outcome import InvokeResult
from headwater.functions.worker import Request, WorkerSettings
from headwater.storage.tally import OwnTally, Tally

_ALONE: Final = Concurrency()


class Pool:
    """All workers of this server; an asynchronous context manager."""

    def __init__(
        self,
        settings: WorkerSettings,
        workers_max: int = limits.function_workers_default,
        tally: Tally | None = None,
    ) -> None:
        """workers_max: for each function. The settings' scratch folder becomes the pool's own.

        tally: of what is under way in the whole server; without one, the pool is alone.
        """
        self._settings = settings
        self._workers_max = workers_max
        self._crews: dict[tuple[str, str], Crew] = {}  # by function and version
        # By function where it has its own concurrency, by region for all others.
        self._tally = tally or OwnTally()
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
        self, function: FunctionVersion, request: Request, may: Concurrency = _ALONE
    ) -> InvokeResult:
        """Run a function once, to its end.

        Raises TooManyRequestsException if more are under way than may be, those that wait for a
        worker among them, FunctionNotFound if it has been deleted, and ServiceException if no
        worker could be started or the server stops: then the function may have run or not.
        Cancelling ends the invocation and its worker.
        """
        reserved = may.reserved
        if reserved is None:
            share, most = function.region, may.unreserved
        else:
            share, most = function.arn, reserved
        end = await self._tally.begin(share, most)
        if end is None:
            raise _throttled(is_reserved=reserved is not None)
        try:
            if not self._is_open:
                raise _stopping()
            return await self._crew(function).invoke(function, request, reserved)
        finally:
            end()

    def is_warm(self, arn: str, version: str) -> bool:
        """Whether a version of a function was invoked before."""
        return (arn, version) in self._crews

    def renew(self, function: FunctionVersion) -> None:
        """It changed: a worker of it starts ahead of need, if one was warm."""
        if self._is_open:
            self._crew(function).renew(function)

    def _crew(self, function: FunctionVersion) -> Crew:
        key = function.arn, function.version
        crew = self._crews.get(key)
        if crew is None:
            crew = Crew(self._settings, self._workers_max, self._tasks.create_task)
            self._crews[key] = crew
        return crew

    def forget(self, arn: str, version: str | None = None) -> None:
        """A function, or one version, was deleted: end its workers, refuse what waits for them."""
        for key in [key for key in self._crews if key[0] == arn and version in (None, key[1])]:
            self._crews[key].disband(FunctionNotFound(f"Function not found: {arn}"))


def _throttled(*, is_reserved: bool) -> TooManyRequestsException:
    kind = "ReservedFunctionConcurrent" if is_reserved else "Concurrent"
    reason = f"{kind}InvocationLimitExceeded"
    return TooManyRequestsException(members={"Reason": reason, "Type": "User"})


def _stopping() -> ServiceException:
    return ServiceException("The server is stopping.")


def _make_empty(folder: Path) -> None:
    """What a crashed server's workers left there is nobody's any more."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o711)
