"""Backups made beside writes, erased, and carried on by a server that is started later."""

import asyncio

from headwater.clock import ManualClock
from headwater.errors import ResourceInUseException, ResourceNotFoundException
from headwater.storage.memory import MemoryEngine
from headwater.tables.schema import TableStatus
from tests.backup_world import REGION, World, in_world, world


def test_a_backup_has_the_items_of_the_moment_it_was_begun():
    async def body(here: World) -> None:
        await here.create()
        await here.put("changed", 1)
        await here.put("deleted", 2)
        await here.put("kept", 3)

        arn = await here.begin()
        await here.put("changed", 10)
        await here.delete("deleted")
        await here.put("new", 4)
        await here.settle()

        assert await here.restored(arn) == {"changed": 1, "deleted": 2, "kept": 3}
        assert await here.items() == {"changed": 10, "kept": 3, "new": 4}

    in_world(body)


def test_a_transaction_during_a_backup_is_not_in_it():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a", 1)

        arn = await here.begin()
        puts = [
            {"Put": {"TableName": "music", "Item": {"pk": {"S": pk}, "n": {"N": "5"}}}}
            for pk in ("a", "b")
        ]
        await here.call("TransactWriteItems", TransactItems=puts)
        await here.settle()

        assert await here.restored(arn) == {"a": 1}

    in_world(body)


def test_two_backups_made_at_once_each_have_their_own_moment():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a", 1)

        first = await here.begin()
        await here.put("a", 2)
        second = await here.begin()
        await here.put("a", 3)
        await here.settle()

        assert await here.restored(first, "one") == {"a": 1}
        assert await here.restored(second, "two") == {"a": 2}

    in_world(body)


def test_items_that_were_not_there_are_not_counted():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a")

        arn = await here.begin()
        await here.put("b")
        await here.settle()

        shown = (await here.call("DescribeBackup", BackupArn=arn))["BackupDescription"]
        assert shown["SourceTableDetails"]["ItemCount"] == 1

    in_world(body)


def test_a_finished_backup_is_fed_no_more():
    async def body(here: World) -> None:
        await here.create()
        await here.backup()
        before = await here.stored((b"b", b"c"))

        await here.put("a")

        assert (await here.table()).copies == ()
        assert await here.stored((b"b", b"c")) == before

    in_world(body)


def test_a_backup_outlives_its_table():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a", 1)
        arn = await here.backup()

        await here.call("DeleteTable", TableName="music")
        await here.settle()

        assert await here.restored(arn, "music") == {"a": 1}

    in_world(body)


def test_a_table_deleted_during_its_backup_keeps_its_items_for_it():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a", 1)

        arn = await here.begin()
        await here.call("DeleteTable", TableName="music")
        await here.settle()
        await here.settle()

        assert await here.restored(arn) == {"a": 1}
        error = await here.refusal("DescribeTable", TableName="music")
        assert isinstance(error, ResourceNotFoundException)

    in_world(body)


def test_a_table_being_restored_is_not_deleted():
    async def body(here: World) -> None:
        await here.create()
        arn = await here.backup()
        await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)

        error = await here.refusal("DeleteTable", TableName="copy")

        assert isinstance(error, ResourceInUseException)

    in_world(body)


def test_a_server_started_later_finishes_a_backup_with_its_first_moment():
    async def main() -> None:
        engine, clock = MemoryEngine(), ManualClock()
        async with world(engine, clock) as here:
            await here.create()
            await here.put("a", 1)
            arn = await here.begin()
            await here.put("a", 2)
        async with world(engine, clock, seed=2) as here:
            await here.put("b", 3)
            await here.settle()

            assert await here.restored(arn) == {"a": 1}

    asyncio.run(main())


def test_a_server_started_later_finishes_a_restoration():
    async def main() -> None:
        engine, clock = MemoryEngine(), ManualClock()
        async with world(engine, clock) as here:
            await here.create()
            await here.put("a", 1)
            arn = await here.backup()
            await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)
        async with world(engine, clock, seed=2) as here:
            await here.settle()

            assert (await here.catalog.describe(REGION, "copy")).status is TableStatus.ACTIVE
            assert await here.items("copy") == {"a": 1}
            await here.call("DeleteBackup", BackupArn=arn)

    asyncio.run(main())


def test_a_server_started_later_erases_a_deleted_backup():
    async def main() -> None:
        engine, clock = MemoryEngine(), ManualClock()
        async with world(engine, clock) as here:
            await here.create()
            await here.put("a", 1)
            arn = await here.backup()
            await here.call("DeleteBackup", BackupArn=arn)
        async with world(engine, clock, seed=2) as here:
            await here.settle()

            assert await here.stored((b"b", b"c")) == {}

    asyncio.run(main())
