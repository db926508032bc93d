"""Exports and imports as stored: begun once for each client token, listed, kept for 90 days.

A job is a value that only the task which runs it changes, so it is stored without being compared.
That it is begun once is for the commit to see: the token is read with it. A token counts until
eight hours after its job has ended.

    token = request_hash job_key
    request_hash = 32 bytes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final, Protocol

import orjson
import structlog

from headwater.clock import Clock, pause
from headwater.limits import job_sweep_seconds, job_token_seconds, jobs_kept_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import Engine, Span, Unavailable

_HASH_BYTES: Final = 32
_STEP_ENTRIES: Final = 100
_log = structlog.get_logger(__name__)


class JobStatus(StrEnum):
    """How far an export or an import is."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as its description says it."""

    code: str
    message: str


class Job(Protocol):
    """What exports and imports have in common. ended_at: epoch seconds."""

    @property
    def ended_at(self) -> float | None: ...


class TokenTaken(Exception):
    """Another job has been begun with the token meanwhile: look again."""


class TokenMismatch(Exception):
    """The token asked for something else before."""


@dataclass(frozen=True, slots=True)
class Token:
    """Where a client token is stored, what is stored there, and a hash of what is asked with it."""

    key: bytes
    seen: bytes | None
    request_hash: bytes

    def job_key(self) -> bytes | None:
        """The job that the token began, if there is one.

        Raises TokenMismatch if it was another request's.
        """
        if self.seen is None:
            return None
        if self.seen[:_HASH_BYTES] != self.request_hash:
            raise TokenMismatch
        return self.seen[_HASH_BYTES:]


@dataclass(frozen=True, slots=True)
class Begin:
    """Work that stores a new job, with the token that asks for it."""

    job_key: bytes
    job: bytes
    token: Token | None

    @property
    def reads(self) -> tuple[bytes, ...]:
        return () if self.token is None else (self.token.key,)

    def run(self, view: View) -> None:
        """Raises TokenTaken."""
        view.put(self.job_key, self.job)
        view.wake(keyspace.kind_of_job(self.job_key))
        if self.token is not None:
            if view.get(self.token.key) != self.token.seen:
                raise TokenTaken
            view.put(self.token.key, self.token.request_hash + self.job_key)


@dataclass(frozen=True, slots=True)
class Put:
    """Work that stores a job as its task left it."""

    job_key: bytes
    job: bytes
    reads: tuple[bytes, ...] = ()

    def run(self, view: View) -> None:
        view.put(self.job_key, self.job)


@dataclass(frozen=True, slots=True)
class _Remove:
    keys: list[bytes]
    reads: tuple[bytes, ...] = ()

    def run(self, view: View) -> None:
        for key in self.keys:
            view.delete(key)


class Codec(Protocol):
    """The stored form of one kind of job."""

    def __call__(self, stored: bytes) -> Job: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """The store, what tells that a job has begun, and how to read one kind of job."""

    engine: Engine
    committer: Committer
    wakeups: Wakeups
    clock: Clock
    decode: Codec

    async def get(self, key: bytes) -> bytes | None:
        (stored,) = await self.engine.get([key])
        return stored

    async def token(self, key: bytes, request: object) -> Token:
        """The token under a key, as it counts now; request: what is asked with it, as JSON."""
        content = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
        request_hash = blake2b(content, digest_size=_HASH_BYTES).digest()
        token = Token(key, await self.get(key), request_hash)
        if token.seen is None:
            return token
        stored = await self.get(token.seen[_HASH_BYTES:])
        ended_at = None if stored is None else self.decode(stored).ended_at
        is_over = ended_at is not None and ended_at + job_token_seconds <= self.clock.now()
        if stored is None or is_over:
            # Any request may use it again; what is stored is still what the commit must find.
            return _Renewed(key, token.seen, request_hash)
        return token

    async def page(
        self, span: tuple[bytes, bytes], before: bytes | None, limit: int
    ) -> tuple[list[bytes], bytes | None]:
        """Jobs of a span, last key first, from before a key on; and the last key if more follow."""
        start, stop = span
        stop = stop if before is None else min(stop, before)
        kept: list[bytes] = []
        last: bytes | None = None
        while rows := await self.engine.scan(Span(start, stop, _STEP_ENTRIES, reverse=True)):
            for key, stored in rows:
                if self._is_kept(stored):
                    if len(kept) == limit:
                        return kept, last
                    kept.append(stored)
                    last = key
            stop = rows[-1][0]
        return kept, None

    async def every(self, span: tuple[bytes, bytes]) -> AsyncIterator[tuple[bytes, bytes]]:
        """Every job of a span with its key."""
        start, stop = span
        while rows := await self.engine.scan(Span(start, stop, _STEP_ENTRIES)):
            for row in rows:
                yield row
            start = rows[-1][0] + b"\x00"

    async def sweep_for_ever(self, jobs: tuple[bytes, bytes], tokens: tuple[bytes, bytes]) -> None:
        """Remove jobs that are no longer listed, and then their tokens, once a day."""
        while True:
            try:
                await self._sweep(jobs, tokens)
            except Unavailable as error:
                _log.warning("jobs cannot be swept", exc_info=error)
            await pause(self.clock, job_sweep_seconds)

    async def _sweep(self, jobs: tuple[bytes, bytes], tokens: tuple[bytes, bytes]) -> None:
        async for key, stored in self.every(jobs):
            if not self._is_kept(stored):
                await self.committer.submit(_Remove([key]))
        async for key, token in self.every(tokens):
            if await self.get(token[_HASH_BYTES:]) is None:
                await self.committer.submit(_Remove([key]))

    def _is_kept(self, stored: bytes) -> bool:
        ended_at = self.decode(stored).ended_at
        return ended_at is None or ended_at + jobs_kept_seconds > self.clock.now()


@dataclass(frozen=True, slots=True)
class _Renewed(Token):
    """A token that no longer counts."""

    def job_key(self) -> bytes | None:
        return None
