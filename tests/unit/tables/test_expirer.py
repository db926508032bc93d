"""Items deleted once they have expired, and no others."""

import asyncio

import pytest

from headwater.limits import (
    expiry_age_seconds_max,
    expiry_poll_seconds,
    expiry_round_seconds,
    expiry_step_bytes_max,
    expiry_step_items_max,
)
from headwater.storage import keyspace
from headwater.storage.engine import CommitGroup, Span, Unavailable
from headwater.storage.memory import MemoryEngine
from headwater.streams import entry as entries_of_log
from headwater.streams.entry import Entry, Kind
from headwater.tables import expiry, keys
from headwater.tables.schema import Table
from headwater.tables.write import Delete, Write, Writer
from tests.unit.tables.expiring import (
    NOW,
    entries,
    expiring,
    item,
    mortal,
    pass_time,
    pks,
    run,
    switch,
)
from tests.unit.tables.running import CREATE_INDEX, STREAM, Running, Store, idle

WITH_INDEX = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "artist", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [CREATE_INDEX["GlobalSecondaryIndexUpdates"][0]["Create"]],
}
LATE = 1000


async def log(here: Running, table: Table) -> list[Entry]:
    """The table's log entries, shard by shard."""
    (shard,) = {partition.shard_id for partition in table.partitions}
    assert shard is not None
    prefix = keyspace.log_prefix(table.table_id, shard)
    rows = await here.stored((prefix, prefix + b"\xff" * 9))
    return [entries_of_log.decode(stored) for stored in rows.values()]


@pytest.mark.parametrize("after", [3, 59, 61, LATE])
def test_an_item_goes_soon_after_its_time_and_not_before(after):
    async def body(here: Running) -> None:
        table = await mortal(here)
        time = int(here.clock.now()) + after
        await here.put(table, item("a", time))

        await pass_time(here, after - 0.5)
        before = await pks(here, table)
        await pass_time(here, 0.5 + expiry_round_seconds)

        assert before == ["a"]
        assert await pks(here, table) == []

    run(body)


def test_an_item_written_with_a_time_that_has_passed_goes_at_once():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await pass_time(here, 2 * expiry_round_seconds)

        await here.put(table, item("a", NOW))
        await idle()

        assert await pks(here, table) == []

    run(body)


def test_an_item_whose_time_is_brought_forward_goes_at_the_new_time():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await here.put(table, item("a", NOW + LATE))
        await pass_time(here, 5)

        await here.put(table, item("a", int(here.clock.now()) + 5))
        await pass_time(here, 5 + expiry_round_seconds)

        assert await pks(here, table) == []

    run(body)


def test_an_item_whose_time_is_put_off_stays():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await here.put(table, item("a", NOW + 20))

        await here.put(table, item("a", NOW + LATE))
        await pass_time(here, 2 * expiry_poll_seconds)

        assert await pks(here, table) == ["a"]

    run(body)


def test_an_item_changed_after_it_was_found_expired_and_before_it_is_deleted_stays():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await pass_time(here, 2 * expiry_round_seconds)
        time = int(here.clock.now()) + 10
        await here.put(table, item("a", time))
        await pass_time(here, 9.5)

        # Both reach the committer in the loop's next turn: the change, then the deletion.
        change = asyncio.create_task(here.put(table, item("a", NOW + LATE)))
        here.clock.advance(0.5)
        await change
        await idle()

        assert await pks(here, table) == ["a"]
        assert await entries(here, table) == [NOW + LATE]

    run(body)


@pytest.mark.parametrize(
    ("age", "stays"),
    [(expiry_age_seconds_max - 1000, False), (expiry_age_seconds_max + 1, True)],
)
def test_a_time_more_than_five_years_ago_is_never(age, stays):
    async def body(here: Running) -> None:
        table = await mortal(here)

        await here.put(table, item("a", NOW - age))
        await pass_time(here, 5)

        assert await pks(here, table) == (["a"] if stays else [])

    run(body)


def test_items_without_a_number_at_the_top_level_stay():
    async def body(here: Running) -> None:
        table = await mortal(here)

        await here.put(table, item("none"))
        await here.put(table, item("text", ttl={"S": "1600000000"}))
        await here.put(table, item("set", ttl={"NS": ["1600000000"]}))
        await here.put(table, item("nested", ttl={"M": {"ttl": {"N": "1600000000"}}}))
        await pass_time(here, 5)

        assert await pks(here, table) == ["nested", "none", "set", "text"]

    run(body)


def test_a_deletion_is_marked_in_the_stream_as_the_services_own():
    async def body(here: Running) -> None:
        units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
        table = await mortal(
            here,
            StreamSpecification=STREAM,
            BillingMode="PROVISIONED",
            ProvisionedThroughput=units,
        )
        await here.put(table, item("expired", NOW))
        await here.put(table, item("deleted", NOW + LATE))
        key = keys.of_key(table, {"pk": {"S": "deleted"}})
        await Writer(here.committer, here.catalog).write(Write(table, key, Delete()), 1)

        await pass_time(here, 5)

        removals = [entry for entry in await log(here, table) if entry.kind is Kind.REMOVE]
        assert [(entry.keys.body, entry.is_by_service) for entry in removals] == [
            (b'{"pk":{"S":"deleted"}}', False),
            (b'{"pk":{"S":"expired"}}', True),
        ]
        assert removals[1].old.body == b'{"pk":{"S":"expired"},"ttl":{"N":"1700000000"}}'

    run(body)


