"""What a kind of sink is: how it is described, and the writer that takes a table's changes.

A new kind is one module with a constant `KIND`, named in `kinds.py`. Everything else (reading,
leases, positions, batches, back-fill, filters, transforms, retries, failure destinations, states,
metrics) is there already; a writer only writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from headwater.clock import Chance, Clock
from headwater.queues.service import QueueService
from headwater.sinks.change import Change
from headwater.sinks.notes import Notes
from headwater.sinks.sink import Sink
from headwater.sinks.verification import Verdict
from headwater.storage.engine import Engine
from headwater.streams.window import Stream
from headwater.tables.catalog import Catalog
from headwater.tables.write import Writer as TableWriter

BACKFILL: Final = "backfill"
"""The origin of batches that hold the items which were there when the sink began."""


class SinkUnavailable(Exception):
    """The destination cannot take the batch now: the same batch comes again, after a while.

    retry_seconds: how long the destination has asked to be left alone.
    """

    def __init__(self, reason: str, retry_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_seconds = retry_seconds


class SinkBroken(Exception):
    """No batch will ever go through as things are: the sink stops until a client resumes it."""


class InvalidSettings(Exception):
    """Settings that a kind cannot work with; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A change that the destination will never take. index: its place in the batch."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes to write together: of one shard, or of the back-fill.

    origin: the shard's id, or BACKFILL. number: of the first record that was read for it, or of
    the back-fill's step: with the origin it names the batch, and the one that takes its place when
    it comes again, which may be shorter or longer. Several of an item are in their order.
    """

    origin: str
    number: int
    changes: Sequence[Change]

    @property
    def token(self) -> str:
        """The batch's idempotency key, the same whenever it comes again."""
        return f"{self.origin}/{self.number}"


class Writer(Protocol):
    """Takes the changes of one sink to its destination; one for each process and version of it."""

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        """Write a batch; returns once it is there for good, with the changes that are refused.

        Batches of several shards come at the same time; those of one shard one after the other. A
        batch may come again at any time, after a crash or a failure: then the outcome must be as
        if it had come once, or the kind's description says otherwise. A writer keeps nothing back.
        Raises SinkUnavailable, SinkBroken. Cancelling abandons the write.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What writers work with beside their sink.

    files: the directory that `file:` locations lie in. s3_endpoint, sqs_endpoint, sns_endpoint: of
    the server, if it has them. machine_clock: the time that other machines go by. queues: the
    server's own.
    """

    clock: Clock
    chance: Chance
    engine: Engine
    catalog: Catalog
    writer: TableWriter
    files: Path
    s3_endpoint: str | None
    sqs_endpoint: str | None
    sns_endpoint: str | None
    machine_clock: Clock
    queues: QueueService


@dataclass(frozen=True, slots=True)
class Opening:
    """What a writer is opened with.

    settings: as the kind's own type. notes: kept for the sink. warn: shows clients and the log
    something that they should know of, while writing goes on.
    """

    sink: Sink
    stream: Stream
    settings: Any
    notes: Notes
    around: Surroundings
    warn: Callable[[str], None]


Open: TypeAlias = Callable[[Opening], Awaitable[Writer]]
Check: TypeAlias = Callable[[Any, Surroundings], Awaitable[None]]
Filled: TypeAlias = Callable[[Opening], Awaitable[None]]


Verify: TypeAlias = Callable[[Opening, AsyncIterator[Sequence[Change]]], Awaitable[Verdict]]
"""Compares what is at a sink's destination with the items of its table.

Each is given as the SNAPSHOT that a writer would get. Raises SinkUnavailable or SinkBroken.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How batches are made if a client does not say, and their largest."""

    batch_records: int = 500
    batch_records_max: int = 10_000
    batch_bytes: int = 4 * 1024 * 1024
    window_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sink.

    summary: a sentence for the reference. settings: a frozen dataclass whose fields have a
    `meaning` in their metadata and raise InvalidSettings when they cannot be (`settings.py`).
    open: opens a writer; raises SinkUnavailable or SinkBroken.
    check: what can be said before a sink is created beyond the settings' own checks, such as that
    what the kind needs is installed (`extras.py`); raises InvalidSettings.
    verify: None if what is at the destination cannot be read.
    filled: is told once a back-fill has brought all items of a round, so that what it has not
    brought can go; perhaps more than once, and before any record of the stream. Raises as `open`.
    """

    name: str
    summary: str
    settings: type[Any]
    open: Open
    pace: Pace = Pace()
    check: Check | None = None
    verify: Verify | None = None
    filled: Filled | None = None
