from __future__ import annotations

import pytest

from headwater.clock import SeededChance
from headwater.storage import keyspace
from headwater.storage.keyspace import ShardId
from headwater.streams import shard as shards
from headwater.tables.resharding import NotOpen, Resharder, Unsplittable, is_splittable
from headwater.tables.schema import Partition, Table
from tests.unit.tables.running import STREAM, Running, run


def resharder(here: Running) -> Resharder:
    return Resharder(here.catalog, here.clock, SeededChance(2))


def ids(table: Table) -> list[ShardId]:
    return [each.shard_id for each in table.partitions if each.shard_id is not None]


async def stored(here: Running, table: Table, shard_id: ShardId) -> shards.Shard:
    (found,) = await here.engine.get([keyspace.shard(table.table_id, shard_id)])
    assert found is not None
    return shards.decode(found)


def test_rolled_shard_is_closed_and_its_child_takes_what_is_written_then() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        await here.put(table, {"pk": {"S": "a"}})
        (parent,) = ids(table)

        rolled = await resharder(here).roll_over(table, parent)

        await here.put(table, {"pk": {"S": "a"}, "n": {"N": "1"}})
        closed, child = [await stored(here, table, each) for each in (parent, *rolled.children)]
        assert closed.is_closed
        assert child.parent == parent
        assert child.stream_label == closed.stream_label
        assert ids(await here.describe()) == list(rolled.children)
        (head,) = await here.engine.get([keyspace.head(table.table_id, child.shard_id)])
        assert head is not None
        assert shards.decode_head(head).last > child.first > (closed.last or 0)

    run(body, partitions=1)


def test_split_shard_has_a_child_for_each_half() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        (parent,) = ids(table)

        split = await resharder(here).split(table, parent)

        first, second = [await stored(here, table, each) for each in split.children]
        assert first.range.start == 0
        assert second.range == shards.HashRange(first.range.end + 1, shards.HASH_MAX)
        assert first.parent == second.parent == parent

    run(body, partitions=1)


def test_closed_shard_is_neither_rolled_nor_split() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        (parent,) = ids(table)
        await resharder(here).roll_over(table, parent)

        with pytest.raises(NotOpen):
            await resharder(here).roll_over(table, parent)
        with pytest.raises(NotOpen):
            await resharder(here).split(table, parent)

    run(body, partitions=1)


def test_a_range_of_one_hash_is_not_split() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        change = resharder(here)
        shard = ids(table)[0]
        for _ in range(64):
            shard = (await change.split(table, shard)).children[0]

        with pytest.raises(Unsplittable):
            await change.split(table, shard)

        assert not is_splittable(await here.describe(), 0)

    run(body, partitions=1)


def test_table_has_a_bounded_number_of_partitions() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)

        with pytest.raises(Unsplittable, match="at most 1000"):
            await resharder(here).split(table, ids(table)[0])

    run(body, partitions=1000)


def test_last_partition_reaches_to_the_end_of_the_hashes() -> None:
    async def body(here: Running) -> None:
        table = await here.active()

        assert is_splittable(table.changed(partitions=(Partition(0),)), 0)
        assert not is_splittable(
            table.changed(partitions=(Partition(0), Partition(shards.HASH_MAX))), 1
        )

    run(body, partitions=1)
