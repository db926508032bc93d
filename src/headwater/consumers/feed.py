"""Reads a shard on and shares its records out among the lanes, up to a bound.

What the consumer's selection does not want is passed here, reaches no lane and counts for nothing.
So is what lanes had behind them when the reader before was stopped: it does not come again.
Reading stops while lanes hold as much as they may, or have got as far ahead of a blocked one as
they may: then only what is behind a lane makes room.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import orjson
import structlog

from headwater.consumers.checkpoint import Checkpoint
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.lane import Lane
from headwater.consumers.observer import Read, Trimmed
from headwater.limits import lanes_ahead_records_max, read_page_records_max
from headwater.storage import keyspace
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import keys_of
from headwater.streams.log import Reading, Stored, read
from headwater.streams.shard import (
    Head,
    decode_head,
    decode_point,
    number_before,
    sequence_text,
)

_HELD_BATCHES_MAX: Final = 4
_log = structlog.get_logger(__name__)


class Feed:
    """Reads for one shard. read_to: number up to which it has. is_last: the shard has no more."""

    def __init__(
        self,
        services: Services,
        consumer: Consumer,
        shard_id: ShardId,
        start: Checkpoint,
        lanes: Sequence[Lane],
    ) -> None:
        table_id = consumer.stream.table_id
        self.read_to = start.position
        self.is_last = False
        self.head_key = keyspace.head(table_id, shard_id)
        self.topic = keyspace.log_prefix(table_id, shard_id)
        self._keys = [self.head_key, keyspace.trim_point(table_id, shard_id)]
        self._services = services
        self._consumer = consumer
        self._shard_id = shard_id
        self._lanes = lanes
        self._position = start.position
        self._done_before = start.ahead
        self._ahead: deque[SequenceNumber] = deque()  # wanted, read, not behind all lanes yet
        settings, count = consumer.settings, len(lanes)
        ahead = (count + 1) * settings.batch_records_max
        self._ahead_max = ahead if count == 1 else max(ahead, lanes_ahead_records_max)
        self._held_bytes_max = min(count + 1, _HELD_BATCHES_MAX) * settings.batch_bytes_max
        self._log = _log.bind(consumer=consumer.name, shard=shard_id)

    @property
    def position(self) -> SequenceNumber:
        """The number up to which everything is behind all lanes; never moves back."""
        firsts = [first for lane in self._lanes if (first := lane.first) is not None]
        if firsts:
            self._position = max(self._position, number_before(min(firsts)))
        else:
            self._position = self.read_to
        return self._position

    @property
    def done_before(self) -> tuple[SequenceNumber, ...]:
        """What is beyond the position and was behind the lanes of the reader before."""
        passed = bisect_right(self._done_before, self.position)
        if passed:
            self._done_before = self._done_before[passed:]
        return self._done_before

    def done_ahead(self) -> tuple[SequenceNumber, ...]:
        """What is beyond the position and behind its lane already."""
        held = {number for lane in self._lanes for number in lane.numbers}
        position, read_to = self.position, self.read_to
        done = (number for number in self._ahead if number > position and number not in held)
        return (*done, *(number for number in self._done_before if number > read_to))

    @property
    def is_stalled(self) -> bool:
        return self._room <= 0

    @property
    def _room(self) -> int:
        """How many records more may be read."""
        if sum(lane.held_bytes for lane in self._lanes) >= self._held_bytes_max:
            return 0
        ahead, position = self._ahead, self.position
        while ahead and ahead[0] <= position:
            ahead.popleft()
        return self._ahead_max - len(ahead)

    async def gather(self) -> None:
        """Read on until nothing is left or there is no more room. Raises Unavailable.

        The head comes first: once it says closed, all of the shard's entries can be read.
        """
        engine = self._services.engine
        while not self.is_last and (room := self._room) > 0:
            stored, point = await engine.get(self._keys)
            if stored is None:  # trimmed away whole
                self.is_last = True
                return
            head = decode_head(stored)
            if decode_point(point) > self.read_to:
                self._pass_trimmed(SequenceNumber(decode_point(point)))
            if head.last > self.read_to:
                await self._read_on(head, min(room, read_page_records_max))
            if head.last <= self.read_to:
                self.is_last = head.is_closed
                return
            await asyncio.sleep(0)  # others wait no longer than for one page

    async def _read_on(self, head: Head, limit: int) -> None:
        bytes_max = self._consumer.settings.batch_bytes_max
        found = await read(
            self._services.engine, self.topic, Reading(self.read_to, limit, bytes_max)
        )
        if not found:
            self._pass_trimmed(head.last)
            return
        following = number_before(found[0].number)
        if following > self.read_to:
            self._pass_trimmed(following)
        self._share_out(found)

    def _share_out(self, found: Sequence[Stored]) -> None:
        consumer, now = self._consumer, self._services.clock.now()
        self.read_to = found[-1].number
        done = self._done_of(found) if self._done_before else frozenset()
        if done:
            found = [stored for stored in found if stored.number not in done]
        unwanted: list[SequenceNumber] = []
        wanted = found
        if consumer.selection is not None:
            verdicts = consumer.selection.wanted(self._shard_id, found)
            wanted = [one for one, verdict in zip(found, verdicts, strict=True) if verdict]
            if len(wanted) < len(found):
                pairs = zip(found, verdicts, strict=True)
                unwanted = [stored.number for stored, verdict in pairs if not verdict]
        for stored in wanted:
            self._lane_of(stored).add(stored, now)
        self._ahead.extend(sorted([*done, *(stored.number for stored in wanted)]))
        if found:
            consumer.observer.note(Read(self._shard_id, found, unwanted))

    def _done_of(self, found: Sequence[Stored]) -> frozenset[SequenceNumber]:
        """The numbers of these records that were behind the lanes of the reader before."""
        done = set(self._done_before)
        return frozenset(stored.number for stored in found if stored.number in done)

    def _lane_of(self, stored: Stored) -> Lane:
        """The lane of a record's partition key: any hash does that is not the one of shards."""
        lanes = self._lanes
        if len(lanes) == 1:
            return lanes[0]
        key, names = keys_of(stored.entry), self._consumer.stream.keys
        if len(names) > 1:
            key = orjson.dumps(orjson.loads(key)[names[0]])
        return lanes[crc32(key) % len(lanes)]

    def _pass_trimmed(self, upto: SequenceNumber) -> None:
        """Go on behind records that nobody can read any more."""
        after = self.read_to
        self._log.warning(
            "records_trimmed_unread", after=sequence_text(after), upto=sequence_text(upto)
        )
        self.read_to = upto
        self._consumer.observer.note(Trimmed(self._shard_id, after, upto))
