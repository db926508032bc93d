"""Asynchronous invocations over a store in memory: retries, ages, destinations, restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import pytest

from headwater.clock import ManualClock, SeededChance
from headwater.errors import FunctionNotFound, TooManyRequestsException
from headwater.functions.calls import Call
from headwater.functions.deferral import Deferral
from headwater.functions.deferred import Bounds, DeferredInvocations, Surroundings
from headwater.functions.function import Configuration, Function
from headwater.functions.outcome import InvokeResult
from headwater.functions.shared import AsyncSettings, Shared
from headwater.functions.store import FunctionStore
from headwater.outbox.message import Message
from headwater.storage import function_keys
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.memory import MemoryEngine

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
BOUNDS = Bounds()
QUEUE = "arn:aws:sqs:us-east-1:000000000000:done"
DEAD = "arn:aws:sqs:us-east-1:000000000000:dead"
FUNCTION = Function(
    name="f",
    arn=ARN,
    region="us-east-1",
    configuration=Configuration("python3.11", "app.handler", "role"),
    code_sha256="",
    code_size=0,
    last_modified=0.0,
    revision_id="one",
)


def result(error: Literal["Unhandled"] | None = None, payload: bytes = b"null") -> InvokeResult:
    return InvokeResult(payload, error, b"", "$LATEST", 0.0)


class World:
    """A function that ends as told, one ending after the other, and what is around it."""

    def __init__(self, *endings: InvokeResult | Exception) -> None:
        self.calls: list[Call] = []
        self.sent: list[Message] = []
        self.clock = ManualClock()
        self.machine = ManualClock()
        self.function = FUNCTION
        self.endings = list(endings)
        self.is_stuck = False
        self.engine = MemoryEngine()
        self.committer = Committer(self.engine, Wakeups())

    def configured(self, **settings: Any) -> None:
        wanted = AsyncSettings(None, None, None, None, 0.0)
        held = {"$LATEST": replace(wanted, **settings)}
        self.function = replace(FUNCTION, shared=Shared(async_settings=held))

    # Calling

    async def latest(self, region: str, name: str) -> Function:
        return self.function if name == "f" else FUNCTION

    async def invoke(self, call: Call) -> InvokeResult:
        self.calls.append(call)
        if self.is_stuck:
            await asyncio.Event().wait()
        ending = self.endings.pop(0) if self.endings else result()
        if isinstance(ending, Exception):
            raise ending
        return ending

    # Posting

    async def put(self, message: Message) -> bool:
        self.sent.append(message)
        return True

    def process(
        self, seed: int = 1, *, is_alone: bool = True, bounds: Bounds = BOUNDS
    ) -> DeferredInvocations:
        """One process's view of what is pending."""
        store = FunctionStore(self.engine, self.committer)
        return DeferredInvocations(
            store,
            Surroundings(
                self,
                self,
                self.clock,
                self.machine,
                SeededChance(seed),
                is_alone,
                bounds,
            ),
        )

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.machine.advance(seconds)
        await turns()

    async def stored(self) -> int:
        """How many entries the store holds of what is pending."""
        store = FunctionStore(self.engine, self.committer)
        return len(await store.every((b"vd", b"vq")))


async def turns() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


def event(number: int = 1, world: World | None = None) -> Deferral:
    now = ManualClock().now() if world is None else world.clock.now()
    return Deferral("us-east-1", "f", None, str(UUID(int=number)), now, 1)


def inside(
    world: World, body: Callable[[DeferredInvocations], Awaitable[None]], bounds: Bounds = BOUNDS
) -> None:
    async def main() -> None:
        committing = asyncio.create_task(world.committer.run())
        deferred = world.process(bounds=bounds)
        running = asyncio.create_task(deferred.run())
        await turns()
        await body(deferred)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        world.committer.close()
        await committing

    asyncio.run(main())


def test_success_is_the_end_of_it() -> None:
    world = World()

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        await turns()
        await world.pass_time(1000)

        assert [call.payload for call in world.calls] == [b"1"]
        assert await world.stored() == 0

    inside(world, body)


def test_failure_is_tried_again_after_one_and_two_minutes() -> None:
    failed = result("Unhandled")
    world = World(failed, failed, failed)

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        counts = []
        for seconds in (0, 59, 1, 119, 1, 1000):
            await world.pass_time(seconds)
            counts.append(len(world.calls))

        assert counts == [1, 1, 2, 2, 3, 3]
        assert await world.stored() == 0

    inside(world, body)


def test_retries_can_be_forbidden() -> None:
    world = World(result("Unhandled"))
    world.configured(retries_max=0)

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        await world.pass_time(1000)

        assert len(world.calls) == 1

    inside(world, body)


def test_throttled_invocations_are_tried_until_they_are_too_old() -> None:
    """They count as no retry; the wait doubles up to five minutes."""
    world = World(*[TooManyRequestsException()] * 1000)
    world.configured(age_seconds_max=60, on_failure=QUEUE)

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        for _ in range(70):
            await world.pass_time(1)

        # At 0, 1, 3, 7, 15 and 31 seconds; at 63 it is too old.
        assert len(world.calls) == 6
        (message,) = world.sent
        told = json.loads(message.body)
        assert told["requestContext"]["condition"] == "EventAgeExceeded"
        assert "responseContext" not in told

    inside(world, body)


