"""Faults between a reader and its destination."""

from __future__ import annotations

from typing import Final

from headwater.clock import Clock
from headwater.consumers.consumer import Consumer
from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Destination,
    Failed,
    GivenUp,
    Outcome,
    ReaderCrashed,
    Throttled,
)
from headwater.lab.faults import DELIVERY, Faults, Kind, Occasion

DELIVERY_KINDS: Final = frozenset(
    {
        Kind.SLOW,
        Kind.THROTTLED,
        Kind.DELIVERY_FAILED,
        Kind.DELIVERED_TWICE,
        Kind.CRASH_BEFORE_CHECKPOINT,
    }
)


class FaultyDestination:
    """A consumer's destination, as its region's faults let it be reached.

    account: of the stream's ARN.
    """

    def __init__(self, consumer: Consumer, faults: Faults, clock: Clock, account: str) -> None:
        self._inner: Destination = consumer.destination
        self._consumer = consumer.name.rpartition("/")[2]
        self._stream_arn = consumer.stream.arn(account)
        self._faults = faults
        self._clock = clock

    def size(self, entry: bytes) -> int:
        return self._inner.size(entry)

    async def give_up(self, given_up: GivenUp) -> None:
        await self._inner.give_up(given_up)

    async def deliver(self, batch: Batch) -> Outcome:
        """Raises ReaderCrashed where the reader is to end before it stores its position."""
        occasion = Occasion(
            DELIVERY,
            DELIVERY_KINDS,
            {batch.stream.table_name},
            self._stream_arn,
            batch.shard_id,
            self._consumer,
        )
        for struck in self._faults.meet(batch.stream.region, occasion):
            match struck.fault.kind:
                case Kind.SLOW:
                    await self._clock.sleep(struck.fault.seconds)
                case Kind.THROTTLED:
                    return Throttled("The lab throttled the delivery.")
                case Kind.DELIVERY_FAILED:
                    return Failed("The lab had the delivery fail.")
                case Kind.DELIVERED_TWICE:
                    outcome = await self._inner.deliver(batch)
                    again = isinstance(outcome, Delivered)
                    return await self._inner.deliver(batch) if again else outcome
                case kind:
                    assert kind is Kind.CRASH_BEFORE_CHECKPOINT, kind
                    outcome = await self._inner.deliver(batch)
                    if isinstance(outcome, Delivered):
                        raise ReaderCrashed
                    return outcome
        return await self._inner.deliver(batch)
