"""Proof that a stream tells the truth, from what is stored.

Read are all records that are not trimmed, parents before children. Found is: a number that does
not grow along a line of shards, is missing or is given twice; a record whose old image is not the
new image of the record before; and, of a stream that has been on since its table's creation and has
lost nothing, an item that is not what the records make of it. Writes may go on meanwhile: an item
that changes while the table is read is not compared.

It holds the latest image of every item in memory.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from headwater.lab.streams import StreamStore, shards_of
from headwater.limits import MB
from headwater.storage.engine import Span
from headwater.storage.keyspace import SequenceNumber, ShardId, log_prefix
from headwater.streams.entry import Entry, Kind, decode
from headwater.streams.log import Reading, Stored, read
from headwater.streams.position import ShardLog, find_log
from headwater.streams.shard import Shard, next_number, number_before, sequence_text
from headwater.streams.window import Stream
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.order import after_prefix

FAULTS_MAX: Final = 100
_PAGE: Final = 1000
_KINDS: Final = {(False, True): Kind.INSERT, (True, True): Kind.MODIFY, (True, False): Kind.REMOVE}


@dataclass(slots=True)
class Story:
    """What a stream's records have told so far. faults: the first of them, in words.

    images: the latest of every item by its key's JSON, empty of one that is gone. touched: keys
    changed since it was last cleared. is_whole: nothing is missing from the table's beginning on.
    """

    is_whole: bool
    records: int = 0
    shards: int = 0
    faults: list[str] = field(default_factory=list)
    images: dict[bytes, bytes] = field(default_factory=dict)
    touched: set[bytes] = field(default_factory=set)

    def fault(self, text: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(text)

    def forget(self) -> None:
        """Judge no record by those before: some are lost."""
        self.is_whole = False
        self.images.clear()

    def tell(self, shard: Shard, number: SequenceNumber, entry: Entry) -> None:
        """Take in the next record of a shard."""
        self.records += 1
        where = f"{shard.shard_id} {sequence_text(number)}"
        key, old, new = entry.keys.body, entry.old.body, entry.new.body
        if _KINDS.get((bool(old), bool(new))) is not entry.kind:
            self.fault(f"{where}: {entry.kind.name} does not go with its images")
        before = self.images.get(key, b"" if self.is_whole else None)
        if before is not None and before != old:
            self.fault(f"{where}: the old image is not the item's image before")
        self.images[key] = new
        self.touched.add(key)


class _Lines:
    """The shards of a stream read on, and how far each has been."""

    def __init__(self, store: StreamStore, stream: Stream, story: Story) -> None:
        self._store = store
        self._stream = stream
        self._story = story
        self._reached: dict[ShardId, SequenceNumber] = {}
        self._ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)

    async def read_on(self) -> None:
        """Tell what is new in every shard, parents before children."""
        listed = {shard.shard_id: shard for shard in await shards_of(self._store, self._stream)}
        self._story.shards = len(listed)
        for shard in parents_first(listed):
            await self._read_shard(shard, listed)
            await asyncio.sleep(0)

    async def _read_shard(self, shard: Shard, listed: Mapping[ShardId, Shard]) -> None:
        log = await find_log(
            self._store.engine, self._stream.table_id, shard, self._store.horizon()
        )
        if log is None:
            self._story.is_whole = False
            return
        if shard.shard_id not in self._reached:
            self._begin(log, await log.oldest(), listed)
        reached = self._reached[shard.shard_id]
        prefix = log_prefix(self._stream.table_id, shard.shard_id)
        while reached < log.latest():
            reading = Reading(reached, _PAGE, MB)
            found = await read(self._store.engine, prefix, reading)
            upto = number_before(found[0].number) if found else log.latest()
            if upto > reached and await self._is_trimmed(shard, reached):
                self._story.forget()
                reached = upto
            if not found:
                if upto > reached:
                    self._story.fault(f"{shard.shard_id} ends behind {sequence_text(reached)}")
                break
            reached = self._tell(shard, reached, found)
            await asyncio.sleep(0)
        self._reached[shard.shard_id] = max(reached, log.latest())

    async def _is_trimmed(self, shard: Shard, reached: SequenceNumber) -> bool:
        """Whether what follows a number has been trimmed while it was to be read."""
        log = await find_log(
            self._store.engine, self._stream.table_id, shard, self._store.horizon()
        )
        return log is None or await log.oldest() > reached

    def _begin(
        self, log: ShardLog, oldest: SequenceNumber, listed: Mapping[ShardId, Shard]
    ) -> None:
        story, shard = self._story, log.shard
        self._reached[shard.shard_id] = oldest
        if oldest > shard.first or (shard.parent is not None and shard.parent not in listed):
            story.is_whole = False
        parent = None if shard.parent is None else listed.get(shard.parent)
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
                    f"{shard.shard_id}: {sequence_text(number)} follows {sequence_text(reached)}"
                )
            reached = number
            self._story.tell(shard, number, decode(entry))
        return reached


async def check(store: StreamStore, stream: Stream, table: Table | None) -> Story:
    """Read a stream and, if it can be expected to hold it, its table.

    table: of the stream, or None if it is gone.
    """
    is_on = table is not None and table.stream is not None and table.stream.label == stream.label
    story = Story(is_whole=stream.is_whole)
    lines = _Lines(store, stream, story)
    await lines.read_on()
    if table is None or not is_on or not story.is_whole:
        return story
    story.touched.clear()
    expected = dict(story.images)
    suspects = {}
    async for key, body in _items(store, table):
        if expected.pop(key, b"") != body:
            suspects[key] = "is not what its records make of it"
    suspects.update({key: "is missing" for key, image in expected.items() if image})
    await lines.read_on()
    for key in sorted(suspects.keys() - story.touched):
        story.fault(f"Item {key.decode()} {suspects[key]}")
    return story


async def _items(store: StreamStore, table: Table) -> AsyncIterator[tuple[bytes, bytes]]:
    """The JSON of every item's key, and of the item."""
    start, stop = table.items_prefix, after_prefix(table.items_prefix)
    names = table.keys.names()
    while rows := await store.engine.scan(Span(start, stop, _PAGE, bytes_max=MB)):
        for _, stored in rows:
            item = codec.decode(stored)
            key = {name: item[name] for name in names}
            yield orjson.dumps(key, option=orjson.OPT_SORT_KEYS), codec.body(stored)
        start = rows[-1][0] + b"\x00"
        await asyncio.sleep(0)


def parents_first(listed: Mapping[ShardId, Shard]) -> Iterable[Shard]:
    """Shards in an order in which every parent comes before its children."""
    done: set[ShardId] = set()
    for shard in listed.values():
        line: list[Shard] = []
        each: Shard | None = shard
        while each is not None and each.shard_id not in done:
            line.append(each)
            each = None if each.parent is None else listed.get(each.parent)
        for member in reversed(line):
            done.add(member.shard_id)
            yield member
