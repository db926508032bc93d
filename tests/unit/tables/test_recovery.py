"""Recovery to a point in time: the log that nobody sees, its window, and tables restored by it."""

import asyncio
from typing import Any

from headwater.clock import ManualClock
from headwater.errors import ContinuousBackupsUnavailableException, ResourceNotFoundException
from headwater.limits import stream_retention_seconds, write_settle_seconds
from headwater.storage.memory import MemoryEngine
from headwater.streams.window import ViewType
from headwater.tables.schema import Partition
from tests.backup_world import STREAM, World, idle, in_world, world

DAY = 86_400


async def tick(here: World) -> float:
    """A moment that lies between what was before and what comes after."""
    here.clock.advance(1.0)
    moment = here.clock.now()
    here.clock.advance(1.0)
    return moment


async def shards(here: World) -> list[dict[str, Any]]:
    """The shards that the table's latest stream shows."""
    table = (await here.call("DescribeTable", TableName="music"))["Table"]
    described = await here.call(
        "DescribeStream", "dynamodbstreams", StreamArn=table["LatestStreamArn"]
    )
    found: list[dict[str, Any]] = described["StreamDescription"]["Shards"]
    return found


async def numbers(here: World, shard: dict[str, Any], arn: str) -> list[str]:
    """The numbers of the new images in a shard's records."""
    start = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await here.call("GetShardIterator", "dynamodbstreams", **start))["ShardIterator"]
    page = await here.call("GetRecords", "dynamodbstreams", ShardIterator=iterator)
    return [record["dynamodb"]["NewImage"]["n"]["N"] for record in page["Records"]]


async def set_stream(here: World, *, is_on: bool) -> None:
    specification = STREAM if is_on else {"StreamEnabled": False}
    await here.call("UpdateTable", TableName="music", StreamSpecification=specification)
    await here.settle()


def test_a_moment_between_writes_is_restored():
    async def body(here: World) -> None:
        await here.create()
        await here.put("before", 1)
        await here.recovery()
        await here.put("changed", 1)
        await here.put("deleted", 2)
        moment = await tick(here)
        await here.put("changed", 5)
        await here.put("changed", 6)
        await here.delete("deleted")
        await here.put("new", 7)
        await here.delete("before")

        found = await here.recovered(moment)

        assert found == {"before": 1, "changed": 1, "deleted": 2}

    in_world(body)


def test_the_latest_moment_is_now():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()
        await here.put("a", 1)

        await here.call(
            "RestoreTableToPointInTime",
            SourceTableName="music",
            TargetTableName="copy",
            UseLatestRestorableTime=True,
        )
        here.clock.advance(write_settle_seconds / 2)
        await here.put("a", 2)
        await here.settle()

        assert await here.items("copy") == {"a": 1}
        summary = (await here.call("DescribeTable", TableName="copy"))["Table"]["RestoreSummary"]
        assert "SourceBackupArn" not in summary
        assert summary["RestoreInProgress"] is False

    in_world(body)


def test_writes_during_a_restoration_are_not_in_it():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()
        for number in range(20):
            await here.put(f"a{number}", number)
        expected = await here.items()
        moment = await tick(here)
        await here.call(
            "RestoreTableToPointInTime",
            SourceTableName="music",
            TargetTableName="copy",
            RestoreDateTime=moment,
        )

        for number in range(20):
            await here.put(f"a{number}", number + 100)
            await here.put(f"b{number}", number)
            await here.delete(f"a{number}")
        await here.settle()

        assert await here.items("copy") == expected

    in_world(body)


def test_recovery_logs_without_a_stream_and_stops_when_switched_off():
    async def body(here: World) -> None:
        await here.create()

        await here.recovery()
        during = await here.table()
        await here.recovery(is_on=False)
        after = await here.table()

        assert during.has_log
        assert during.stream is None
        assert (await here.call("ListStreams", "dynamodbstreams"))["Streams"] == []
        assert not after.has_log
        assert after.recovery is None

    in_world(body)


