"""Time to live from ENABLING to ENABLED and from DISABLING to none, while writes go on."""

import asyncio

import pytest

from headwater.limits import table_step_items_max
from headwater.storage import keyspace
from headwater.storage.memory import MemoryEngine
from headwater.tables import keys
from headwater.tables.schema import TableStatus, TimeToLiveStatus
from headwater.tables.write import Delete, Write, Writer
from tests.unit.tables.expiring import NOW, entries, item, mortal, switch
from tests.unit.tables.running import TRANSITION_SECONDS, Running, run, running

FUTURE = NOW + 10_000


async def status(here: Running) -> TimeToLiveStatus | None:
    time_to_live = (await here.describe()).time_to_live
    return None if time_to_live is None else time_to_live.status


def test_time_to_live_is_enabled_after_its_time():
    async def body(here: Running) -> None:
        table = await here.active()
        await switch(here, table, is_on=True)

        await here.advance(TRANSITION_SECONDS - 0.1)
        before = await status(here)
        await here.advance(0.1)

        assert before is TimeToLiveStatus.ENABLING
        assert await status(here) is TimeToLiveStatus.ENABLED

    run(body)


def test_time_to_live_is_gone_after_its_time_and_can_have_another_attribute():
    async def body(here: Running) -> None:
        table = await mortal(here)
        await switch(here, table, is_on=False)

        await here.advance(TRANSITION_SECONDS - 0.1)
        before = await status(here)
        await here.advance(0.1)
        after = await status(here)
        await switch(here, table, is_on=True, attribute="until")
        await here.advance()

        assert (before, after) == (TimeToLiveStatus.DISABLING, None)
        assert (await here.describe()).expiry_attribute == "until"

    run(body)


def test_items_from_before_get_their_entries_in_several_steps():
    async def body(here: Running) -> None:
        table = await here.active()
        count = 2 * table_step_items_max + 1
        for number in range(count):
            await here.put(table, item(str(number), FUTURE + number))
        await here.put(table, item("never"))

        await switch(here, table, is_on=True)
        await here.advance()

        assert await entries(here, table) == [FUTURE + number for number in range(count)]

    run(body)


def test_writes_meanwhile_neither_lose_an_entry_nor_leave_a_stale_one():
    async def body(here: Running) -> None:
        table = await here.active()
        left = {number: FUTURE + number for number in range(1000)}
        for number, time in left.items():
            await here.put(table, item(str(number), time))
        await switch(here, table, is_on=True)

        async def write() -> None:
            for number in range(0, 1000, 3):
                left[number] += 100_000
                await here.put(table, item(str(number), left[number]))
            for number in range(0, 1000, 7):
                left.pop(number)
                key = keys.of_key(table, {"pk": {"S": str(number)}})
                await Writer(here.committer, here.catalog).write(Write(table, key, Delete()), 1)

        here.clock.advance(TRANSITION_SECONDS)
        await write()
        await here.advance()

        assert await entries(here, table) == sorted(left.values())
        assert await status(here) is TimeToLiveStatus.ENABLED

    run(body)


def test_disabling_erases_entries_and_table_name_but_no_items():
    async def body(here: Running) -> None:
        table = await mortal(here)
        for number in range(table_step_items_max + 1):
            await here.put(table, item(str(number), FUTURE))

        await switch(here, table, is_on=False)
        await here.advance()

        assert await here.stored(keyspace.every_expiry_span()) == {}
        items = await here.stored((table.items_prefix, table.items_prefix + b"\xff" * 20))
        assert len(items) == table_step_items_max + 1

    run(body)


@pytest.mark.parametrize("seconds", [0.0, TRANSITION_SECONDS])
def test_a_table_can_be_deleted_whatever_its_time_to_live(seconds):
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, item("a", FUTURE))
        await switch(here, table, is_on=True)
        await here.advance(seconds)

        deleting = await here.catalog.delete(table.region, table.name)
        await here.advance()
        await here.advance()

        assert deleting.status is TableStatus.DELETING
        assert await here.catalog.names(table.region, "", 10) == ([], False)
        assert await here.stored(keyspace.every_expiry_span()) == {}

    run(body)


@pytest.mark.parametrize("is_on", [True, False])
def test_what_one_server_began_the_next_one_finishes(is_on):
    async def main() -> None:
        engine = MemoryEngine()
        async with running(engine) as first:
            table = await first.active() if is_on else await mortal(first)
            await first.put(table, item("a", FUTURE))
            await switch(first, table, is_on=is_on)
        async with running(engine) as second:
            await second.advance()

            assert await status(second) is (TimeToLiveStatus.ENABLED if is_on else None)
            assert await entries(second, table) == ([FUTURE] if is_on else [])

    asyncio.run(main())
