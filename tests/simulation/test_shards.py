"""Seeded lives of a stream: writes, splits, rollovers, trims, restarts, and readers by the API.

What must hold for a reader that takes parents before children: *no gaps for a reader*, *order per
key*, no repeats, whatever becomes of the shards it holds iterators of. A reader that forgets the
children visibly loses records. A failure names its seed, which repeats it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from headwater.errors import TrimmedDataAccessException
from headwater.lab.streams import StreamStore, trim
from headwater.storage.keyspace import ShardId
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.logged_store import LoggedStore, open_shards
from tests.unit.api.stream_client import DAY, Client

STEPS = 150
KEYS = 6
LANES = 2**16


@dataclass
class Reader:
    """Reads a stream as consumers do: iterators held for long, parents before children.

    follows: takes up shards that open after its start. read: numbers and keys in their order.
    trims_met: how often it was told that records are trimmed.
    """

    client: Client
    follows: bool = True
    read: list[tuple[int, str, int]] = field(default_factory=list)
    trims_met: int = 0
    _iterators: dict[str, str] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)
    _last: dict[str, int] = field(default_factory=dict)
    _has_started: bool = False

    async def look(self, table: Table, limit: int) -> None:
        """Take up what can be read, and read a page of each shard."""
        if self.follows or not self._has_started:
            await self._take_up(table)
        for shard_id, iterator in list(self._iterators.items()):
            try:
                page = await self.client.call("GetRecords", ShardIterator=iterator, Limit=limit)
            except TrimmedDataAccessException:
                self.trims_met += 1
                self._last.pop(shard_id, None)
                self._iterators[shard_id] = await self._oldest(table, shard_id)
                continue
            self._note(shard_id, page)
            if "NextShardIterator" in page:
                self._iterators[shard_id] = page["NextShardIterator"]
            else:
                del self._iterators[shard_id]
                self._finished.add(shard_id)

    async def _take_up(self, table: Table) -> None:
        self._has_started = True
        shards = {shard["ShardId"]: shard for shard in await self.client.shards(table)}
        for shard_id, shard in shards.items():
            parent = shard.get("ParentShardId")
            is_known = shard_id in self._iterators or shard_id in self._finished
            if not is_known and (parent not in shards or parent in self._finished):
                self._iterators[shard_id] = await self._oldest(table, shard_id)

    async def _oldest(self, table: Table, shard_id: str) -> str:
        return await self.client.iterator(table, shard=ShardId(shard_id))

    def _note(self, shard_id: str, page: dict[str, Any]) -> None:
        for record in page["Records"]:
            change = record["dynamodb"]
            image = change["NewImage"]
            number = parse_sequence(change["SequenceNumber"])
            if shard_id in self._last:
                assert number == self._last[shard_id] + LANES, "a gap that nobody told of"
            self._last[shard_id] = number
            self.read.append((number, image["k"]["S"], int(image["n"]["N"])))


class Life:
    """One table's log and its readers; `written` is what readers must see."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.store = LoggedStore()
        self.table: Table
        self.written: set[int] = set()
        self.trimmed: set[int] = set()
        self.readers: list[Reader] = []

    async def live(self, kinds: dict[str, int]) -> None:
        async with self.store.running():
            self.table = await self.store.create_table(count=2)
            self.readers = [Reader(Client(self.store)) for _ in range(2)]
            self.readers.append(Reader(Client(self.store), follows=False))
            for reader in self.readers:
                await reader.look(self.table, 10)
            for _ in range(STEPS):
                await self.step(self.luck.choices(list(kinds), list(kinds.values()))[0])
            for _ in range(STEPS):
                for reader in self.readers:
                    await reader.look(self.table, 1000)

    async def step(self, kind: str) -> None:
        match kind:
            case "write":
                for _ in range(self.luck.randrange(1, 6)):
                    key = f"key-{self.luck.randrange(KEYS)}"
                    self.written.add(await self.store.append(self.table, key))
                self.store.clock.advance(0.01)
            case "split" | "roll":
                change = self.store.split if kind == "split" else self.store.roll_over
                self.table = await change(self.table, self.luck.choice(open_shards(self.table)))
            case "trim":
                await self.trim()
            case "restart":  # iterators hold their positions themselves: nothing else survives
                for reader in self.readers:
                    reader.client = Client(self.store)
            case _:
                reader = self.luck.choice(self.readers)
                await reader.look(self.table, self.luck.choice([1, 3, 100]))

    async def trim(self) -> None:
        store = self.store
        lab = StreamStore(store.engine, store.committer, store.clock, DAY)
        shards = [
            ShardId(each["ShardId"]) for each in await self.readers[0].client.shards(self.table)
        ]
        shard = await store.shard(self.table, self.luck.choice(shards))
        own = sorted(number for number in self.written if number & 0xFFFF == shard.lane)
        upto = self.luck.choice(own) if own else None
        await trim(lab, await store.stream(self.table), shard, upto)
        self.trimmed |= {number for number in own if upto is not None and number <= upto}
        if self.luck.random() < 0.5:
            settings = RetentionSettings()
            await Trimmer(store.engine, store.committer, store.clock, settings).trim()


def check_order(reader: Reader) -> None:
    """No record twice, and every key's changes in the order in which they were made."""
    numbers = [number for number, _, _ in reader.read]
    assert len(numbers) == len(set(numbers))
    for key in {key for _, key, _ in reader.read}:
        own = [(number, count) for number, each, count in reader.read if each == key]
        assert own == sorted(own)


@pytest.mark.parametrize("seed", range(12))
def test_reader_of_parents_before_children_sees_every_record_once_and_in_order(seed: int) -> None:
    life = Life(seed)
    kinds = {"write": 60, "split": 4, "roll": 5, "restart": 3, "look": 30}

    asyncio.run(life.live(kinds))

    for reader in life.readers[:2]:
        assert {number for number, _, _ in reader.read} == life.written
        assert reader.trims_met == 0
        check_order(reader)


@pytest.mark.parametrize("seed", range(12))
def test_reader_misses_only_what_was_trimmed_and_is_told_so(seed: int) -> None:
    life = Life(seed)
    kinds = {"write": 60, "split": 3, "roll": 4, "trim": 6, "restart": 3, "look": 15}

    asyncio.run(life.live(kinds))

    for reader in life.readers[:2]:
        missed = life.written - {number for number, _, _ in reader.read}
        assert missed <= life.trimmed
        check_order(reader)


def test_reader_that_forgets_children_loses_what_is_written_to_them() -> None:
    life = Life(0)

    asyncio.run(life.live({"write": 60, "split": 4, "roll": 5, "look": 30}))

    read = {number for number, _, _ in life.readers[2].read}
    assert read < life.written
    lanes = {number & 0xFFFF for number in life.written - read}
    assert lanes.isdisjoint({0, 1}), "of the shards it began with it reads everything"
