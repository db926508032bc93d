from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import pytest

from headwater.clock import ManualClock
from headwater.errors import FunctionNotFound, TooManyRequestsException
from headwater.functions.deferred import DeferredInvocations
from headwater.functions.function import FunctionVersion
from headwater.functions.outcome import InvokeResult
from headwater.limits import MB, function_deferred_bytes_max, function_deferred_max

VERSION = FunctionVersion(
    name="f",
    arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    region="us-east-1",
    version="$LATEST",
    revision_id="one",
    runtime="python3.11",
    handler="app.handler",
    timeout_seconds=3,
    memory_mb=128,
    ephemeral_mb=512,
    environment={},
    log_group="/aws/lambda/f",
    interpreter=Path("python"),
    code=Path("code"),
)


def result(error: Literal["Unhandled"] | None = None) -> InvokeResult:
    return InvokeResult(b"null", error, b"", "$LATEST", 0.0)


class Function:
    """Notes what it is invoked with and ends as told, one ending after the other."""

    def __init__(self, *endings: InvokeResult | Exception) -> None:
        self.payloads: list[bytes] = []
        self._endings = list(endings)

    async def invoke(
        self, function: FunctionVersion, payload: bytes, request_id: str
    ) -> InvokeResult:
        self.payloads.append(payload)
        ending = self._endings.pop(0) if self._endings else result()
        if isinstance(ending, Exception):
            raise ending
        return ending


def deferring(
    function: Function,
    body: Callable[[DeferredInvocations, ManualClock], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> None:
        clock = ManualClock()
        running: list[asyncio.Task[None]] = []
        deferred = DeferredInvocations(
            function, clock, lambda work: running.append(asyncio.create_task(work))
        )
        await body(deferred, clock)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(main())


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_success_is_the_end_of_it() -> None:
    function = Function(result())

    async def body(deferred: DeferredInvocations, clock: ManualClock) -> None:
        deferred.begin(VERSION, b"1", "id")
        await turns()
        clock.advance(1000)
        await turns()

        assert function.payloads == [b"1"]

    deferring(function, body)


@pytest.mark.parametrize("ending", [result("Unhandled"), RuntimeError("nobody expected this")])
def test_failure_is_tried_again_after_one_and_two_minutes(ending: InvokeResult | Exception) -> None:
    function = Function(ending, ending, ending)

    async def body(deferred: DeferredInvocations, clock: ManualClock) -> None:
        deferred.begin(VERSION, b"1", "id")
        counts = []
        for seconds in (0, 59, 1, 119, 1, 1000):
            clock.advance(seconds)
            await turns()
            counts.append(len(function.payloads))

        assert counts == [1, 1, 2, 2, 3, 3]

    deferring(function, body)


def test_deleted_function_is_not_tried_again() -> None:
    function = Function(FunctionNotFound("gone"))

    async def body(deferred: DeferredInvocations, clock: ManualClock) -> None:
        deferred.begin(VERSION, b"1", "id")
        await turns()
        clock.advance(1000)
        await turns()

        assert len(function.payloads) == 1

    deferring(function, body)


def test_too_many_pending_are_refused() -> None:
    failed = result("Unhandled")
    function = Function(*[failed] * function_deferred_max)

    async def body(deferred: DeferredInvocations, clock: ManualClock) -> None:
        for _ in range(function_deferred_max):
            deferred.begin(VERSION, b"1", "id")
        await turns()

        with pytest.raises(TooManyRequestsException):
            deferred.begin(VERSION, b"1", "id")
        clock.advance(60)
        await turns()
        deferred.begin(VERSION, b"1", "id")

    deferring(function, body)


def test_too_much_pending_is_refused() -> None:
    payload = bytes(MB)
    count = function_deferred_bytes_max // MB
    function = Function(*[result("Unhandled")] * count)

    async def body(deferred: DeferredInvocations, clock: ManualClock) -> None:
        for _ in range(count):
            deferred.begin(VERSION, payload, "id")

        with pytest.raises(TooManyRequestsException):
            deferred.begin(VERSION, b"1", "id")

    deferring(function, body)
