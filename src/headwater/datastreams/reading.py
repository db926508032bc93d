"""Where in a shard reading starts, and pages from there on.

What has been trimmed is no error here, as it is for tables' streams: reading goes on with the
oldest record that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.stream import DataStream
from headwater.errors import InvalidArgumentException
from headwater.limits import data_stream_page_bytes_max
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import listing
from headwater.streams.entry import time_us_of
from headwater.streams.log import Stored
from headwater.streams.page import Page, Place, read_page
from headwater.streams.position import ShardLog, Trimmed, find_log
from headwater.streams.shard import Shard, number_before, number_from, sequence_text


class ShardPage(NamedTuple):
    """A page of a shard. behind_ms: how far its end is behind the shard's.

    next: None at the end of a closed shard; children: then, those that follow it.
    """

    records: list[Stored]
    next: SequenceNumber | None
    behind_ms: int
    children: list[Shard]


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start by a record: at it, or behind it."""

    number: int
    is_behind: bool


class Reading:
    """Reads the shards of data streams."""

    def __init__(self, engine: Engine, clock: Clock, account: str) -> None:
        self._engine = engine
        self._clock = clock
        self._account = account

    async def find_log(self, stream: DataStream, shard_id: ShardId) -> ShardLog:
        """A shard's log as it is now. Raises ResourceNotFoundException."""
        horizon = stream.horizon_us(self._clock.now())
        shard = await listing.find_shard(self._engine, stream, shard_id, horizon)
        if shard is not None:
            log = await find_log(self._engine, stream.table_id, shard, horizon)
            if log is not None:
                return log
        raise errors.shard_missing(shard_id, stream.name, self._account)

    async def position(self, stream: DataStream, log: ShardLog, start: Start) -> SequenceNumber:
        """The position at, or behind, a record of a shard.

        Raises InvalidArgumentException if the number cannot be of the shard.
        """
        shard, number = log.shard, start.number
        if not (
            shard.first <= number <= log.latest() and number_from(number, shard.lane) == number
        ):
            raise InvalidArgumentException(
                f"StartingSequenceNumber {sequence_text(number, shard.shard_id)} used in "
                f"GetShardIterator on shard {shard.shard_id} in stream {stream.name} under account "
                f"{self._account} is invalid because it did not come from this stream."
            )
        position = number if start.is_behind else number_before(number)
        return SequenceNumber(max(position, await log.oldest()))

    async def page(
        self, stream: DataStream, shard_id: ShardId, after: SequenceNumber, limit: int
    ) -> ShardPage:
        """Records behind a position. Raises ResourceNotFoundException if the shard is gone."""
        log = await self.find_log(stream, shard_id)
        try:
            page = await self._read(log, after, limit)
        except Trimmed:
            page = await self._read(log, max(after, await log.oldest()), limit)
        children = [] if page.next is not None else await self.children(stream, shard_id)
        return ShardPage(page.entries, page.next, self._behind_ms(log, page), children)

    async def children(self, stream: DataStream, shard_id: ShardId) -> list[Shard]:
        """The shards that follow one, in the order of their ids."""
        found = listing.shards_of(self._engine, stream, 0, after=shard_id)
        return [shard async for shard in found if shard_id in shard.parents]

    async def _read(self, log: ShardLog, after: SequenceNumber, limit: int) -> Page:
        place = Place(log.table_id, log.shard.shard_id, after, data_stream_page_bytes_max)
        return await read_page(self._engine, place, log.head, limit, log.horizon)

    def _behind_ms(self, log: ShardLog, page: Page) -> int:
        if page.next is None or page.next >= log.head.last or not page.rows:
            return 0
        last_us = time_us_of(page.rows[-1][1])
        return max(0, int(self._clock.now() * 1000) - last_us // 1000)
