"""A data stream as a destination: a batch of changes is a call of PutRecords.

What cannot be put now is tried again for as long as it can be read. A change whose record is larger
than a data stream takes is passed, with a word in the log, as on AWS.
"""

from __future__ import annotations

import structlog

from headwater.consumers.delivery import Batch, Delivered, GivenUp, Outcome, Partly, Throttled
from headwater.limits import MB
from headwater.streaming import record
from headwater.streaming.activity import StreamingActivity
from headwater.streaming.target import NotPut, Record, Target
from headwater.streams.shard import sequence_text
from headwater.tables.schema import Table
from headwater.tables.streaming_destination import StreamingDestination

_log = structlog.get_logger(__name__)


class DataStreamDestination:
    """Puts the changes of one table into one data stream; name: the stream's."""

    def __init__(
        self,
        table: Table,
        destination: StreamingDestination,
        name: str,
        target: Target,
        activity: StreamingActivity,
    ) -> None:
        self._table = table
        self._precision = destination.precision
        self._name = name
        self._target = target
        self._activity = activity

    def size(self, entry: bytes) -> int:
        return len(entry) + record.FRAME_BYTES + len(self._table.name)

    async def deliver(self, batch: Batch) -> Outcome:
        table = (self._table.region, self._table.name)
        records: list[Record] = []
        counts: list[int] = []  # how many entries are behind once so many records are
        for count, stored in enumerate(batch.entries, 1):
            data = record.data(table, batch.shard_id, stored, self._precision)
            key = record.partition_key(self._table.name, stored.entry)
            if len(data) + len(key) > MB:
                _log.warning(
                    "change_too_large_for_data_stream",
                    table=self._table.name,
                    shard=batch.shard_id,
                    number=sequence_text(stored.number),
                )
                self._activity.note_too_large()
                continue
            records.append(Record(key, data))
            counts.append(count)
        if not records:
            return Delivered()
        try:
            put = await self._target.put(self._table.region, self._name, records)
        except NotPut as error:
            return Throttled(str(error))
        if put < len(records):
            return Partly(counts[put - 1], "The data stream took only part of the records.")
        return Delivered()

    async def give_up(self, given_up: GivenUp) -> None:
        """Changes that could not be put while they could be read; the reader has logged it."""
