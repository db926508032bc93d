"""The AWS CLI: one call of every operation of tables and streams that is implemented.

Calls that do not need one another run side by side, in two processes that each run one call after
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.conformance.aws_cli import PROGRAM, aws
from tests.conformance.data_streams import LOOKS_MAX, DataStreams
from tests.conformance.definition import keys
from tests.scenarios.aws_cli_walk import Walk, implemented

KEY = {"pk": {"S": "a"}}
UNPROTECTED = {"no_deletion_protection_enabled": True}
POLICY = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", '
    '"Action": "dynamodb:GetItem", "Resource": "*"}}'
)

pytestmark = [
    pytest.mark.skipif(not PROGRAM.exists(), reason="the AWS CLI is not installed"),
]


@pytest.fixture
def data_stream(connect, unique_name) -> Iterator[str]:
    """The ARN of a data stream, which is deleted afterwards."""
    made = DataStreams(connect("kinesis"), unique_name)
    yield made.arn(made.make(ShardCount=1))
    made.delete_all()


@pytest.fixture
def names(dynamodb, unique_name) -> Iterator[list[str]]:
    """Names for four tables, which are deleted afterwards."""
    found = [unique_name("cli") for _ in range(4)]
    yield found
    for name in set(dynamodb.list_tables()["TableNames"]) & set(found):
        with suppress(dynamodb.exceptions.ResourceNotFoundException):  # it was on its way
            dynamodb.delete_table(TableName=name)


def defined(name: str) -> dict[str, Any]:
    """A table to create."""
    return {"TableName": name, **keys(("pk", "S")), "BillingMode": "PAY_PER_REQUEST"}


def prepare(walk: Walk, name: str, arn: str) -> None:
    """Fill a table, and switch on what later calls ask about."""
    table = {"table_name": name}
    walk.all_of(
        "dynamodb",
        describe_table=table,
        put_item={**table, "item": KEY},
        batch_write_item={"request_items": {name: [{"PutRequest": {"Item": {"pk": {"S": "b"}}}}]}},
        update_continuous_backups={
            **table,
            "point_in_time_recovery_specification": {"PointInTimeRecoveryEnabled": True},
        },
        tag_resource={"resource_arn": arn, "tags": [{"Key": "k", "Value": "v"}]},
        put_resource_policy={"resource_arn": arn, "policy": POLICY},
    )


def use_items(walk: Walk, name: str) -> None:
    table = {"table_name": name}
    keyed = {**table, "key": KEY}
    select = f"SELECT * FROM \"{name}\" WHERE pk = 'a'"
    walk.all_of(
        "dynamodb",
        get_item=keyed,
        update_item={
            **keyed,
            "update_expression": "SET x = :x",
            "expression_attribute_values": {":x": {"S": "1"}},
        },
        query={
            **table,
            "key_condition_expression": "pk = :p",
            "expression_attribute_values": {":p": {"S": "a"}},
        },
        scan=table,
        batch_get_item={"request_items": {name: {"Keys": [KEY]}}},
        transact_write_items={"transact_items": [{"Put": {"TableName": name, "Item": KEY}}]},
        transact_get_items={"transact_items": [{"Get": {"TableName": name, "Key": KEY}}]},
        execute_statement={"statement": select},
        batch_execute_statement={"statements": [{"Statement": select}]},
        execute_transaction={"transact_statements": [{"Statement": select}]},
        delete_item=keyed,
    )


def use_table(walk: Walk, name: str, arn: str, others: list[str]) -> dict[str, Any]:
    """Ask about the table and begin its copies; the answers. others: names of tables to make."""
    recovered, imported = others
    table = {"table_name": name}
    return walk.all_of(
        "dynamodb",
        update_time_to_live={
            **table,
            "time_to_live_specification": {"Enabled": True, "AttributeName": "until"},
        },
        describe_time_to_live=table,
        describe_continuous_backups=table,
        list_tags_of_resource={"resource_arn": arn},
        get_resource_policy={"resource_arn": arn},
        create_backup={**table, "backup_name": "copy"},
        export_table_to_point_in_time={"table_arn": arn, "s3_bucket": "cli-walk"},
        restore_table_to_point_in_time={
            "source_table_name": name,
            "target_table_name": recovered,
            "use_latest_restorable_time": True,
        },
        import_table={
            "s3_bucket_source": {"S3Bucket": "cli-walk", "S3KeyPrefix": "none"},
            "input_format": "DYNAMODB_JSON",
            "table_creation_parameters": defined(imported),
        },
    )


def read_stream(walk: Walk, name: str, arn: str) -> None:
    streams = walk.all_of(
        "dynamodbstreams", list_streams={"table_name": name}, describe_stream={"stream_arn": arn}
    )
    shard = streams["describe_stream"]["StreamDescription"]["Shards"][0]["ShardId"]
    place = {"stream_arn": arn, "shard_id": shard, "shard_iterator_type": "TRIM_HORIZON"}
    got = walk.all_of("dynamodbstreams", get_shard_iterator=place)["get_shard_iterator"]
    walk.all_of("dynamodbstreams", get_records={"shard_iterator": got["ShardIterator"]})


def stream_into(walk: Walk, name: str, stream_arn: str) -> None:
    """Have the table's changes put into a data stream, and then no more."""
    flow = {"table_name": name, "stream_arn": stream_arn}
    precision = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    walk.all_of("dynamodb", enable_kinesis_streaming_destination=flow)
    wait_until_active(walk, name)
    updated = {**flow, "update_kinesis_streaming_configuration": precision}
    walk.all_of("dynamodb", update_kinesis_streaming_destination=updated)
    wait_until_active(walk, name)
    walk.all_of("dynamodb", disable_kinesis_streaming_destination=flow)