def test_a_stream_shows_nothing_of_what_recovery_logged():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()
        await here.put("a", 1)
        await set_stream(here, is_on=True)
        await here.put("a", 2)

        seen = await shards(here)
        arn = (await here.call("DescribeTable", TableName="music"))["Table"]["LatestStreamArn"]
        found = [number for shard in seen for number in await numbers(here, shard, arn)]

        assert found == ["2"]
        assert all("ParentShardId" not in shard for shard in seen)

    in_world(body)


def test_a_stream_that_is_disabled_ends_while_recovery_goes_on():
    async def body(here: World) -> None:
        await here.create(StreamSpecification=STREAM)
        await here.recovery()
        await here.put("a", 1)
        moment = await tick(here)
        await here.put("a", 2)
        await set_stream(here, is_on=False)
        later = await tick(here)
        await here.put("a", 3)
        await set_stream(here, is_on=True)
        await here.put("a", 4)

        assert await here.recovered(moment, "one") == {"a": 1}
        assert await here.recovered(later, "two") == {"a": 2}

    in_world(body)


def test_a_stream_outlasts_recovery():
    async def body(here: World) -> None:
        await here.create(StreamSpecification=STREAM)
        await here.recovery()
        before = await here.table()

        await here.recovery(is_on=False)

        after = await here.table()
        assert after.stream is not None
        assert after.stream.view is ViewType.NEW_AND_OLD_IMAGES
        assert after.partitions == before.partitions

    in_world(body)


def test_deleting_a_table_with_recovery_closes_its_log():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()
        table = await here.table()
        deleted = await here.catalog.delete(table.region, table.name)

        assert deleted.recovery is None
        assert all(partition == Partition(partition.start) for partition in deleted.partitions)

    in_world(body)


def test_the_log_is_kept_for_the_period_and_no_longer():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery(RecoveryPeriodInDays=2)
        await here.put("a", 1)
        here.clock.advance(stream_retention_seconds + 60)

        kept = await here.trimmer.trim()
        here.clock.advance(2 * DAY)
        gone = await here.trimmer.trim()

        assert (kept, gone) == (0, 1)

    in_world(body)


def test_a_longer_period_does_not_bring_back_what_a_shorter_one_let_go():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery(RecoveryPeriodInDays=1)
        here.clock.advance(3 * DAY)

        described = await here.recovery(RecoveryPeriodInDays=35)

        assert described["EarliestRestorableDateTime"] == here.clock.now() - DAY

    in_world(body)


def test_the_log_is_kept_for_a_restoration_under_way():
    async def main() -> None:
        engine, clock = MemoryEngine(), ManualClock()
        async with world(engine, clock) as here:
            await here.create()
            await here.recovery(RecoveryPeriodInDays=1)
            await here.put("a", 1)
            moment = await tick(here)
            await here.put("a", 2)
            await here.call(
                "RestoreTableToPointInTime",
                SourceTableName="music",
                TargetTableName="copy",
                RestoreDateTime=moment,
            )
        clock.advance(3 * DAY)
        async with world(engine, clock, seed=2) as here:
            assert await here.trimmer.trim() == 1
            await here.settle()

            assert await here.items("copy") == {"a": 1}

    asyncio.run(main())


def test_a_source_stays_as_it_is_needed_until_its_restoration_is_done():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()
        await here.put("a", 1)
        moment = await tick(here)
        await here.put("a", 2)
        await here.call(
            "RestoreTableToPointInTime",
            SourceTableName="music",
            TargetTableName="copy",
            RestoreDateTime=moment,
        )
        asked = {"PointInTimeRecoveryEnabled": False}

        error = await here.refusal(
            "UpdateContinuousBackups", TableName="music", PointInTimeRecoverySpecification=asked
        )
        await here.call("DeleteTable", TableName="music")
        await idle()
        await here.settle()
        await here.settle()

        assert isinstance(error, ContinuousBackupsUnavailableException)
        assert await here.items("copy") == {"a": 1}
        gone = await here.refusal("DescribeTable", TableName="music")
        assert isinstance(gone, ResourceNotFoundException)

    in_world(body)
