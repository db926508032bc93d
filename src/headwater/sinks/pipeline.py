"""From log entries to what a writer is given: the one way that back-fill and stream share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from headwater.sinks.activity import SinkActivity
from headwater.sinks.change import Change, change_of
from headwater.sinks.failure import Refusals, pairs
from headwater.sinks.kind import BACKFILL, ChangeBatch, Rejected, Writer
from headwater.sinks.sink import Sink
from headwater.sinks.transform import Transform
from headwater.storage.keyspace import ShardId
from headwater.streams.log import Stored

Step: TypeAlias = tuple[str, int]
"""What names a batch: its origin and its number."""


class Pipeline:
    """Transforms changes, has them written, and sees to those that are refused."""

    def __init__(
        self,
        sink: Sink,
        writer: Writer,
        transform: Transform,
        refusals: Refusals,
        activity: SinkActivity,
    ) -> None:
        self._sink = sink
        self._writer = writer
        self._transform = transform
        self._refusals = refusals
        self._activity = activity

    async def pass_on(self, step: Step, records: Sequence[tuple[ShardId, Stored]]) -> None:
        """Write records, oldest first; returns once that is done for good.

        Raises SinkUnavailable or SinkBroken, and Unavailable if the store cannot keep what was
        refused.
        """
        origin, number = step
        is_snapshot = origin == BACKFILL
        changes = [change_of(shard, stored, is_snapshot=is_snapshot) for shard, stored in records]
        transformed = await self._transform.apply(changes)
        await self._refuse(origin, changes, transformed.rejected)
        if transformed.changes:
            batch = ChangeBatch(origin, number, transformed.changes)
            rejected = await self._writer.write(batch)
            await self._refuse(origin, transformed.changes, rejected)
            count = len(transformed.changes) - len(rejected)
            self._activity.note_written(count, is_snapshot=is_snapshot)

    async def close(self) -> None:
        await self._writer.close()

    async def _refuse(
        self, origin: str, changes: Sequence[Change], rejected: Sequence[Rejected]
    ) -> None:
        if rejected:
            await self._refusals.accept(self._sink, origin, pairs(changes, rejected))
            self._activity.note_rejected(rejected)
