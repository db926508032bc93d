"""Runs exports or imports: those that are begun, and those that a restart cut short.

A few are made at a time, the others wait. A store that cannot serve now is tried again, so a job
ends once it has been stored that it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, cast

import structlog

from headwater.limits import job_poll_seconds, job_retry_seconds, jobs_at_once_max
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
        self._span = keyspace.every_job_span(kind)
        self._free = asyncio.Semaphore(jobs_at_once_max)
        self._under_way: set[bytes] = set()

    async def in_progress(self) -> list[Runnable]:
        """The jobs that have not ended."""
        found = [self._decoded(stored) async for _, stored in self._stored.every(self._span)]
        return [job for job in found if job.status is JobStatus.IN_PROGRESS]

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
        """Make every job that is in progress, and those that are begun, until cancelled."""
        woken, wakeups = asyncio.Event(), self._stored.wakeups
        wakeups.subscribe(self._span[0], woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                tokens = keyspace.every_job_span(b"t" + self._kind)
                tasks.create_task(self._stored.sweep_for_ever(self._span, tokens))
                while True:
                    woken.clear()
                    await self._look(tasks)
                    await self._stored.clock.wait(woken, None, job_poll_seconds)
        finally:
            wakeups.unsubscribe(self._span[0], woken)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin with every job that is in progress and not under way."""
        try:
            begun = await self.in_progress()
        except Unavailable as error:
            _log.warning("jobs cannot be read", error=str(error))
            return
        for job in begun:
            if job.key not in self._under_way:
                self._under_way.add(job.key)
                tasks.create_task(self._made(job))

    async def _made(self, job: Runnable) -> None:
        try:
            async with self._free:
                await self._make_at_last(job)
        finally:
            self._under_way.discard(job.key)

    async def _make_at_last(self, job: Runnable) -> None:
        while True:
            try:
                await self._make(job)
            except Unavailable as error:
                _log.warning("job is tried again", key=job.key, exc_info=error)
                await self._stored.clock.sleep(job_retry_seconds)
            else:
                return

    def _decoded(self, stored: bytes) -> Runnable:
        return cast("Runnable", self._stored.decode(stored))
