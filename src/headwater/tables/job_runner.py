"""Runs exports or imports: those that are begun, and those that a restart cut short.

A few are made at a time, the others wait. A store that cannot serve now is tried again, so a job
ends once it has been stored that it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, cast

import structlog

from headwater.clock import pause
from headwater.limits import job_retry_seconds, jobs_at_once_max
from headwater.storage import keyspace
from headwater.storage.engine import Unavailable
from headwater.tables.jobs import JobStatus, Stored, Token

_log = structlog.get_logger(__name__)


class RunnableJob(Protocol):
    """What a runner asks of a job."""

    @property
    def key(self) -> bytes: ...

    @property
    def status(self) -> JobStatus: ...


Runnable = TypeVar("Runnable", bound=RunnableJob)


class JobRunner(Generic[Runnable]):
    """Runs jobs of one kind; `run` it in a task group. Cancelling it is safe at any moment.

    make: makes a job to its end and stores how it ended; it raises nothing but Unavailable, after
    which it is called again.
    """

    def __init__(
        self, kind: bytes, stored: Stored, make: Callable[[Runnable], Awaitable[None]]
    ) -> None:
        self._kind = kind
        self._stored = stored
        self._make = make
        self._waiting: dict[bytes, Runnable] = {}
        self._has_waiting = asyncio.Event()
        self._free = asyncio.Semaphore(jobs_at_once_max)
        self._in_progress: set[bytes] = set()

    @property
    def count(self) -> int:
        """How many jobs are in progress."""
        return len(self._in_progress)

    def add(self, job: Runnable) -> None:
        """Have a stored job made, unless it is under way."""
        if job.key not in self._in_progress:
            self._in_progress.add(job.key)
            self._waiting[job.key] = job
            self._has_waiting.set()

    async def token(self, region: str, client_token: str | None, content: object) -> Token | None:
        """A request's token as it counts now; content: what is asked with it, as JSON."""
        if client_token is None:
            return None
        key = keyspace.job_token(self._kind, region, client_token)
        return await self._stored.token(key, content)

    async def begun(self, token: Token | None) -> Runnable | None:
        """The job that a token has begun. Raises TokenMismatch."""
        key = None if token is None else token.job_key()
        return None if key is None else await self.get(key)

    async def get(self, key: bytes) -> Runnable | None:
        """The job under a key."""
        stored = await self._stored.get(key)
        return None if stored is None else self._decoded(stored)

    async def page(
        self, span: tuple[bytes, bytes], before: bytes | None, limit: int
    ) -> tuple[list[Runnable], bytes | None]:
        """Jobs in reverse order of their ARNs, and where to go on."""
        rows, last = await self._stored.page(span, before, limit)
        return [self._decoded(stored) for stored in rows], last

    async def run(self) -> None:
        """Make every job that is in progress, and those that are added, until cancelled."""
        span = keyspace.every_job_span(self._kind)
        async with asyncio.TaskGroup() as tasks:
            async for _, stored in self._stored.every(span):
                job = self._decoded(stored)
                if job.status is JobStatus.IN_PROGRESS:
                    self.add(job)
            tokens = keyspace.every_job_span(b"t" + self._kind)
            tasks.create_task(self._stored.sweep_for_ever(span, tokens))
            while True:
                await self._has_waiting.wait()
                self._has_waiting.clear()
                while self._waiting:
                    _, job = self._waiting.popitem()
                    tasks.create_task(self._made(job))

    async def _made(self, job: Runnable) -> None:
        async with self._free:
            while True:
                try:
                    await self._make(job)
                    break
                except Unavailable as error:
                    _log.warning("job is tried again", key=job.key, exc_info=error)
                    await pause(self._stored.clock, job_retry_seconds)
        self._in_progress.discard(job.key)

    def _decoded(self, stored: bytes) -> Runnable:
        return cast("Runnable", self._stored.decode(stored))