def test_an_expired_item_leaves_the_indexes_too():
    async def body(here: Running) -> None:
        table = await mortal(here, **WITH_INDEX)

        await here.put(table, item("a", NOW, artist={"S": "x"}))
        await pass_time(here, 5)

        assert await here.stored(keyspace.indexes_span(table.table_id)) == {}
        assert await entries(here, table) == []

    run(body)


def test_nothing_goes_while_time_to_live_is_being_disabled_or_after():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await here.put(table, item("a", NOW + LATE))

        await switch(here, table, is_on=False)
        await here.put(table, item("b", NOW))
        await pass_time(here, LATE + expiry_poll_seconds)

        assert await pks(here, table) == ["a", "b"]

    run(body)


def test_items_from_before_time_to_live_expire_when_it_is_enabled():
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, item("a", NOW))

        await switch(here, table, is_on=True)
        await pass_time(here, 4.5)
        before = await pks(here, table)
        await pass_time(here, 2.0)

        assert before == ["a"]
        assert await pks(here, table) == []

    run(body)


def test_more_items_than_a_commit_takes_all_go():
    async def body(here: Running) -> None:
        table = await mortal(here)
        for number in range(expiry_step_items_max * 2 + 1):
            await here.put(table, item(str(number), NOW + 100))
        await here.put(table, item("later", NOW + LATE))

        await pass_time(here, 100 + expiry_round_seconds)

        assert await pks(here, table) == ["later"]

    run(body)


def test_a_commit_takes_no_more_big_items_than_its_bytes():
    deleted: list[int] = []

    class Counting(MemoryEngine):
        async def commit(self, group: CommitGroup) -> None:
            before = len(self._values)
            await super().commit(group)
            deleted.append((before - len(self._values)) // 2)

    async def body(here: Running) -> None:
        table = await mortal(here)
        text = {"S": "x" * (expiry_step_bytes_max // 4)}
        for number in range(10):
            await here.put(table, item(str(number), NOW + 100, text=text))
        deleted.clear()

        await pass_time(here, 100 + expiry_round_seconds)

        assert deleted == [4, 4, 2]

    run(body, Counting())


def test_tables_do_not_wait_for_each_other():
    async def body(here: Running) -> None:
        first = await mortal(here, TableName="first")
        second = await mortal(here, TableName="second")
        for number in range(expiry_step_items_max * 2):
            await here.put(first, item(str(number), NOW + 100))
        await here.put(second, item("a", NOW + 100))

        await pass_time(here, NOW + 100 - here.clock.now())

        assert len(await pks(here, first)) == expiry_step_items_max
        assert await pks(here, second) == []

    run(body)


def test_what_expired_while_no_server_ran_goes_when_one_does():
    async def main() -> None:
        engine = MemoryEngine()
        async with expiring(engine) as first:
            table = await mortal(first)
            await first.put(table, item("a", NOW + LATE))
        async with expiring(engine) as second:
            await pass_time(second, LATE + expiry_poll_seconds)

            assert await pks(second, table) == []

    asyncio.run(main())


def test_a_store_that_fails_is_tried_again():
    class Failing(MemoryEngine):
        fails = False

        async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
            if self.fails and span.start.startswith(b"e"):
                raise Unavailable
            return await super().scan(span)

    engine = Failing()

    async def body(here: Running) -> None:
        table = await mortal(here)
        engine.fails = True
        await here.put(table, item("a", NOW))
        await pass_time(here, 5)
        before = await pks(here, table)

        engine.fails = False
        await pass_time(here, 5)

        assert before == ["a"]
        assert await pks(here, table) == []

    run(body, engine)


def test_an_entry_without_an_item_goes_too():
    async def body(here: Running) -> None:
        table = await mortal(here)
        key = keys.of_key(table, {"pk": {"S": "a"}})
        stray = expiry.entry_key(table, NOW, key.stored)
        await pass_time(here, 2 * expiry_round_seconds)
        await here.committer.submit(Store({stray: b""}))

        await pass_time(here, expiry_poll_seconds + 5)

        assert await entries(here, table) == []

    run(body)


def test_a_table_that_is_deleted_takes_its_entries_along():
    async def body(here: Running) -> None:
        table = await mortal(here)
        other = await mortal(here, TableName="other")
        await here.put(table, item("a", NOW + LATE))
        await here.put(other, item("b", NOW + LATE))

        await here.catalog.delete(table.region, table.name)
        await here.advance()
        await pass_time(here, LATE)

        assert await here.stored(keyspace.every_expiry_span()) == {other.expiries_prefix: other.key}
        assert await pks(here, other) == []

    run(body)