def wait_until_active(walk: Walk, name: str) -> None:
    """Return once the table's destination is active."""
    asked = {"table_name": name}
    for _ in range(LOOKS_MAX):
        told = walk.all_of("dynamodb", describe_kinesis_streaming_destination=asked)
        (described,) = told.values()
        (destination,) = described["KinesisDataStreamDestinations"]
        if destination["DestinationStatus"] == "ACTIVE":
            return
    raise AssertionError(f"the destination of {name} does not become active")


def meet_old_global_tables(walk: Walk, name: str) -> None:
    """Call the operations of the first version of global tables: all but the list are refused."""
    walk.all_of("dynamodb", list_global_tables={})
    table = {"global_table_name": name}
    replicas = [{"RegionName": "eu-west-1"}]
    refused: dict[str, dict[str, Any]] = {
        "create_global_table": {**table, "replication_group": replicas},
        "describe_global_table": table,
        "describe_global_table_settings": table,
        "update_global_table": {**table, "replica_updates": [{"Create": replicas[0]}]},
        "update_global_table_settings": table,
    }
    for operation, options in refused.items():
        with pytest.raises(AssertionError, match="An error occurred"):
            aws("dynamodb", operation.replace("_", "-"), **options)
        walk.called.add(operation)


def test_every_operation_is_called(tables, names, data_stream):
    name, restored, recovered, imported = names
    table, walk = {"table_name": name}, Walk()
    created = walk.all_of(
        "dynamodb",
        create_table={
            **table,
            "attribute_definitions": defined(name)["AttributeDefinitions"],
            "key_schema": defined(name)["KeySchema"],
            "billing_mode": "PAY_PER_REQUEST",
            "stream_specification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        },
        describe_limits={},
        describe_endpoints={},
        list_tables={"max_items": "1"},
    )["create_table"]["TableDescription"]
    tables.wait(name)
    arn = created["TableArn"]
    prepare(walk, name, arn)
    use_items(walk, name)
    begun = use_table(walk, name, arn, [recovered, imported])
    read_stream(walk, name, created["LatestStreamArn"])
    stream_into(walk, name, data_stream)
    meet_old_global_tables(walk, name)
    backup = {"backup_arn": begun["create_backup"]["BackupDetails"]["BackupArn"]}
    export = begun["export_table_to_point_in_time"]["ExportDescription"]["ExportArn"]
    job = begun["import_table"]["ImportTableDescription"]["ImportArn"]
    told = walk.all_of(
        "dynamodb",
        describe_backup=backup,
        list_backups=table,
        describe_export={"export_arn": export},
        list_exports={"table_arn": arn},
        describe_import={"import_arn": job},
        list_imports={"page_size": "1"},
        untag_resource={"resource_arn": arn, "tag_keys": ["k"]},
        delete_resource_policy={"resource_arn": arn},
        restore_table_from_backup={**backup, "target_table_name": restored},
    )
    for each in (restored, recovered):
        tables.wait(each)
    walk.all_of("dynamodb", delete_backup=backup, update_table={**table, **UNPROTECTED})
    tables.wait(name)
    walk.all_of("dynamodb", delete_table=table)

    assert told["describe_export"]["ExportDescription"]["ExportArn"] == export
    assert walk.called == implemented("DynamoDB", "DynamoDB Streams")
