"""The operations on backups, as a client sees them."""

from typing import Any

import pytest

from headwater.errors import (
    BackupInUseException,
    BackupNotFoundException,
    InvalidRestoreTimeException,
    PointInTimeRecoveryUnavailableException,
    TableAlreadyExistsException,
    TableInUseException,
    TableNotFoundException,
    ValidationException,
)
from headwater.limits import backup_copies_max
from tests.backup_world import ACCOUNT, REGION, STREAM, World, in_world

TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/music"
UNKNOWN = f"{TABLE_ARN}/backup/01489602797149-73d8d5bc"
BY_COLOUR: dict[str, Any] = {
    "IndexName": "by-colour",
    "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
INDEXED: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "colour", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [BY_COLOUR],
}
RED = {"S": "red"}


def test_a_backup_is_begun_as_creating_and_then_available():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a", 1)

        begun = (await here.call("CreateBackup", TableName="music", BackupName="nightly"))[
            "BackupDetails"
        ]
        await here.settle()
        shown = (await here.call("DescribeBackup", BackupArn=begun["BackupArn"]))[
            "BackupDescription"
        ]

        assert begun["BackupStatus"] == "CREATING"
        assert begun["BackupArn"].startswith(f"{TABLE_ARN}/backup/0")
        assert shown["BackupDetails"] == {
            **begun,
            "BackupStatus": "AVAILABLE",
            "BackupType": "USER",
            "BackupSizeBytes": 6,
        }
        assert shown["SourceTableDetails"]["ItemCount"] == 1
        assert shown["SourceTableDetails"]["BillingMode"] == "PAY_PER_REQUEST"

    in_world(body)


def test_a_backup_describes_what_its_table_had():
    async def body(here: World) -> None:
        await here.create(**INDEXED, StreamSpecification=STREAM)
        specification = {"Enabled": True, "AttributeName": "ttl"}
        await here.call(
            "UpdateTimeToLive", TableName="music", TimeToLiveSpecification=specification
        )
        await here.settle()

        arn = await here.backup()

        shown = (await here.call("DescribeBackup", BackupArn=arn))["BackupDescription"]
        assert shown["SourceTableFeatureDetails"] == {
            "GlobalSecondaryIndexes": [
                {
                    **BY_COLOUR,
                    "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
                }
            ],
            "StreamDescription": STREAM,
            "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"},
        }

    in_world(body)


@pytest.mark.parametrize("operation", ["CreateBackup", "DescribeContinuousBackups"])
def test_an_unknown_table_has_an_error_of_its_own(operation: str) -> None:
    async def body(here: World) -> None:
        more = {"BackupName": "nightly"} if operation == "CreateBackup" else {}

        error = await here.refusal(operation, TableName="music", **more)

        assert isinstance(error, TableNotFoundException)
        assert error.message == "Table not found: music"

    in_world(body)


@pytest.mark.parametrize("operation", ["DescribeBackup", "DeleteBackup", "RestoreTableFromBackup"])
def test_an_unknown_backup_is_not_found(operation: str) -> None:
    async def body(here: World) -> None:
        more = {"TargetTableName": "copy"} if operation.startswith("Restore") else {}

        error = await here.refusal(operation, BackupArn=UNKNOWN, **more)
        garbage = await here.refusal(operation, BackupArn="x" * 40, **more)

        assert isinstance(error, BackupNotFoundException)
        assert error.message == f"Backup not found: {UNKNOWN}"
        assert isinstance(garbage, ValidationException)

    in_world(body)


def test_a_table_being_created_is_not_backed_up():
    async def body(here: World) -> None:
        await here.create()
        arn = await here.backup()
        await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)

        error = await here.refusal("CreateBackup", TableName="copy", BackupName="nightly")

        assert isinstance(error, TableInUseException)

    in_world(body)


def test_only_so_many_backups_of_a_table_are_made_at_once():
    async def body(here: World) -> None:
        await here.create()
        refused = None
        table = await here.table()
        marks = tuple(f"{number:014d}-00000000" for number in range(backup_copies_max))
        await here.catalog.change(table, lambda _, now: now.changed(copies=marks))

        refused = await here.refusal("CreateBackup", TableName="music", BackupName="nightly")

        assert isinstance(refused, BackupInUseException)

    in_world(body)


