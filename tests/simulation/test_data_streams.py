"""Seeded lives of a data stream: records put while its shards split, merge, scale and are trimmed.

What must hold: *no record acknowledged is lost* while it is within the retention, *order per key*
for who reads parents first, no repeats, and the store is whole at the end. A failure names its
seed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest

from headwater.datastreams.stream import HASH_KEY_MAX, OpenShard, hash_key
from headwater.datastreams.writing import NewRecord
from headwater.errors import ServiceError
from headwater.storage.keyspace import TableId
from headwater.streams.retention import RetentionSettings, Trimmer
from tests.datastream_store import NAME, REGION, DataStreamStore, played

STEPS = 60
KEYS = [f"key-{number}" for number in range(12)]


class Life:
    """A random life, and what it has been told is stored."""

    def __init__(self, store: DataStreamStore, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.put: dict[str, list[str]] = defaultdict(list)
        self.count = 0

    async def step(self) -> None:
        act = self.random.choice([self.write, self.write, self.write, self.reshard, self.scale])
        await act()

    async def write(self) -> None:
        keys = [self.random.choice(KEYS) for _ in range(self.random.randint(1, 9))]
        names = []
        for key in keys:
            self.count += 1
            names.append(f"{key}/{self.count}")
        pairs = zip(keys, names, strict=True)
        records = [NewRecord(key, name.encode(), hash_key(key)) for key, name in pairs]
        await self.store.intake.put(REGION, NAME, records)
        for key, name in zip(keys, names, strict=True):
            self.put[key].append(name)

    async def reshard(self) -> None:
        stream = await self.store.settled()
        shard: OpenShard = self.random.choice(stream.shards)
        end = stream.end_of(shard)
        if self.random.random() < 0.5 or len(stream.shards) == 1:
            if end - shard.start > 4:
                start = self.random.randint(shard.start + 2, end - 1)
                await self.store.scaling.split(stream, shard.shard_id, start)
        elif end < HASH_KEY_MAX:
            pair = [shard.shard_id, stream.shard_of(end + 1).shard_id]
            self.random.shuffle(pair)
            await self.store.scaling.merge(stream, pair[0], pair[1])

    async def scale(self) -> None:
        stream = await self.store.settled()
        count = len(stream.shards)
        wanted = self.random.randint((count + 1) // 2, min(2 * count, 9))
        if wanted != count:
            await self.store.scaling.scale(stream, wanted)


def by_key(told: Sequence[str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for name in told:
        found[name.partition("/")[0]].append(name)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_every_record_is_read_once_and_in_order_whatever_becomes_of_the_shards(seed: int) -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(3)
        life = Life(store, seed)
        for _ in range(STEPS):
            await life.step()
        await store.settled()

        assert by_key(await store.told()) == life.put
        assert await store.faults() == []

    played(scene)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_older_than_the_retention_goes_and_nothing_else(seed: int) -> None:
    async def scene(store: DataStreamStore) -> None:
        stream = await store.create(3)
        await store.streams.set_retention(stream, 48, is_longer=True)
        await store.settled()
        old, new = Life(store, seed), Life(store, seed + 100)
        new.count = 1000
        for _ in range(STEPS // 3):
            await old.step()
        store.clock.advance(40 * 3600)
        for _ in range(STEPS // 3):
            await new.step()
        await store.settled()

        told_before = by_key(await store.told())
        store.clock.advance(20 * 3600)
        await trimmed(store)

        both = {key: old.put.get(key, []) + new.put.get(key, []) for key in KEYS}
        assert told_before == {key: names for key, names in both.items() if names}
        assert by_key(await store.told()) == new.put
        assert await store.faults() == []

    played(scene)


async def trimmed(store: DataStreamStore) -> None:
    stream = await store.stream()

    async def kept() -> dict[TableId, int]:
        return {stream.table_id: stream.horizon_us(store.clock.now())}

    settings = RetentionSettings(24 * 3600, kept_since=kept)
    assert await Trimmer(store.engine, store.committer, store.clock, settings).trim() > 0


def test_deleted_stream_leaves_nothing_behind() -> None:
    async def scene(store: DataStreamStore) -> None:
        stream = await store.create(3)
        await store.put(*KEYS)
        await store.consumers.register(stream, "reader", {})
        await store.streams.delete(REGION, NAME, with_consumers=True)
        with pytest.raises(ServiceError):
            await store.put("late")
        for _ in range(5):
            await store.turn()

        assert not store.engine._keys

    played(scene)
