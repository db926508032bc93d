"""Where in a shard reading starts.

A position is the number after which to read. It always lies on the shard's own lane, so the first
entry wanted is the very next number: within a shard no number is left out, which is what lets a
reader tell "nothing yet" from "trimmed away" without anything stored beside the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from headwater.storage import keyspace
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import SequenceNumber, TableId
from headwater.streams.entry import time_us_of
from headwater.streams.shard import (
    Head,
    Shard,
    decode_head,
    decode_point,
    middle_number,
    next_number,
    number_before,
    number_from,
)


class Trimmed(Exception):
    """What was asked for is older than the oldest entry kept."""


class OutsideShard(Exception):
    """The sequence number cannot be of this shard."""


@dataclass(frozen=True, slots=True)
class ShardLog:
    """A shard's log as found: all its entries up to the head's last are committed.

    horizon: microseconds since the epoch; what is older counts as trimmed. trimmed: number up to
    which the shard was trimmed on command.
    """

    engine: Engine
    table_id: TableId
    shard: Shard
    head: Head
    horizon: int
    trimmed: int

    def untrimmed(self) -> ShardLog:
        """The same with what was trimmed on command: a log kept for recovery still has it."""
        return replace(self, trimmed=-1)

    def latest(self) -> SequenceNumber:
        """Behind the newest entry."""
        return max(self.head.last, self.shard.first)

    async def oldest(self) -> SequenceNumber:
        """Before the oldest entry that is not trimmed."""
        return await self.at_time(self.horizon)

    async def at_time(self, time_us: int) -> SequenceNumber:
        """Before the first entry that is kept and not older than a time; behind all if none is."""
        return SequenceNumber(max(await self._at_time(time_us), self.trimmed))

    async def _at_time(self, time_us: int) -> SequenceNumber:
        time_us = max(time_us, self.horizon)
        prefix = keyspace.log_prefix(self.table_id, self.shard.shard_id)
        stored = await self.engine.scan(Span(prefix, prefix + b"\xff" * 9, 1))
        if not stored:
            return self.latest()
        key, entry = stored[0]
        low = SequenceNumber(int.from_bytes(key[-8:], "big"))
        if time_us_of(entry) >= time_us:
            return number_before(low)
        # Times never decrease along a shard, so the first that is late enough is found by halving.
        high = next_number(self.latest(), self.shard.lane)
        while low < high:
            middle = middle_number(low, high)
            if await self._is_before(middle, time_us):
                low = next_number(middle, self.shard.lane)
            else:
                high = middle
        return number_before(low)

    async def at_number(self, number: int) -> SequenceNumber:
        """Before the first entry whose number is not below the one given, which need not exist.

        A shard's own first number stands for everything it still has.
        Raises Trimmed if that entry is gone, OutsideShard if the shard's numbers end before it.
        """
        if number == self.shard.first:
            return await self.oldest()
        if number < self.shard.first:
            raise Trimmed
        wanted = number_from(number, self.shard.lane)
        if wanted > next_number(self.latest(), self.shard.lane):
            raise OutsideShard
        if wanted <= self.trimmed:
            raise Trimmed
        if wanted <= self.head.last and await self._is_before(wanted, self.horizon):
            raise Trimmed
        return number_before(wanted)

    async def _is_before(self, number: SequenceNumber, time_us: int) -> bool:
        """Whether an entry the shard once got is older than a time, or removed."""
        prefix = keyspace.log_prefix(self.table_id, self.shard.shard_id)
        (stored,) = await self.engine.get([prefix + number.to_bytes(8, "big")])
        return stored is None or time_us_of(stored) < time_us


async def find_log(
    engine: Engine, table_id: TableId, shard: Shard, horizon: int
) -> ShardLog | None:
    """The log of a shard as it is now, or None if the shard has been removed meanwhile."""
    stored, point = await engine.get(
        [keyspace.head(table_id, shard.shard_id), keyspace.trim_point(table_id, shard.shard_id)]
    )
    if stored is None:
        return None
    return ShardLog(engine, table_id, shard, decode_head(stored), horizon, decode_point(point))
