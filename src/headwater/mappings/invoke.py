"""The function as a destination: a batch is one invocation, which succeeds or fails as a whole.

What a function returns does not matter; that it returned does. A function that is throttled, gone
or cannot be started is tried again without counting against the retries.
Source: Lambda Developer Guide, "How Lambda processes records from stream and queue-based event
sources"; texts of LastProcessingResult in AWS's manner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from headwater.consumers.delivery import Batch, Delivered, Failed, GivenUp, Outcome, Throttled
from headwater.errors import FunctionNotFound, ServiceError, TooManyRequestsException
from headwater.functions.outcome import InvokeResult
from headwater.mappings.event import Events
from headwater.mappings.failure import FailedBatch, FailureDestination, FunctionAnswer
from headwater.mappings.mapping import PROCESSED, EventSourceMapping
from headwater.streams.entry import time_us_of

FUNCTION_FAILED = "PROBLEM: Function call failed"
FUNCTION_THROTTLED = "PROBLEM: Function call was throttled"
FUNCTION_MISSING = "PROBLEM: Function not found"


class Invoker(Protocol):
    """The functions of all regions, as mappings need them."""

    async def exists(self, region: str, function_name: str) -> bool:
        """Whether there is a function of that name."""

    async def invoke(self, region: str, function_name: str, payload: bytes) -> InvokeResult:
        """Run a function once, to its end; cancelling stops it.

        Raises FunctionNotFound, TooManyRequestsException, ServiceException.
        """


Report = Callable[[str], Awaitable[None]]  # takes the LastProcessingResult after a batch
NoteDelay = Callable[[float], None]  # takes a record's seconds from its commit to its first event


class FunctionDestination:
    """Delivers batches of a stream to a function."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        events: Events,
        invoker: Invoker,
        report: Report,
        note_delay: NoteDelay,
    ) -> None:
        self._mapping = mapping
        self._events = events
        self._invoker = invoker
        self._report = report
        self._note_delay = note_delay
        self._failures: FailureDestination | None = None

    def size(self, entry: bytes) -> int:
        return self._events.size(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        outcome, result = await self._invoke(batch)
        await self._report(result)
        return outcome

    async def give_up(self, given_up: GivenUp) -> None:
        if self._failures is not None:
            await self._failures.accept(self._failed(given_up))

    def _failed(self, given_up: GivenUp) -> FailedBatch:
        """What the on-failure destination is to know; `DestinationConfig` is not taken yet."""
        mapping, batch, answer = self._mapping, given_up.batch, given_up.answer
        first, last = batch.entries[0], batch.entries[-1]
        return FailedBatch(
            mapping.uuid,
            mapping.region,
            "",
            mapping.function_arn,
            mapping.stream_arn,
            "" if answer is None else answer.request_id,
            given_up.reason,
            batch.deliveries,
            None if answer is None else FunctionAnswer(answer.status, answer.version, answer.error),
            batch.shard_id,
            first.number,
            last.number,
            time_us_of(first.entry),
            time_us_of(last.entry),
            len(batch.entries),
            0.0,
            self._events.event(batch.shard_id, batch.entries),
        )

    async def _invoke(self, batch: Batch) -> tuple[Outcome, str]:
        payload = self._events.event(batch.shard_id, batch.entries)
        try:
            result = await self._invoker.invoke(
                self._mapping.region,
                self._mapping.manner.function_name,
                payload,
            )
        except FunctionNotFound as error:
            return Throttled(str(error)), FUNCTION_MISSING
        except TooManyRequestsException as error:
            return Throttled(str(error)), FUNCTION_THROTTLED
        except ServiceError as error:
            return Throttled(str(error)), FUNCTION_FAILED
        if batch.deliveries == 0:
            for stored in batch.entries:
                self._note_delay(result.started_at - time_us_of(stored.entry) / 1e6)
        if result.error is not None:
            return Failed(f"The function failed: {result.error}"), FUNCTION_FAILED
        return Delivered(), PROCESSED
