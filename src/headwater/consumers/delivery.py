"""What receives a shard's records: a `Destination` takes a `Batch` and gives an `Outcome`.

It knows nothing of positions, leases or retries: those are the reader's. What a consumer wants to
see of a stream at all says its `Selection`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from headwater.storage.keyspace import ShardId
from headwater.streams.log import Stored
from headwater.streams.window import AnyStream


@dataclass(frozen=True, slots=True)
class Window:
    """A tumbling window of a shard's records, and what the destination has made of it so far.

    start_us, end_us: microseconds since the epoch; the end is not part of it. state: what the
    destination gave with its last delivery in the window, UTF-8; empty before the first.
    """

    start_us: int
    end_us: int
    state: bytes = b""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one shard to deliver together.

    entries: oldest first; consecutive in the shard but for those of other lanes and those that are
    not selected. At least one, unless the batch closes a window.
    deliveries: how often the first of them has been delivered in vain already.
    window: the one all records lie in, for a consumer that has windows.
    is_closing: no records follow in the window. is_early: more would, but its state is too large.
    """

    stream: AnyStream
    shard_id: ShardId
    entries: tuple[Stored, ...]
    deliveries: int = 0
    window: Window | None = None
    is_closing: bool = False
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said, for whoever reports it.

    request_id: of the delivery. status: as in HTTP. version: of what answered. error: its kind, or
    None if the fault is not that of a run that broke off. started_at: epoch second.
    """

    request_id: str
    status: int
    version: str
    error: str | None
    started_at: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has the whole batch, for good. state: of the batch's window from now on."""

    answer: Answer | None = None
    state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Partly:
    """The destination has the first `count` records for good, at least one and not all.

    The next one failed, which counts against its retries as Failed does.
    """

    count: int
    reason: str
    answer: Answer | None = None
    state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The destination could not take the batch; each time counts against the retries."""

    reason: str
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """The destination cannot be reached or is busy. Not the batch's fault: counts for nothing."""

    reason: str


Outcome: TypeAlias = Delivered | Partly | Failed | Throttled


class Reason(StrEnum):
    """Why records are given up; Lambda's words for it."""

    AGE = "RecordAgeExceeded"
    RETRIES = "RetryAttemptsExhausted"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that are passed undelivered.

    batch: they, and how often they were delivered in vain. answer: the last one, if retries were
    exhausted and there was any.
    """

    batch: Batch
    reason: Reason
    answer: Answer | None


class ReaderCrashed(Exception):
    """Raised by a destination that has the batch: the reader ends without storing its position.

    As after a crash of its process, the next reader of the shard delivers the batch again.
    """


class Destination(Protocol):
    """Takes batches of any shard; shards, and the lanes of a shard, deliver at the same time."""

    def size(self, entry: bytes) -> int:
        """Bytes a stored entry adds to a batch, for the bound on a batch's bytes; never too few."""

    async def deliver(self, batch: Batch) -> Outcome:
        """Take a batch and say how it went.

        The same records come again after anything but Delivered, and may come again even then:
        after a crash, or when another process takes the shard over. Cancelling abandons the
        delivery.
        """

    async def give_up(self, given_up: GivenUp) -> None:
        """Be told of records that are passed undelivered, before the position is stored.

        Must come back soon: the lane waits. The same may be told again after a crash.
        Raises Unavailable if they cannot be kept now: then they are given up again, a moment later.
        """


class Selection(Protocol):
    """Which of a stream's records a consumer wants to see.

    Asked when records are read, before they are gathered: those not wanted are in no batch, count
    for nothing, and are behind the reader as soon as everything before them is.
    """

    def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
        """A verdict for each record of a shard, in their order.

        The same at every asking: records are read again after a crash.
        """
