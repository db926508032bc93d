"""The function as a destination: a batch is one invocation.

What the function's result says of the batch, if it says anything, is `response.py`'s. A function
that is throttled, gone or cannot be started is tried again without counting against the retries.
Source: Lambda Developer Guide, "How Lambda processes records from stream and queue-based event
sources"; texts of LastProcessingResult in AWS's manner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from headwater.clock import Chance, Clock
from headwater.consumers.delivery import (
    Answer,
    Batch,
    Delivered,
    Failed,
    GivenUp,
    Outcome,
    Throttled,
)
from headwater.errors import FunctionNotFound, ServiceError, TooManyRequestsException
from headwater.functions.outcome import InvokeResult
from headwater.mappings.event import Events
from headwater.mappings.failure import FailedBatch, FailureDestination, FunctionAnswer
from headwater.mappings.mapping import PROCESSED, EventSourceMapping
from headwater.mappings.response import outcome_of
from headwater.streams.entry import time_us_of

FUNCTION_FAILED: Final = "PROBLEM: Function call failed"
FUNCTION_THROTTLED: Final = "PROBLEM: Function call was throttled"
FUNCTION_MISSING: Final = "PROBLEM: Function not found"
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is to be run. function: its name and its qualifier, if it has one."""

    region: str
    function: tuple[str, str | None]
    payload: bytes
    request_id: str


class Invoker(Protocol):
    """The functions of all regions, as mappings need them."""

    async def exists(self, region: str, function: tuple[str, str | None]) -> bool:
        """Whether there is a function of that name, with that qualifier if one is given."""

    async def invoke(self, invocation: Invocation) -> InvokeResult:
        """Run a function once, to its end; cancelling stops it.

        Raises FunctionNotFound, TooManyRequestsException, ServiceException.
        """


Report = Callable[[str], Awaitable[None]]  # takes the LastProcessingResult after a batch


@dataclass(frozen=True, slots=True)
class Outside:
    """What mappings work with beside streams. failures: takes what is given up."""

    invoker: Invoker
    failures: FailureDestination
    clock: Clock
    chance: Chance


class FunctionDestination:
    """Delivers batches of a stream to a function."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        events: Events,
        outside: Outside,
        report: Report,
    ) -> None:
        self._mapping = mapping
        self._events = events
        self._outside = outside
        self._report = report
        self._reports_failures = mapping.manner.reports_failures

    def size(self, entry: bytes) -> int:
        return self._events.records.size(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        outcome, result = await self._invoke(batch)
        await self._report(result)
        return outcome

    async def give_up(self, given_up: GivenUp) -> None:
        """Hand the records on, if there are any and the mapping says where to."""
        if self._mapping.manner.failure_destination and given_up.batch.entries:
            await self._outside.failures.accept(self._failed(given_up))

    async def _invoke(self, batch: Batch) -> tuple[Outcome, str]:
        mapping, request_id = self._mapping, self._outside.chance.uuid()
        invocation = Invocation(
            mapping.region, mapping.manner.function, self._events.event(batch), request_id
        )
        try:
            result = await self._outside.invoker.invoke(invocation)
        except FunctionNotFound as error:
            return Throttled(str(error)), FUNCTION_MISSING
        except TooManyRequestsException as error:
            return Throttled(str(error)), FUNCTION_THROTTLED
        except ServiceError as error:
            return Throttled(str(error)), FUNCTION_FAILED
        answer = Answer(request_id, _OK, result.executed_version, result.error, result.started_at)
        if result.error is not None:
            return Failed(f"The function failed: {result.error}", answer), FUNCTION_FAILED
        outcome = outcome_of(batch, result.payload, answer, reports_failures=self._reports_failures)
        is_delivered = isinstance(outcome, Delivered)
        return outcome, PROCESSED if is_delivered else FUNCTION_FAILED

    def _failed(self, given_up: GivenUp) -> FailedBatch:
        mapping, batch, answer = self._mapping, given_up.batch, given_up.answer
        first, last = batch.entries[0], batch.entries[-1]
        shown = None
        if answer is not None:
            shown = FunctionAnswer(answer.status, answer.version, answer.error)
        return FailedBatch(
            mapping_uuid=mapping.uuid,
            region=mapping.region,
            destination=mapping.manner.failure_destination,
            function_arn=mapping.function_arn,
            stream_arn=mapping.stream_arn,
            request_id=answer.request_id if answer else self._outside.chance.uuid(),
            reason=given_up.reason,
            invoke_count=batch.deliveries,
            answer=shown,
            shard_id=batch.shard_id,
            first=first.number,
            last=last.number,
            first_us=time_us_of(first.entry),
            last_us=time_us_of(last.entry),
            record_count=len(batch.entries),
            at=self._outside.clock.now(),
            payload=self._events.event(batch),
        )
