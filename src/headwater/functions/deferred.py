"""Invocations that nobody waits for: begun at once, tried again after each failure.

Twice more, after one and two minutes, as Lambda does by default. What is pending lives in memory,
in bounded number and size, and ends with the server.
Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
invocation".
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias

import structlog

from headwater.clock import Clock
from headwater.errors import FunctionNotFound, ServiceError, TooManyRequestsException
from headwater.functions.function import FunctionVersion
from headwater.functions.outcome import InvokeResult
from headwater.limits import function_deferred_bytes_max, function_deferred_max

_RETRY_SECONDS: Final = (60.0, 120.0)
_log = structlog.get_logger(__name__)

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


class Invoking(Protocol):
    """Runs a function once, to its end (the pool)."""

    async def invoke(
        self, function: FunctionVersion, payload: bytes, request_id: str
    ) -> InvokeResult: ...


class DeferredInvocations:
    """The pending ones. spawn: runs each in a task of its own."""

    def __init__(self, invoking: Invoking, clock: Clock, spawn: Spawn) -> None:
        self._invoking = invoking
        self._clock = clock
        self._spawn = spawn
        self._count = 0
        self._size = 0

    def begin(self, version: FunctionVersion, payload: bytes, request_id: str) -> None:
        """Take an invocation. Raises TooManyRequestsException if too much is pending."""
        is_full = self._count >= function_deferred_max
        if is_full or self._size + len(payload) > function_deferred_bytes_max:
            raise TooManyRequestsException(
                members={"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"}
            )
        self._count += 1
        self._size += len(payload)
        self._spawn(self._carry_out(version, payload, request_id))

    async def _carry_out(self, version: FunctionVersion, payload: bytes, request_id: str) -> None:
        log = _log.bind(function=version.arn, request_id=request_id)
        try:
            for wait_seconds in (*_RETRY_SECONDS, None):
                try:
                    result = await self._invoking.invoke(version, payload, request_id)
                    if result.error is None:
                        return
                except FunctionNotFound:
                    break
                except ServiceError as error:
                    log.warning("invocation_refused", error=error.code)
                except Exception:
                    log.exception("invocation_failed")
                if wait_seconds is not None:
                    await self._clock.sleep(wait_seconds)
            log.warning("event_dropped")
        finally:
            self._count -= 1
            self._size -= len(payload)
