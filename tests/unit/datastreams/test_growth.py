from __future__ import annotations

import pytest

from headwater.datastreams.growth import Growth
from headwater.datastreams.stream import HASH_KEY_MAX, DataStreamStatus, StreamMode
from headwater.streams.load import SplitSettings
from headwater.streams.shard import HashRange
from tests.datastream_store import DataStreamStore, played

SETTINGS = SplitSettings(10, 6)


def growth_of(store: DataStreamStore) -> Growth:
    return Growth(store.streams, store.engine, store.clock, SETTINGS)


async def put_and_look(store: DataStreamStore, growth: Growth, counts: list[int]) -> int:
    """Look once a second, before it put so many records; returns how many shards are open."""
    await growth.look()
    for count in counts:
        if count:
            await store.put(*["a"] * count)
        store.clock.advance(1)
        await growth.look()
    return len((await store.stream()).shards)


@pytest.mark.parametrize(
    ("counts", "shards"),
    [([11] * 6, 2), ([11] * 5, 1), ([10] * 8, 1), ([11] * 4 + [0] + [11] * 5, 1)],
    ids=["long enough", "too short", "not above", "interrupted"],
)
def test_shard_whose_records_stay_above_the_rate_is_split(counts: list[int], shards: int) -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(1, StreamMode.ON_DEMAND)

        assert await put_and_look(store, growth_of(store), counts) == shards

    played(scene)


def test_shard_is_cut_in_the_middle_and_the_stream_stays_active() -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(1, StreamMode.ON_DEMAND)
        await put_and_look(store, growth_of(store), [11] * 6)

        middle = 2**127
        parent, *children = await store.shards()
        ranges = [HashRange(0, middle - 1), HashRange(middle, HASH_KEY_MAX)]
        assert [each.range for each in children] == ranges
        assert [each.parents for each in children] == [(parent.shard_id,)] * 2
        assert (await store.stream()).status is DataStreamStatus.ACTIVE
        assert await store.told() == ["a"] * 66
        assert await store.faults() == []

    played(scene)


def test_one_child_that_goes_on_taking_too_many_is_split_again() -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(1, StreamMode.ON_DEMAND)

        assert await put_and_look(store, growth_of(store), [11] * 14) == 3

    played(scene)


def test_provisioned_stream_keeps_its_shards() -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(1)

        assert await put_and_look(store, growth_of(store), [100] * 8) == 1

    played(scene)


def test_region_that_is_full_has_no_more_shards() -> None:
    async def scene(store: DataStreamStore) -> None:
        await store.create(1000, StreamMode.ON_DEMAND)

        assert await put_and_look(store, growth_of(store), [11] * 8) == 1000

    played(scene)
