"""A sink as a destination of a stream's batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from headwater.clock import Clock
from headwater.consumers.delivery import Batch, Delivered, GivenUp, Outcome, Throttled
from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.pipeline import Pipeline
from headwater.storage.engine import Unavailable

Opened: TypeAlias = Callable[[], Awaitable[Pipeline]]
"""Gives the sink's pipeline, opened at the first call. Raises as `Kind.open` does."""

Stop: TypeAlias = Callable[[str], Awaitable[None]]
"""Stops the sink, with the reason. Raises Unavailable."""


class SinkDestination:
    """`Destination` of a sink: what cannot be delivered now is tried again without end."""

    def __init__(self, opened: Opened, stop: Stop, clock: Clock) -> None:
        self._opened = opened
        self._stop = stop
        self._clock = clock

    def size(self, entry: bytes) -> int:
        return len(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        records = [(batch.shard_id, stored) for stored in batch.entries]
        step = batch.shard_id, batch.entries[0].number
        try:
            pipeline = await self._opened()
            await pipeline.pass_on(step, records)
        except SinkUnavailable as error:
            await self._clock.sleep(error.retry_seconds)
            return Throttled(str(error))
        except SinkBroken as error:
            await self._stop(str(error))
            return Throttled(str(error))
        except Unavailable as error:
            return Throttled(str(error))
        return Delivered()

    async def give_up(self, given_up: GivenUp) -> None:
        """Sinks never do: they try without end."""
        raise AssertionError(f"a sink gave up records: {given_up.reason}")
