from __future__ import annotations

from headwater.audit.story import Story
from headwater.clock import SeededChance
from headwater.lab.check import check
from headwater.lab.streams import StreamStore, trim
from headwater.limits import stream_retention_seconds
from headwater.storage import keyspace
from headwater.streams import entry as entries
from headwater.streams import window as windows
from headwater.streams.entry import Image
from headwater.streams.log import Reading, read
from headwater.streams.window import Stream
from headwater.tables.resharding import Resharder
from headwater.tables.schema import Table
from tests.unit.tables.running import STREAM, Running, Store, run


def lab(here: Running) -> StreamStore:
    return StreamStore(here.engine, here.committer, here.clock, stream_retention_seconds)


async def stream_of(here: Running, table: Table) -> Stream:
    assert table.stream is not None
    (stored,) = await here.engine.get(
        [keyspace.stream(table.region, table.name, table.stream.label)]
    )
    assert stored is not None
    return windows.decode(stored)


async def checked(here: Running) -> Story:
    table = await here.describe()
    return await check(lab(here), await stream_of(here, table), table)


async def written(here: Running) -> Table:
    """A table with changes of three items before, between and after a split and a rollover."""
    table = await here.active(StreamSpecification=STREAM)
    resharder = Resharder(here.catalog, here.clock, SeededChance(2))
    for change in (resharder.split, resharder.roll_over, None):
        for key in "abc":
            count = (await here.describe()).version
            await here.put(table, {"pk": {"S": key}, "n": {"N": str(count)}})
        shard_id = (await here.describe()).partitions[0].shard_id
        if change is not None and shard_id is not None:
            await change(table, shard_id)
    return await here.describe()


def test_stream_of_a_whole_life_has_no_faults_across_splits_and_rollovers() -> None:
    async def body(here: Running) -> None:
        await written(here)

        story = await checked(here)

        assert story.faults == []
        assert story.is_whole
        assert (story.records, story.shards) == (9, 4)

    run(body, partitions=1)


def test_item_that_is_not_what_its_records_make_of_it_is_a_fault() -> None:
    async def body(here: Running) -> None:
        table = await written(here)
        rows = await here.stored((table.items_prefix, table.items_prefix + b"\xff"))
        forged = {key: item.replace(b'"n":', b'"m":') for key, item in rows.items()}
        await here.committer.submit(Store(forged))

        story = await checked(here)

        assert story.faults == [
            f'Item {{"pk":{{"S":"{key}"}}}} is not what its records make of it' for key in "abc"
        ]

    run(body, partitions=1)


def test_trimmed_stream_is_not_expected_to_replay() -> None:
    async def body(here: Running) -> None:
        table = await written(here)
        await trim(lab(here), await stream_of(here, table))
        await here.put(table, {"pk": {"S": "a"}, "n": {"N": "99"}})

        story = await checked(here)

        assert (story.faults, story.is_whole, story.records) == ([], False, 1)

    run(body, partitions=1)


def test_stream_enabled_later_is_not_expected_to_replay() -> None:
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, {"pk": {"S": "a"}})
        await here.update(StreamSpecification=STREAM)
        await here.advance()
        await here.put(await here.describe(), {"pk": {"S": "b"}})

        story = await checked(here)

        assert (story.faults, story.is_whole, story.records) == ([], False, 1)

    run(body, partitions=1)


def test_old_image_that_is_not_the_image_before_is_a_fault() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        for number in range(4):
            await here.put(table, {"pk": {"S": "a"}, "n": {"N": str(number)}})
        shard_id = table.partitions[0].shard_id
        assert shard_id is not None
        prefix = keyspace.log_prefix(table.table_id, shard_id)
        log = await read(here.engine, prefix, Reading(-1, 10, 10**6))
        forged = entries.decode(log[2].entry)._replace(old=Image(b"{}", 1))
        key = prefix + log[2].number.to_bytes(8, "big")
        place = entries.Place(log[2].number, forged.time_us, None)
        await here.committer.submit(Store({key: entries.encode(forged, place)}))

        story = await checked(here)

        assert len(story.faults) == 1
        assert story.faults[0].endswith("the old image is not the item's image before")

    run(body, partitions=1)
