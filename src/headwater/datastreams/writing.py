"""Records put into a stream: each to the open shard that has its hash, all of a call in one commit.

The stream is read in the commit itself, so a record never goes to a shard that has closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.changes import StreamChanged, StreamGone, loaded
from headwater.datastreams.stream import DataStream
from headwater.errors import InvalidArgumentException, ServiceUnavailable
from headwater.limits import write_plans_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import log
from headwater.streams.entry import record_entry
from headwater.streams.shard import sequence_text


class NewRecord(NamedTuple):
    """A record to put.

    hashed: of its key, or as the client says. after: number that its own is to follow.
    """

    partition_key: str
    data: bytes
    hashed: int
    after: int = -1


class Placed(NamedTuple):
    """Where a record was put."""

    shard_id: ShardId
    number: SequenceNumber

    @property
    def sequence(self) -> str:
        return sequence_text(self.number, self.shard_id)


@dataclass(frozen=True, slots=True)
class _Put:
    """Work: records to their shards, of a stream as it was read.

    Raises StreamChanged if the shards are others meanwhile, StreamGone,
    InvalidArgumentException if a number to follow has not been given yet.
    """

    planned: DataStream
    records: Sequence[NewRecord]
    time_us: int

    @property
    def reads(self) -> Sequence[bytes]:
        of = self.planned
        shards = {of.shard_of(record.hashed).shard_id for record in self.records}
        return [of.key, *(keyspace.head(of.table_id, shard_id) for shard_id in shards)]

    def run(self, view: View) -> list[Placed]:
        stream = loaded(view, self.planned)
        if not stream.status.takes_records:
            raise StreamGone
        if stream.shards != self.planned.shards:
            raise StreamChanged
        return [self._append(view, record) for record in self.records]

    def _append(self, view: View, record: NewRecord) -> Placed:
        shard = self.planned.shard_of(record.hashed)
        opened = log.open_shard(self.planned.table_id, shard.shard_id, shard.lane)
        entry = record_entry(record.partition_key, record.data, self.time_us)
        number = log.append(view, opened, entry)
        if number <= record.after:
            raise InvalidArgumentException(
                f"ExclusiveMinimumSequenceNumber {sequence_text(record.after, shard.shard_id)} "
                f"used in PutRecord on stream {self.planned.name} is invalid because it did not "
                "come from this stream."
            )
        return Placed(shard.shard_id, number)


class Intake:
    """Puts records into streams."""

    def __init__(self, streams: DataStreams, committer: Committer, clock: Clock) -> None:
        self._streams = streams
        self._committer = committer
        self._clock = clock

    async def put(self, region: str, name: str, records: Sequence[NewRecord]) -> list[Placed]:
        """Where each record of a call was put, in their order.

        Raises ResourceNotFoundException, also while the stream is being created or deleted.
        """
        for _ in range(write_plans_max):
            stream = await self._streams.find(region, name)
            work = _Put(stream, records, int(self._clock.now() * 1e6))
            try:
                placed: list[Placed] = await self._committer.submit(work)
            except StreamChanged:
                continue
            except StreamGone:
                raise errors.stream_missing(name, self._streams.account) from None
            return placed
        raise ServiceUnavailable
