"""The shards of a stream, read on from where they were left, parents before children.

Found is a number that does not grow along a line of shards, is missing or is given twice; what the
records say is the story's (`story.py`). Writes, splits and trims may go on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from headwater.audit.story import Story
from headwater.limits import MB
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId, log_prefix
from headwater.streams import listing
from headwater.streams.entry import decode
from headwater.streams.log import Reading, Stored, read
from headwater.streams.position import ShardLog, find_log
from headwater.streams.shard import Shard, next_number, number_before, sequence_text
from headwater.streams.window import AnyStream

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """A stream, where it is stored, and the horizon before which its records count as trimmed."""

    engine: Engine
    stream: AnyStream
    horizon: Callable[[], int]

    async def shards(self) -> dict[ShardId, Shard]:
        found = listing.shards_of(self.engine, self.stream, self.horizon())
        return {shard.shard_id: shard async for shard in found}

    async def log(self, shard: Shard) -> ShardLog | None:
        return await find_log(self.engine, self.stream.table_id, shard, self.horizon())


class Lines:
    """The shards of a stream read on, and how far each has been."""

    def __init__(self, told: Told, story: Story) -> None:
        self._told = told
        self._story = story
        self._reached: dict[ShardId, SequenceNumber] = {}
        self._ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)

    async def read_on(self) -> None:
        """Tell what is new in every shard, parents before children."""
        listed = await self._told.shards()
        self._story.shards = len(listed)
        for shard in parents_first(listed):
            await self._read_shard(shard, listed)
            await asyncio.sleep(0)

    async def _read_shard(self, shard: Shard, listed: Mapping[ShardId, Shard]) -> None:
        log = await self._told.log(shard)
        if log is None:
            self._story.is_whole = False
            return
        if shard.shard_id not in self._reached:
            self._begin(log, await log.oldest(), listed)
        reached = self._reached[shard.shard_id]
        prefix = log_prefix(self._told.stream.table_id, shard.shard_id)
        while reached < log.latest():
            reading = Reading(reached, _PAGE, MB)
            found = await read(self._told.engine, prefix, reading)
            upto = number_before(found[0].number) if found else log.latest()
            if upto > reached and await self._is_trimmed(shard, reached):
                self._story.forget()
                reached = upto
            if not found:
                if upto > reached:
                    self._story.fault(f"{shard.shard_id} ends behind {_text(shard, reached)}")
                break
            reached = self._tell(shard, reached, found)
            await asyncio.sleep(0)
        self._reached[shard.shard_id] = max(reached, log.latest())

    async def _is_trimmed(self, shard: Shard, reached: SequenceNumber) -> bool:
        """Whether what follows a number has been trimmed while it was to be read."""
        log = await self._told.log(shard)
        return log is None or await log.oldest() > reached

    def _begin(
        self, log: ShardLog, oldest: SequenceNumber, listed: Mapping[ShardId, Shard]
    ) -> None:
        story, shard = self._story, log.shard
        self._reached[shard.shard_id] = oldest
        parents = [listed.get(each) for each in shard.parents]
        if oldest > shard.first or None in parents:
            story.is_whole = False
        for parent in parents:
            if parent is not None and (parent.last is None or parent.last >= shard.first):
                story.fault(f"{shard.shard_id} does not begin behind its parent's end")
        own = (shard.first, log.latest())
        for other in self._ranges[shard.lane]:
            if own[0] < other[1] and other[0] < own[1]:
                story.fault(f"{shard.shard_id} has numbers of another shard")
        self._ranges[shard.lane].append(own)

    def _tell(self, shard: Shard, reached: SequenceNumber, found: list[Stored]) -> SequenceNumber:
        for number, entry in found:
            if number != next_number(reached, shard.lane):
                self._story.fault(
                    f"{shard.shard_id}: {_text(shard, number)} follows {_text(shard, reached)}"
                )
            reached = number
            self._story.tell(shard, number, decode(entry))
        return reached


def _text(shard: Shard, number: SequenceNumber) -> str:
    return sequence_text(number, shard.shard_id)


def parents_first(listed: Mapping[ShardId, Shard]) -> Iterable[Shard]:
    """Shards in an order in which every parent comes before its children."""
    done: set[ShardId] = set()
    for shard in listed.values():
        line = [shard]
        while line:
            parents = [listed[each] for each in line[-1].parents if each in listed]
            before = [each for each in parents if each.shard_id not in done]
            if before:
                line += before
                continue
            ready = line.pop()
            if ready.shard_id not in done:
                done.add(ready.shard_id)
                yield ready