def test_a_backup_being_made_is_neither_deleted_nor_restored():
    async def body(here: World) -> None:
        await here.create()
        arn = await here.begin()

        deletion = await here.refusal("DeleteBackup", BackupArn=arn)
        restoration = await here.refusal(
            "RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn
        )

        assert isinstance(deletion, BackupInUseException)
        assert isinstance(restoration, BackupInUseException)

    in_world(body)


def test_a_backup_being_restored_is_not_deleted_and_free_afterwards():
    async def body(here: World) -> None:
        await here.create()
        arn = await here.backup()
        await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)

        error = await here.refusal("DeleteBackup", BackupArn=arn)
        await here.settle()
        deleted = await here.call("DeleteBackup", BackupArn=arn)

        assert isinstance(error, BackupInUseException)
        assert deleted["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED"

    in_world(body)


def test_a_deleted_backup_leaves_nothing():
    async def body(here: World) -> None:
        await here.create()
        await here.put("a")
        arn = await here.backup()

        await here.call("DeleteBackup", BackupArn=arn)

        error = await here.refusal("DescribeBackup", BackupArn=arn)
        assert isinstance(error, BackupNotFoundException)
        assert (await here.call("ListBackups"))["BackupSummaries"] == []
        await here.settle()
        assert await here.stored((b"b", b"c")) == {}
        assert await here.stored((b"cb", b"cc")) == {}

    in_world(body)


def test_backups_are_listed_by_table_time_and_page():
    async def body(here: World) -> None:
        await here.create("films")
        await here.create("music")
        first = await here.backup("films")
        second = await here.backup("music")
        middle = here.clock.now()
        third = await here.backup("music")

        async def listed(**asked: Any) -> list[str]:
            page = await here.call("ListBackups", **asked)
            return [backup["BackupArn"] for backup in page["BackupSummaries"]]

        page = await here.call("ListBackups", Limit=2)
        assert await listed() == [first, second, third]
        assert page["LastEvaluatedBackupArn"] == second
        assert await listed(ExclusiveStartBackupArn=second) == [third]
        assert await listed(TableName="films") == [first]
        assert await listed(TableName=TABLE_ARN) == [second, third]
        assert await listed(TimeRangeLowerBound=middle) == [third]
        assert await listed(TimeRangeUpperBound=middle, TableName="music") == [second]
        assert await listed(BackupType="ALL") == [first, second, third]
        assert await listed(BackupType="SYSTEM") == []

    in_world(body)


def test_a_restored_table_has_the_items_and_says_where_they_are_from():
    async def body(here: World) -> None:
        await here.create(**INDEXED)
        await here.put("a", 1, colour=RED)
        arn = await here.backup()

        begun = await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)
        await here.settle()

        table = (await here.call("DescribeTable", TableName="copy"))["Table"]
        assert begun["TableDescription"]["TableStatus"] == "CREATING"
        assert begun["TableDescription"]["RestoreSummary"]["RestoreInProgress"] is True
        assert table["TableStatus"] == "ACTIVE"
        assert table["RestoreSummary"] == {
            **begun["TableDescription"]["RestoreSummary"],
            "SourceTableArn": TABLE_ARN,
            "SourceBackupArn": arn,
            "RestoreInProgress": False,
        }
        assert await here.items("copy") == {"a": 1}
        assert await here.items("copy", IndexName="by-colour") == {"a": 1}

    in_world(body)


def test_a_restored_table_has_no_stream_time_to_live_tags_protection_or_recovery():
    async def body(here: World) -> None:
        await here.create(
            StreamSpecification=STREAM,
            DeletionProtectionEnabled=True,
            Tags=[{"Key": "a", "Value": "b"}],
        )
        specification = {"Enabled": True, "AttributeName": "ttl"}
        await here.call(
            "UpdateTimeToLive", TableName="music", TimeToLiveSpecification=specification
        )
        await here.recovery()
        await here.settle()

        await here.restored(await here.backup())

        table = await here.table("copy")
        assert not table.has_log
        assert table.stream is None
        assert table.time_to_live is None
        assert table.tags == {}
        assert not table.is_deletion_protected
        assert table.recovery is None

    in_world(body)


