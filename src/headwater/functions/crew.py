"""The workers of one version of a function: who is free, who waits, when to start one more.

Invocations wait in order. A new worker is started only when more of them wait than there are
workers about to ask for an event (starting, or answered and on their way back), so a caller that
invokes one after the other keeps one warm worker. Where several run at once and none is free, one
more is started ahead of need; and where a function's code changes, a successor of its warm workers.
The most recently used worker is taken first, and the rest can grow old and retire.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Coroutine

from headwater import limits
from headwater.errors import FunctionNotFound, ServiceException
from headwater.functions.function import FunctionVersion
from headwater.functions.outcome import InvokeResult
from headwater.functions.worker import Invocation, Request, State, Worker, WorkerSettings

RunTask = Callable[[Coroutine[None, None, None]], object]


class Crew:
    """The workers of one version of a function, all revisions of it."""

    def __init__(self, settings: WorkerSettings, workers_max: int, run_task: RunTask) -> None:
        """workers_max: where the function has no reserved concurrency."""
        self._settings = settings
        self._workers_max_default = workers_max
        self._workers_max = workers_max
        self._run_task = run_task
        self._version: FunctionVersion | None = None
        self._superseded: set[str] = set()
        self._workers: set[Worker] = set()
        self._idle: dict[Worker, Callable[[], None]] = {}  # with what cancels its retirement
        self._waiting: deque[Invocation] = deque()
        self._running: dict[Invocation, Worker] = {}
        self._is_gone = asyncio.Event()

    async def invoke(
        self, version: FunctionVersion, request: Request, reserved: int | None
    ) -> InvokeResult:
        """See `Pool.invoke`."""
        self._workers_max = self._workers_max_default if reserved is None else reserved
        if version is not self._version:
            self._change_to(version)
        loop = asyncio.get_running_loop()
        invocation = Invocation(request, loop.create_future())
        worker = self._take_idle()
        if worker is not None:
            self._give(worker, invocation)
        else:
            self._wait(invocation)
        try:
            return await invocation.ended
        except asyncio.CancelledError:
            self._abandon(invocation)
            raise
        finally:
            self._running.pop(invocation, None)

    def renew(self, version: FunctionVersion) -> None:
        """Serve this revision from now on; where a worker was warm, start one of it at once."""
        is_warm = any(worker.has_started for worker in self._workers)
        self._change_to(version)
        if is_warm and len(self._workers) < self._workers_max:
            self._hire(version)

    def disband(self, error: Exception) -> None:
        """End all workers; what waits or runs is told the error."""
        if self._version is not None:
            self._superseded.add(self._version.revision_id)
            self._version = None
        while self._waiting:
            self._waiting.popleft().fail(error)
        for invocation in self._running:
            invocation.fail(error)
        for worker in self._workers:
            worker.dismiss()

    async def wait_until_gone(self) -> None:
        """Return when no worker is left."""
        while self._workers:
            self._is_gone.clear()
            await self._is_gone.wait()

    # worker.Owner

    def worker_ready(self, worker: Worker) -> None:
        if self._is_stale(worker):
            worker.dismiss()
        elif not self._waiting:
            clock = self._settings.machine_clock
            retire_at = clock.now() + limits.function_worker_idle_seconds
            self._idle[worker] = clock.call_at(retire_at, worker.dismiss)
        elif worker.can_take():  # else its end is about to be reported, and another will take it
            self._give(worker, self._waiting.popleft())

    def worker_gone(self, worker: Worker) -> None:
        self._forget(worker)
        if not worker.has_started and not worker.is_dismissed and self._waiting:
            worker.fail_start(self._waiting.popleft())
        self._recruit()

    # who takes what

    def _change_to(self, version: FunctionVersion) -> None:
        """Serve this revision from now on, unless it was itself replaced before."""
        if self._version is not None and version.revision_id == self._version.revision_id:
            return
        if version.revision_id in self._superseded:
            if self._version is None:
                raise FunctionNotFound(f"Function not found: {version.arn}")
            return  # the caller read it before the change, and gets what is current
        if self._version is not None:
            self._superseded.add(self._version.revision_id)
        self._version = version
        for worker in self._workers:
            if worker.state in (State.STARTING, State.IDLE):
                worker.dismiss()

    def _is_stale(self, worker: Worker) -> bool:
        version = self._version
        return version is None or worker.version.revision_id != version.revision_id

    def _take_idle(self) -> Worker | None:
        while self._idle:
            worker, cancel_retirement = self._idle.popitem()
            cancel_retirement()
            if worker.can_take():
                return worker
        return None

    def _give(self, worker: Worker, invocation: Invocation) -> None:
        self._running[invocation] = worker
        worker.give(invocation)
        if self._is_stretched():
            self._recruit()

    def _wait(self, invocation: Invocation) -> None:
        self._waiting.append(invocation)
        self._recruit()

    def _abandon(self, invocation: Invocation) -> None:
        worker = self._running.get(invocation)
        if worker is not None:
            worker.dismiss()
        elif invocation in self._waiting:
            self._waiting.remove(invocation)

    # hiring and parting

    def _recruit(self) -> None:
        """Start as many workers as are missing."""
        version = self._version
        if version is None:
            return
        coming = sum(
            worker.state in (State.STARTING, State.ANSWERED)
            and not worker.is_dismissed
            and not self._is_stale(worker)
            for worker in self._workers
        )
        missing = len(self._waiting) - coming
        if missing == 0 and not self._waiting and self._is_stretched():
            missing = 1
        for _ in range(min(missing, self._workers_max - len(self._workers))):
            self._hire(version)

    def _is_stretched(self) -> bool:
        """Whether several invocations run at once and none of the workers is free."""
        return len(self._running) > 1 and not self._idle

    def _hire(self, version: FunctionVersion) -> None:
        worker = Worker(version, self._settings, self)
        self._workers.add(worker)
        self._run_task(self._start(worker))

    async def _start(self, worker: Worker) -> None:
        try:
            await worker.start()
        except (OSError, ValueError) as error:  # ValueError: a word the system cannot take
            self._forget(worker)
            if self._waiting:
                failure = ServiceException(f"The function's worker could not be started: {error}")
                self._waiting.popleft().fail(failure)
            self._recruit()

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        self._idle.pop(worker, _nothing)()
        self._run_task(asyncio.to_thread(shutil.rmtree, worker.scratch, ignore_errors=True))
        if not self._workers:
            self._is_gone.set()


def _nothing() -> None:
    """There was no retirement to cancel."""