def test_deleted_function_is_not_tried_again() -> None:
    world = World(FunctionNotFound("gone"))

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        await world.pass_time(1000)

        assert len(world.calls) == 1
        assert await world.stored() == 0

    inside(world, body)


def test_success_is_told_to_its_destination() -> None:
    world = World(result(payload=b'{"ok": true}'))
    world.configured(on_success=QUEUE, on_failure=DEAD)

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b'{"n": 1.50}')
        await turns()

        (message,) = world.sent
        assert message.destination == QUEUE
        assert b'"requestPayload":{"n": 1.50}' in message.body
        assert json.loads(message.body) == {
            "version": "1.0",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "requestContext": {
                "requestId": str(UUID(int=1)),
                "functionArn": f"{ARN}:$LATEST",
                "condition": "Success",
                "approximateInvokeCount": 1,
            },
            "requestPayload": {"n": 1.5},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": {"ok": True},
        }
        assert message.object_key.startswith("aws/lambda/async/f/2023/11/14/2023-11-14T22.13.20-")

    inside(world, body)


def test_failure_is_told_to_destination_and_dead_letter_queue() -> None:
    account = b'{"errorMessage": "boom", "errorType": "E"}'
    world = World(result("Unhandled", account))
    world.configured(retries_max=0, on_failure=QUEUE)
    configuration = replace(FUNCTION.configuration, dead_letter=DEAD)
    world.function = replace(world.function, configuration=configuration)

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b'{"n": 1}')
        await turns()

        record, letter = world.sent
        assert (record.destination, letter.destination) == (QUEUE, DEAD)
        told = json.loads(record.body)
        assert told["requestContext"]["condition"] == "RetriesExhausted"
        assert told["requestContext"]["approximateInvokeCount"] == 1
        assert told["responseContext"]["functionError"] == "Unhandled"
        assert letter.body == b'{"n": 1}'
        assert letter.attributes == {
            "RequestID": str(UUID(int=1)),
            "ErrorCode": "200",
            "ErrorMessage": "boom",
        }

    inside(world, body)


def test_function_as_destination_is_invoked_with_the_record() -> None:
    world = World()
    world.configured(on_success=f"{ARN[:-1]}g")

    async def body(deferred: DeferredInvocations) -> None:
        world.endings = [result(payload=b'"first"')]
        await deferred.begin(event(), b"1")
        await turns()
        await turns()

        assert [call.name for call in world.calls] == ["f", "g"]
        assert json.loads(world.calls[1].payload)["responsePayload"] == "first"

    inside(world, body)


def test_what_was_taken_survives_a_restart() -> None:
    world = World()
    world.is_stuck = True

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        await turns()

    async def main() -> None:
        committing = asyncio.create_task(world.committer.run())
        first = asyncio.create_task((one := world.process(1)).run())
        await turns()
        await body(one)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        world.is_stuck = False
        second = asyncio.create_task(world.process(2).run())
        await turns()

        assert [call.payload for call in world.calls] == [b"1", b"1"]
        assert await world.stored() == 0
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        world.committer.close()
        await committing

    asyncio.run(main())


def test_another_process_takes_over_only_what_nobody_renews() -> None:
    world = World()
    world.is_stuck = True

    async def main() -> None:
        committing = asyncio.create_task(world.committer.run())
        one, two = world.process(1, is_alone=False), world.process(2, is_alone=False)
        first, second = asyncio.create_task(one.run()), asyncio.create_task(two.run())
        await turns()
        await one.begin(event(), b"1")
        for _ in range(100):  # it renews what it owns
            await world.pass_time(1)
        assert len(world.calls) == 1

        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await world.pass_time(5)
        assert len(world.calls) == 1
        for _ in range(30):
            await world.pass_time(1)

        assert len(world.calls) == 2
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        world.committer.close()
        await committing

    asyncio.run(main())


def test_invocation_under_way_is_not_begun_again_when_time_jumps() -> None:
    world = World()
    world.is_stuck = True

    async def body(deferred: DeferredInvocations) -> None:
        await deferred.begin(event(), b"1")
        await turns()
        world.clock.advance(100_000)
        await turns()

        assert len(world.calls) == 1

    inside(world, body)


def test_no_more_run_at_once_than_may() -> None:
    world = World()
    world.is_stuck = True

    async def body(deferred: DeferredInvocations) -> None:
        for number in range(5):
            await deferred.begin(event(number), b"1")
        await turns()

        assert len(world.calls) == 2

    inside(world, body, Bounds(running=2))


@pytest.mark.parametrize("bounds", [Bounds(count=3), Bounds(size=3)])
def test_too_much_pending_is_refused(bounds: Bounds) -> None:
    world = World()
    world.is_stuck = True

    async def body(deferred: DeferredInvocations) -> None:
        for number in range(3):
            await deferred.begin(event(number), b"1")

        with pytest.raises(TooManyRequestsException):
            await deferred.begin(event(9), b"1")
        assert await world.engine.get([function_keys.deferred_payload(UUID(int=9).bytes)]) == [None]

    inside(world, body, bounds)