def test_a_name_in_use_is_refused():
    async def body(here: World) -> None:
        await here.create()
        arn = await here.backup()

        exists = await here.refusal(
            "RestoreTableFromBackup", TargetTableName="music", BackupArn=arn
        )
        await here.call("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)
        busy = await here.refusal("RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn)

        assert isinstance(exists, TableAlreadyExistsException)
        assert exists.message == "Table already exists: music"
        assert isinstance(busy, TableInUseException)

    in_world(body)


def test_overrides_change_billing_and_leave_indexes_out():
    async def body(here: World) -> None:
        await here.create(**INDEXED)
        arn = await here.backup()

        await here.restored(
            arn,
            BillingModeOverride="PROVISIONED",
            ProvisionedThroughputOverride={"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
            GlobalSecondaryIndexOverride=[],
        )

        table = await here.table("copy")
        assert table.indexes == ()
        assert table.throughput is not None
        assert (table.throughput.read_units, table.throughput.write_units) == (2, 3)

    in_world(body)


OTHER_KEY = {**BY_COLOUR, "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}


@pytest.mark.parametrize(
    "overrides",
    [
        {"GlobalSecondaryIndexOverride": [{**BY_COLOUR, "IndexName": "other"}]},
        {"GlobalSecondaryIndexOverride": [OTHER_KEY]},
        {"BillingModeOverride": "PROVISIONED"},
        {"ProvisionedThroughputOverride": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}},
        {"SSESpecificationOverride": {"Enabled": True}},
        {
            "BillingModeOverride": "PROVISIONED",
            "ProvisionedThroughputOverride": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
            "OnDemandThroughputOverride": {"MaxReadRequestUnits": 5},
        },
    ],
    ids=str,
)
def test_overrides_that_mean_nothing_are_refused(overrides: dict[str, Any]) -> None:
    async def body(here: World) -> None:
        await here.create(**INDEXED)
        arn = await here.backup()

        error = await here.refusal(
            "RestoreTableFromBackup", TargetTableName="copy", BackupArn=arn, **overrides
        )

        assert isinstance(error, ValidationException)

    in_world(body)


def test_recovery_is_disabled_until_it_is_switched_on():
    async def body(here: World) -> None:
        await here.create()

        before = await here.call("DescribeContinuousBackups", TableName="music")
        now = here.clock.now()
        await here.recovery(RecoveryPeriodInDays=7)
        after = await here.call("DescribeContinuousBackups", TableName="music")

        assert before["ContinuousBackupsDescription"] == {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
        }
        assert after["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"] == {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": 7,
            "EarliestRestorableDateTime": now,
            "LatestRestorableDateTime": now,
        }

    in_world(body)


def test_a_period_is_of_recovery_that_is_on():
    async def body(here: World) -> None:
        await here.create()

        error = await here.refusal(
            "UpdateContinuousBackups",
            TableName="music",
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": False,
                "RecoveryPeriodInDays": 7,
            },
        )

        assert isinstance(error, ValidationException)

    in_world(body)


def test_a_table_without_recovery_is_not_restored_to_a_moment():
    async def body(here: World) -> None:
        await here.create()

        error = await here.refusal(
            "RestoreTableToPointInTime",
            SourceTableName="music",
            TargetTableName="copy",
            UseLatestRestorableTime=True,
        )

        assert isinstance(error, PointInTimeRecoveryUnavailableException)
        assert error.message == "Point in time recovery is not enabled for table 'music'"

    in_world(body)


def test_a_moment_outside_the_window_is_refused():
    async def body(here: World) -> None:
        await here.create()
        await here.recovery(RecoveryPeriodInDays=1)
        here.clock.advance(2 * 86_400)
        now = here.clock.now()

        for moment in (now - 86_401, now + 1):
            error = await here.refusal(
                "RestoreTableToPointInTime",
                SourceTableArn=TABLE_ARN,
                TargetTableName="copy",
                RestoreDateTime=moment,
            )
            assert isinstance(error, InvalidRestoreTimeException)

    in_world(body)


@pytest.mark.parametrize(
    "asked",
    [
        {"UseLatestRestorableTime": True},
        {"SourceTableName": "music", "SourceTableArn": TABLE_ARN, "UseLatestRestorableTime": True},
        {"SourceTableName": "music"},
        {"SourceTableName": "music", "UseLatestRestorableTime": True, "RestoreDateTime": 1.0},
        {"SourceTableName": "music", "UseLatestRestorableTime": False},
    ],
    ids=str,
)
def test_source_and_moment_are_each_named_once(asked: dict[str, Any]) -> None:
    async def body(here: World) -> None:
        await here.create()
        await here.recovery()

        error = await here.refusal("RestoreTableToPointInTime", TargetTableName="copy", **asked)

        assert isinstance(error, ValidationException)

    in_world(body)
