"""A new index filled while writes go on."""

import asyncio
from dataclasses import replace

import pytest

from headwater.limits import table_step_items_max
from headwater.storage import keyspace
from headwater.storage.keyspace import IndexId, TableId
from headwater.tables import backfill, keys, schema
from headwater.tables import write as writes
from headwater.tables.schema import (
    Index,
    IndexStatus,
    KeyAttribute,
    KeySchema,
    ProjectionType,
    Table,
)
from headwater.values import codec
from headwater.values.item import Item
from tests.unit.tables.running import REGION, Running, Store, run

BY_ARTIST = Index(
    "by-artist",
    IndexId("f" * 16),
    True,
    KeySchema((KeyAttribute("artist", "S"),)),
    ProjectionType.ALL,
    status=IndexStatus.CREATING,
    is_backfilling=True,
)


async def back_filling(here: Running, table: Table) -> Table:
    """The table with an index that is CREATING, put in behind the back of the transitions."""
    changed = table.changed(indexes=(BY_ARTIST,))
    await here.committer.submit(Store({table.key: schema.encode(changed)}))
    return await here.describe()


async def fill(here: Running, table: Table) -> bool:
    filling = backfill.index_entries(table.indexes[0].index_id)
    return await backfill.fill(here.engine, here.committer, table, filling)


async def entries(here: Running, table: Table) -> list[Item]:
    rows = await here.stored(keyspace.indexes_span(table.table_id))
    return [codec.decode(stored) for stored in rows.values()]


def pk_of(item: Item) -> str:
    pk: str = item["pk"]["S"]
    return pk


def song(number: int, artist: str = "a") -> Item:
    return {"pk": {"S": f"{number:05}"}, "artist": {"S": artist}}


def test_every_item_gets_its_entry_in_several_steps():
    async def body(here: Running) -> None:
        table = await here.active()
        count = table_step_items_max * 2 + 1
        for number in range(count):
            await here.put(table, song(number))
        table = await back_filling(here, table)

        assert await fill(here, table)

        found = await entries(here, table)
        assert sorted(found, key=pk_of) == [song(number) for number in range(count)]

    run(body)


@pytest.mark.parametrize(
    "item",
    [
        {"pk": {"S": "1"}},
        {"pk": {"S": "1"}, "artist": {"N": "1"}},
        {"pk": {"S": "1"}, "artist": {"S": ""}},
        {"pk": {"S": "1"}, "artist": {"S": "a" * 2049}},
    ],
)
def test_items_whose_index_keys_do_not_fit_are_skipped(item):
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, item)
        table = await back_filling(here, table)

        assert await fill(here, table)

        assert await entries(here, table) == []

    run(body)


def test_writes_meanwhile_neither_lose_an_entry_nor_leave_a_stale_one():
    async def body(here: Running) -> None:
        table = await here.active()
        for number in range(1000):
            await here.put(table, song(number))
        table = await back_filling(here, table)
        left = {number: song(number) for number in range(1000)}

        async def write() -> None:
            for number in range(0, 1000, 3):
                left[number] = song(number, artist=f"b{number}")
                await here.put(table, left[number])
            for number in range(0, 1000, 7):
                left.pop(number)
                key = keys.of_key(table, {"pk": song(number)["pk"]})
                delete = writes.Write(table, key, writes.Delete())
                await writes.Writer(here.committer, here.catalog).write(delete, 1)

        filled, _ = await asyncio.gather(fill(here, table), write())

        assert filled
        assert sorted(await entries(here, table), key=pk_of) == sorted(left.values(), key=pk_of)

    run(body)


def test_a_second_back_fill_changes_nothing():
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, song(1))
        table = await back_filling(here, table)
        await fill(here, table)
        once = await here.stored(keyspace.indexes_span(table.table_id))

        await fill(here, table)

        assert await here.stored(keyspace.indexes_span(table.table_id)) == once

    run(body)


def test_a_back_fill_stops_when_its_index_is_deleted():
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, song(1))
        table = await back_filling(here, table)
        deleting = replace(BY_ARTIST, status=IndexStatus.DELETING)
        changed = schema.encode(table.changed(indexes=(deleting,)))
        await here.committer.submit(Store({table.key: changed}))

        assert not await fill(here, table)

        assert await entries(here, table) == []

    run(body)


def test_a_back_fill_stops_when_its_table_is_another():
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, song(1))
        table = await back_filling(here, table)
        other = replace(table, table_id=TableId("22222222-2222-4222-8222-222222222222"))
        await here.committer.submit(Store({table.key: schema.encode(other)}))

        assert not await fill(here, table)

        assert (await here.catalog.describe(REGION, "music")).table_id == other.table_id

    run(body)
