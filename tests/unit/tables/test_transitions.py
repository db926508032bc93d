"""Tables carried from the states that pass to those that last, also by a server started later."""

import asyncio

import pytest

from headwater.errors import ResourceNotFoundException
from headwater.limits import table_retry_seconds
from headwater.storage import keyspace
from headwater.storage.engine import Span, Unavailable
from headwater.storage.memory import MemoryEngine
from headwater.tables.schema import IndexStatus, TableStatus
from headwater.values.order import after_prefix
from tests.unit.tables.running import (
    CREATE_INDEX,
    DELETE_INDEX,
    REGION,
    STREAM,
    TRANSITION_SECONDS,
    Running,
    run,
    running,
)

WITH_INDEX = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "artist", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [CREATE_INDEX["GlobalSecondaryIndexUpdates"][0]["Create"]],
}


def items_of(table):
    return table.items_prefix, after_prefix(table.items_prefix)


def test_a_table_stays_creating_until_its_time_has_come():
    async def body(here: Running) -> None:
        await here.create()

        await here.advance(TRANSITION_SECONDS - 0.1)

        assert (await here.describe()).status is TableStatus.CREATING

    run(body)


def test_without_a_transition_time_a_table_is_active_at_the_next_turn():
    async def body(here: Running) -> None:
        await here.create()

        await here.advance(0.0)

        assert (await here.describe()).status is TableStatus.ACTIVE

    run(body, transition_seconds=0.0)


def test_indexes_of_a_new_table_become_active_with_it_and_are_never_back_filled():
    async def body(here: Running) -> None:
        created = await here.create(**WITH_INDEX)
        await here.advance()
        table = await here.describe()

        assert created.indexes[0].status is IndexStatus.CREATING
        assert table.indexes[0].status is IndexStatus.ACTIVE
        assert table.version == created.version + 1

    run(body)


def test_an_update_ends_after_its_time():
    async def body(here: Running) -> None:
        await here.active()
        await here.update(StreamSpecification=STREAM)

        await here.advance(TRANSITION_SECONDS - 0.1)
        before = await here.describe()
        await here.advance(0.1)
        after = await here.describe()

        assert (before.status, after.status) == (TableStatus.UPDATING, TableStatus.ACTIVE)

    run(body)


def test_a_deleted_table_leaves_neither_items_nor_index_entries():
    async def body(here: Running) -> None:
        table = await here.active(**WITH_INDEX)
        for number in range(700):
            await here.put(table, {"pk": {"S": str(number)}, "artist": {"S": "a"}})

        await here.catalog.delete(REGION, "music")
        await here.advance()

        assert await here.stored(items_of(table)) == {}
        assert await here.stored(keyspace.indexes_span(table.table_id)) == {}

    run(body)


def test_a_deleted_index_leaves_no_entries_and_others_alone():
    async def body(here: Running) -> None:
        table = await here.active(**WITH_INDEX)
        await here.put(table, {"pk": {"S": "1"}, "artist": {"S": "a"}})

        await here.update(**DELETE_INDEX)
        await here.advance()

        assert await here.stored(keyspace.indexes_span(table.table_id)) == {}
        assert len(await here.stored(items_of(table))) == 1

    run(body)


def test_a_write_while_an_index_is_being_deleted_leaves_no_entry():
    async def body(here: Running) -> None:
        table = await here.active(**WITH_INDEX)
        await here.update(**DELETE_INDEX)

        await here.put(table, {"pk": {"S": "1"}, "artist": {"S": "a"}})
        await here.advance()

        assert await here.stored(keyspace.indexes_span(table.table_id)) == {}

    run(body)


def test_what_one_server_left_the_next_one_finishes():
    async def main() -> None:
        engine = MemoryEngine()
        async with running(engine) as first:
            await first.create(TableName="creating")
            await first.advance(TRANSITION_SECONDS - 1)
            await first.create(TableName="deleting")
        async with running(engine) as second:
            await second.advance()
            created = await second.describe("creating")
            await second.catalog.delete(REGION, "deleting")
        async with running(engine) as third:
            await third.advance()

            assert created.status is TableStatus.ACTIVE
            assert await third.catalog.names(REGION, "", 100) == (["creating"], False)

    asyncio.run(main())


def test_a_back_fill_cut_short_is_finished_by_the_next_server():
    async def main() -> None:
        engine = MemoryEngine()
        async with running(engine) as first:
            table = await first.active()
            for number in range(30):
                await first.put(table, {"pk": {"S": str(number)}, "artist": {"S": "a"}})
            await first.update(**CREATE_INDEX)
        async with running(engine) as second:
            await second.advance()
            filled = await second.describe()

            entries = await second.stored(keyspace.indexes_span(table.table_id))
            assert filled.indexes[0].status is IndexStatus.ACTIVE
            assert len(entries) == 30

    asyncio.run(main())


class FailingEngine(MemoryEngine):
    """A store that cannot be read so many times."""

    failures = 0

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("no")
        return await super().scan(span)


def test_a_step_that_fails_is_tried_again():
    async def main() -> None:
        engine = FailingEngine()
        async with running(engine) as here:
            await here.active()
            await here.catalog.delete(REGION, "music")
            engine.failures = 2

            await here.advance()
            during = await here.describe()
            for _ in range(5):
                await here.advance(table_retry_seconds + TRANSITION_SECONDS)

            assert during.status is TableStatus.DELETING
            with pytest.raises(ResourceNotFoundException):
                await here.describe()

    asyncio.run(main())


def test_a_table_created_again_at_once_is_settled_too():
    async def body(here: Running) -> None:
        await here.active()
        await here.catalog.delete(REGION, "music")
        await here.advance()
        with pytest.raises(ResourceNotFoundException):
            await here.describe()

        again = await here.active()

        assert again.status is TableStatus.ACTIVE

    run(body)
