"""What receives a shard's records: a `Destination` takes a `Batch` and gives an `Outcome`.

It knows nothing of positions, leases or retries: those are the reader's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from headwater.storage.keyspace import ShardId
from headwater.streams.log import Stored
from headwater.streams.window import Stream


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one shard to deliver together.

    entries: at least one, oldest first, consecutive in the shard.
    failures: how often the destination has failed exactly these already.
    """

    stream: Stream
    shard_id: ShardId
    entries: tuple[Stored, ...]
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has the whole batch, for good."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The destination could not take the batch; each time counts against the retries."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """The destination cannot be reached or is busy. Not the batch's fault: counts for nothing."""

    reason: str


Outcome: TypeAlias = Delivered | Failed | Throttled


class Destination(Protocol):
    """Takes batches of any shard; several shards deliver at the same time, one batch each."""

    def size(self, entry: bytes) -> int:
        """Bytes a stored entry adds to a batch, for the bound on a batch's bytes; never too few."""

    async def deliver(self, batch: Batch) -> Outcome:
        """Take a batch, all of it or nothing, and say how it went.

        The same batch comes again after anything but Delivered, and may come again even then: after
        a crash, or when another process takes the shard over. Cancelling abandons the delivery.
        """
