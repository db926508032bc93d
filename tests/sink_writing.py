"""A sink's writer without a server: opened, given batches, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headwater.clock import ManualClock, SeededChance
from headwater.sinks import kinds, settings
from headwater.sinks.change import Change, Event, plain
from headwater.sinks.kind import ChangeBatch, Opening, Surroundings, Writer
from headwater.sinks.sink import Manner, Sink, Start, State
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams.window import Stream, StreamStatus, ViewType
from tests.sink_store import MemoryNotes

SHARD = ShardId("shardId-00000001414576573621-f55eea83")
OTHER = ShardId("shardId-00000001414576573621-00000000")
TABLE = TableId("00000000-0000-0000-0000-000000000001")
DAY_US = 86_400_000_000
STREAM = Stream(
    "us-east-1",
    "music",
    TABLE,
    "2015-05-20T20:51:10.252",
    ViewType.NEW_AND_OLD_IMAGES,
    StreamStatus.ENABLED,
    ("k",),
    0.0,
)


@dataclass
class Subject:
    """A kind with settings. held: what its destination holds, plain documents by key.

    close: of what was started for it. warnings: that were shown.
    """

    kind: str
    settings: dict[str, Any]
    held: Callable[[], Awaitable[dict[str, Any]]]
    files: Path
    notes: MemoryNotes
    close: Callable[[], None] = lambda: None
    warnings: list[str] = field(default_factory=list)

    async def open(self) -> Writer:
        """A writer, as after a restart of the server."""
        return await kinds.kind(self.kind).open(self.opening())

    def opening(self, **more: Any) -> Opening:
        """What a writer is opened with. more: of the sink."""
        return Opening(
            replace(sink_of(self.kind, self.settings), **more),
            STREAM,
            settings.parse(kinds.kind(self.kind), self.settings),
            self.notes,  # type: ignore[arg-type]  # its double
            Surroundings(
                ManualClock(),
                SeededChance(1),
                None,  # type: ignore[arg-type]  # no kind here has a store
                None,  # type: ignore[arg-type]  # as above
                None,  # type: ignore[arg-type]  # as above
                self.files,
                s3_endpoint=None,
                sqs_endpoint=None,
                sns_endpoint=None,
                machine_clock=ManualClock(),
                queues=None,  # type: ignore[arg-type]  # as above
            ),
            self.warnings.append,
        )


def sink_of(kind: str, asked: dict[str, Any]) -> Sink:
    return Sink(
        "us-east-1",
        "s",
        "00000000-0000-0000-0000-00000000000a",
        kind,
        "music",
        TABLE,
        STREAM.label,
        Start.BACKFILL,
        Manner(asked, 100, 2**20, 0.0),
        State.RUNNING,
        must_fill=False,
        created_at=0.0,
        changed_at=0.0,
    )


def change(key: str, number: int, value: str | None, event: Event | None = None) -> Change:
    """A change of an item; without a value it is removed."""
    new = None if value is None else {"k": {"S": key}, "v": {"S": value}}
    return Change(
        event or (Event.REMOVE if new is None else Event.MODIFY),
        f"{key}-{number}",
        number,
        DAY_US * number,
        {"k": {"S": key}},
        new,
        None,
        is_by_service=False,
        document=None if new is None else plain(new),
    )


def batch(*changes: Change, origin: str = SHARD) -> ChangeBatch:
    return ChangeBatch(origin, changes[0].version, changes)


async def write(subject: Subject, *batches: ChangeBatch) -> None:
    """Write batches, one after the other."""
    await write_on(await subject.open(), *batches)


async def write_on(writer: Writer, *batches: ChangeBatch) -> None:
    """Write batches, one after the other, and close the writer."""
    try:
        for each in batches:
            rejected = await writer.write(each)
            assert not rejected, rejected
    finally:
        await writer.close()


def run(body: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await body

    return asyncio.run(main())
