"""Backups and recovery to a point in time, through the SDK.

Waiting is asking again, as everywhere here. On AWS a backup takes seconds and a restoration many
minutes, so what restores is `local_only`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headwater.clock import SystemClock
from tests.conformance.definition import attributes, index
from tests.conformance.expectation import invalid, refused
from tests.conftest import LOOKS_MAX, Tables


@pytest.fixture
def make_backup(dynamodb: Any) -> Iterator[Callable[[str], str]]:
    """Makes a backup of a table that is there; deletes it after the test."""
    made: list[str] = []

    def make(table: str) -> str:
        begun = dynamodb.create_backup(TableName=table, BackupName="nightly")["BackupDetails"]
        made.append(begun["BackupArn"])
        wait_for(dynamodb, begun["BackupArn"])
        return str(begun["BackupArn"])

    yield make
    for arn in made:
        dynamodb.delete_backup(BackupArn=arn)


def describe(client: Any, arn: str) -> dict[str, Any]:
    described: dict[str, Any] = client.describe_backup(BackupArn=arn)["BackupDescription"]
    return described


def wait_for(client: Any, arn: str) -> None:
    for _ in range(LOOKS_MAX):
        if describe(client, arn)["BackupDetails"]["BackupStatus"] == "AVAILABLE":
            return
    raise AssertionError(f"{arn} is not available")


def put(client: Any, table: str, **numbers: int) -> None:
    for pk, number in numbers.items():
        client.put_item(
            TableName=table,
            Item={"pk": {"S": pk}, "n": {"N": str(number)}, "colour": {"S": "red"}},
        )


def items(client: Any, table: str, **more: Any) -> dict[str, int]:
    found = client.scan(TableName=table, **more)["Items"]
    return {item["pk"]["S"]: int(item["n"]["N"]) for item in found}


def later_moment() -> datetime:
    """A moment after everything so far and before everything to come; a millisecond at most."""
    clock = SystemClock()
    start = clock.now()
    while clock.now() < start + 0.002:
        pass
    return datetime.fromtimestamp(start + 0.001, UTC)


def switch(client: Any, table: str, *, is_on: bool, **more: Any) -> dict[str, Any]:
    answer = client.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": is_on, **more},
    )
    described: dict[str, Any] = answer["ContinuousBackupsDescription"]
    return described


def test_backup_tells_of_its_table(
    dynamodb: Any, make_table: Any, make_backup: Callable[[str], str]
) -> None:
    table = make_table()

    arn = make_backup(table["TableName"])

    described = describe(dynamodb, arn)
    assert re.fullmatch(r"/backup/\d{14}-[0-9a-f]{8}", arn.removeprefix(table["TableArn"]))
    assert described["BackupDetails"]["BackupName"] == "nightly"
    assert described["BackupDetails"]["BackupType"] == "USER"
    source = described["SourceTableDetails"]
    assert source["TableArn"] == table["TableArn"]
    assert source["TableId"] == table["TableId"]
    assert source["KeySchema"] == table["KeySchema"]
    assert source["TableCreationDateTime"] == table["CreationDateTime"]


def test_backups_of_a_table_are_listed_page_by_page(
    dynamodb: Any, make_table: Any, make_backup: Callable[[str], str]
) -> None:
    name = make_table()["TableName"]
    arns = [make_backup(name), make_backup(name), make_backup(name)]

    pages = list(
        dynamodb.get_paginator("list_backups").paginate(
            TableName=name, PaginationConfig={"PageSize": 2}
        )
    )

    assert len(pages) == 2
    found = [summary["BackupArn"] for page in pages for summary in page["BackupSummaries"]]
    assert sorted(found) == sorted(arns)


def test_backups_are_listed_by_time(
    dynamodb: Any, make_table: Any, make_backup: Callable[[str], str]
) -> None:
    name = make_table()["TableName"]
    arn = make_backup(name)
    created = describe(dynamodb, arn)["BackupDetails"]["BackupCreationDateTime"]
    second = timedelta(seconds=1)

    def listed(**bounds: datetime) -> list[str]:
        page = dynamodb.list_backups(TableName=name, **bounds)
        return [summary["BackupArn"] for summary in page["BackupSummaries"]]

    assert listed(TimeRangeLowerBound=created - second) == [arn]
    assert listed(TimeRangeLowerBound=created + second) == []
    assert listed(TimeRangeUpperBound=created + second) == [arn]
    assert listed(TimeRangeUpperBound=created - second) == []


def test_deleted_backup_is_not_found(dynamodb: Any, make_table: Any) -> None:
    name = make_table()["TableName"]
    arn = dynamodb.create_backup(TableName=name, BackupName="nightly")["BackupDetails"]["BackupArn"]
    wait_for(dynamodb, arn)

    answer = dynamodb.delete_backup(BackupArn=arn)

    assert answer["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED"
    with refused("BackupNotFoundException", f"Backup not found: {arn}"):
        for _ in range(LOOKS_MAX):
            describe(dynamodb, arn)


@pytest.mark.parametrize("name", ["ab", "a" * 256, "not a name"])
def test_name_of_a_backup_is_checked(dynamodb: Any, simple: str, name: str) -> None:
    with invalid():
        dynamodb.create_backup(TableName=simple, BackupName=name)


def test_unknown_table_has_an_error_of_its_own(
    dynamodb: Any, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("unknown")

    with refused("TableNotFoundException", f"Table not found: {name}"):
        dynamodb.create_backup(TableName=name, BackupName="nightly")
    with refused("TableNotFoundException", f"Table not found: {name}"):
        dynamodb.describe_continuous_backups(TableName=name)
    with refused("TableNotFoundException", f"Table not found: {name}"):
        switch(dynamodb, name, is_on=True)


@pytest.mark.parametrize("days", [0, 36])
def test_period_of_recovery_is_checked(dynamodb: Any, simple: str, days: int) -> None:
    with invalid():
        switch(dynamodb, simple, is_on=True, RecoveryPeriodInDays=days)


def test_recovery_is_switched_on_and_off(dynamodb: Any, make_table: Any) -> None:
    name = make_table()["TableName"]

    whole = switch(dynamodb, name, is_on=True)
    on = switch(dynamodb, name, is_on=True, RecoveryPeriodInDays=7)
    off = switch(dynamodb, name, is_on=False)

    assert whole["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 35
    assert on["ContinuousBackupsStatus"] == off["ContinuousBackupsStatus"] == "ENABLED"
    described = on["PointInTimeRecoveryDescription"]
    assert described["PointInTimeRecoveryStatus"] == "ENABLED"
    assert described["RecoveryPeriodInDays"] == 7
    assert described["EarliestRestorableDateTime"] <= described["LatestRestorableDateTime"]
    assert off["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}


@pytest.mark.local_only
def test_table_is_restored_from_a_backup_after_its_deletion(
    dynamodb: Any, tables: Tables, make_backup: Callable[[str], str]
) -> None:
    name = tables.make(
        **attributes(("pk", "S"), ("colour", "S")),
        GlobalSecondaryIndexes=[index("by_colour", "colour")],
    )["TableName"]
    put(dynamodb, name, a=1, b=2)
    arn = make_backup(name)
    dynamodb.delete_table(TableName=name)
    tables.wait_gone(name)

    dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=arn)

    table = tables.wait(name)
    assert items(dynamodb, name) == {"a": 1, "b": 2}
    assert items(dynamodb, name, IndexName="by_colour") == {"a": 1, "b": 2}
    assert table["RestoreSummary"]["SourceBackupArn"] == arn
    assert table["RestoreSummary"]["RestoreInProgress"] is False
    put(dynamodb, name, c=3)
    assert items(dynamodb, name) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.local_only
def test_restored_table_has_no_more_than_keys_indexes_and_throughput(
    dynamodb: Any, tables: Tables, unique_name: Callable[[str], str]
) -> None:
    source = tables.make(
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        Tags=[{"Key": "k", "Value": "v"}],
        DeletionProtectionEnabled=False,
    )
    name, target = source["TableName"], unique_name("restored")
    expiry = {"Enabled": True, "AttributeName": "until"}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    dynamodb.put_resource_policy(
        ResourceArn=source["TableArn"],
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                    "Action": "dynamodb:GetItem",
                    "Resource": source["TableArn"],
                },
            }
        ),
    )
    switch(dynamodb, name, is_on=True)

    dynamodb.restore_table_to_point_in_time(
        SourceTableName=name, TargetTableName=target, UseLatestRestorableTime=True
    )

    table = tables.wait(target)
    assert "StreamSpecification" not in table
    assert "LatestStreamArn" not in table
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == []
    described = dynamodb.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}
    with refused("PolicyNotFoundException"):
        dynamodb.get_resource_policy(ResourceArn=table["TableArn"])
    recovery = dynamodb.describe_continuous_backups(TableName=target)
    assert recovery["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"] == {
        "PointInTimeRecoveryStatus": "DISABLED"
    }
    dynamodb.delete_table(TableName=target)


@pytest.mark.local_only
def test_table_is_restored_to_a_moment(
    dynamodb: Any, tables: Tables, unique_name: Callable[[str], str]
) -> None:
    name = tables.make()["TableName"]
    put(dynamodb, name, before=0)
    switch(dynamodb, name, is_on=True)
    put(dynamodb, name, a=1, b=2)
    moment = later_moment()
    put(dynamodb, name, a=5, c=3)
    dynamodb.delete_item(TableName=name, Key={"pk": {"S": "b"}})
    target = unique_name("restored")

    dynamodb.restore_table_to_point_in_time(
        SourceTableName=name, TargetTableName=target, RestoreDateTime=moment
    )

    table = tables.wait(target)
    assert items(dynamodb, target) == {"before": 0, "a": 1, "b": 2}
    assert abs(table["RestoreSummary"]["RestoreDateTime"] - moment) < timedelta(milliseconds=2)
    dynamodb.delete_table(TableName=target)


@pytest.mark.local_only
def test_table_is_restored_to_the_latest_moment(
    dynamodb: Any, tables: Tables, unique_name: Callable[[str], str]
) -> None:
    source = tables.make()
    switch(dynamodb, source["TableName"], is_on=True)
    put(dynamodb, source["TableName"], a=1)
    target = unique_name("restored")

    dynamodb.restore_table_to_point_in_time(
        SourceTableArn=source["TableArn"], TargetTableName=target, UseLatestRestorableTime=True
    )

    tables.wait(target)
    assert items(dynamodb, target) == {"a": 1}
    dynamodb.delete_table(TableName=target)


def test_moment_outside_the_window_is_refused(
    dynamodb: Any, make_table: Any, unique_name: Callable[[str], str]
) -> None:
    name = make_table()["TableName"]
    switch(dynamodb, name, is_on=True)

    with refused("InvalidRestoreTimeException"):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=name,
            TargetTableName=unique_name("restored"),
            RestoreDateTime=datetime(2020, 1, 1, tzinfo=UTC),
        )


def test_table_without_recovery_is_not_restored_to_a_moment(
    dynamodb: Any, simple: str, unique_name: Callable[[str], str]
) -> None:
    with refused("PointInTimeRecoveryUnavailableException"):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=simple,
            TargetTableName=unique_name("restored"),
            UseLatestRestorableTime=True,
        )
