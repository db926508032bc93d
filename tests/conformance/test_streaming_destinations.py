"""Tables whose changes go to data streams: enabled, described, updated, disabled; the records."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.data_streams import LOOKS_MAX, DataStreams, refusal

NOT_READY = "Table is not in a valid state to enable Kinesis Streaming Destination: "


class Flow:
    """A table, and the data stream of one shard that its changes may go to."""

    def __init__(self, clients: tuple[Any, Any], table: str, stream: str, arn: str) -> None:
        self.dynamodb, self.kinesis = clients
        self.table, self.stream, self.arn = table, stream, arn
        self.of = {"TableName": table, "StreamArn": arn}

    def enable(self, **configuration: Any) -> dict[str, Any]:
        asked = {"EnableKinesisStreamingConfiguration": configuration} if configuration else {}
        answer: dict[str, Any] = self.dynamodb.enable_kinesis_streaming_destination(
            **self.of, **asked
        )
        self.wait("ACTIVE")
        return answer

    def described(self) -> dict[str, Any]:
        found = self.dynamodb.describe_kinesis_streaming_destination(TableName=self.table)
        (destination,) = found["KinesisDataStreamDestinations"]
        return dict(destination)

    def wait(self, status: str) -> dict[str, Any]:
        for _ in range(LOOKS_MAX):
            if (described := self.described())["DestinationStatus"] == status:
                return described
        raise AssertionError(f"the destination of {self.table} does not become {status}")

    def put(self, number: int, key: str = "a") -> None:
        self.dynamodb.put_item(
            TableName=self.table, Item={"pk": {"S": key}, "n": {"N": str(number)}}
        )

    def records(self, count: int) -> list[dict[str, Any]]:
        """The data stream's records once there are so many."""
        for _ in range(LOOKS_MAX):
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.stream,
                ShardId="shardId-000000000000",
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
            found = self.kinesis.get_records(ShardIterator=iterator)["Records"]
            if len(found) >= count:
                return list(found)
        raise AssertionError(f"{self.stream} does not get {count} records")


@pytest.fixture
def flow(
    dynamodb: Any, kinesis: Any, make_table: Callable[..., Any], data_streams: DataStreams
) -> Flow:
    stream = data_streams.make(ShardCount=1)
    table = make_table()["TableName"]
    return Flow((dynamodb, kinesis), table, stream, data_streams.arn(stream))


def numbers(records: list[dict[str, Any]]) -> list[str]:
    changes = [json.loads(record["Data"])["dynamodb"] for record in records]
    return [change["NewImage"]["n"]["N"] for change in changes if "NewImage" in change]


def test_change_of_each_kind_has_its_record(flow: Flow) -> None:
    flow.put(0)
    answer = flow.enable()
    flow.put(1)
    flow.dynamodb.delete_item(TableName=flow.table, Key={"pk": {"S": "a"}})
    flow.put(2)

    records = flow.records(3)

    told = [json.loads(record["Data"]) for record in records]
    assert answer["DestinationStatus"] == "ENABLING"
    assert [each["eventName"] for each in told] == ["MODIFY", "REMOVE", "INSERT"]
    first = told[0]
    assert str(uuid.UUID(first.pop("eventID")))
    change = first.pop("dynamodb")
    assert first == {
        "awsRegion": flow.arn.split(":")[3],
        "eventName": "MODIFY",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": flow.table,
        "eventSource": "aws:dynamodb",
    }
    assert change.pop("ApproximateCreationDateTime") > 1_500_000_000_000
    assert change == {
        "Keys": {"pk": {"S": "a"}},
        "NewImage": {"pk": {"S": "a"}, "n": {"N": "1"}},
        "OldImage": {"pk": {"S": "a"}, "n": {"N": "0"}},
        "SizeBytes": 3 + 6 + 5,
    }
    assert len({record["PartitionKey"] for record in records}) == 1


def test_table_without_a_stream_of_its_own_and_one_that_gains_and_loses_it(flow: Flow) -> None:
    flow.enable()
    flow.put(1)
    for number, is_on in ((2, True), (3, False)):
        specification = {"StreamEnabled": is_on}
        if is_on:
            specification["StreamViewType"] = "KEYS_ONLY"  # type: ignore[assignment]
        flow.dynamodb.update_table(TableName=flow.table, StreamSpecification=specification)
        flow.dynamodb.get_waiter("table_exists").wait(
            TableName=flow.table, WaiterConfig={"Delay": 1}
        )
        flow.put(number)

    assert sorted(numbers(flow.records(3))) == ["1", "2", "3"]


def test_precision_is_told_and_changed(flow: Flow) -> None:
    flow.enable(ApproximateCreationDateTimePrecision="MILLISECOND")
    flow.put(1)
    flow.records(1)
    same = refusal(
        flow.dynamodb.update_kinesis_streaming_destination,
        **flow.of,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MILLISECOND"},
    )
    answer = flow.dynamodb.update_kinesis_streaming_destination(
        **flow.of,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    described = flow.wait("ACTIVE")
    flow.put(2)

    changes = [json.loads(each["Data"])["dynamodb"] for each in flow.records(2)]
    assert same.code == "ValidationException"
    assert same.text.startswith(
        "Invalid Request: Precision is already set to the desired value of MILLISECOND for tableId:"
    )
    assert answer["DestinationStatus"] == "UPDATING"
    assert described["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    told = [each["ApproximateCreationDateTimePrecision"] for each in changes]
    assert told == ["MILLISECOND", "MICROSECOND"]
    digits = [len(str(each["ApproximateCreationDateTime"])) for each in changes]
    assert digits == [13, 16]


def test_disabled_destination_gets_nothing_more_and_stays_listed(flow: Flow) -> None:
    flow.enable()
    flow.put(1)
    flow.records(1)
    answer = flow.dynamodb.disable_kinesis_streaming_destination(**flow.of)
    flow.wait("DISABLED")
    flow.put(2)
    flow.enable()
    flow.put(3)

    assert answer["DestinationStatus"] == "DISABLING"
    assert numbers(flow.records(2)) == ["1", "3"]


def test_stream_that_is_not_there_fails_and_can_be_tried_again(
    flow: Flow, data_streams: DataStreams
) -> None:
    missing = {**flow.of, "StreamArn": f"{flow.arn}-later"}
    flow.dynamodb.enable_kinesis_streaming_destination(**missing)
    failed = flow.wait("ENABLE_FAILED")
    data_streams.make(f"{flow.stream}-later", ShardCount=1)
    flow.dynamodb.enable_kinesis_streaming_destination(**missing)

    assert failed["DestinationStatusDescription"]
    assert flow.wait("ACTIVE")["StreamArn"] == missing["StreamArn"]


def test_what_is_not_in_the_state_for_it_is_refused(flow: Flow) -> None:
    never = refusal(flow.dynamodb.disable_kinesis_streaming_destination, **flow.of)
    precision = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    unknown = refusal(
        flow.dynamodb.update_kinesis_streaming_destination,
        **flow.of,
        UpdateKinesisStreamingConfiguration=precision,
    )
    flow.enable()
    twice = refusal(flow.dynamodb.enable_kinesis_streaming_destination, **flow.of)

    assert never.text == (
        f"{NOT_READY}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
    )
    assert unknown.text == (
        f"{NOT_READY}No streaming destination with streamArn: {flow.arn} found for table with "
        f"tableName: {flow.table}"
    )
    assert twice.text == (
        f"{NOT_READY}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to "
        "perform ENABLE operation."
    )


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        (
            {},
            (
                "Streaming destination cannot be updated with given parameters: "
                "UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
            ),
        ),
        (
            {"ApproximateCreationDateTimePrecision": "SECOND"},
            (
                "1 validation error detected: Value 'SECOND' at 'updateKinesisStreaming"
                "Configuration.approximateCreationDateTimePrecision' failed to satisfy constraint: "
                "Member must satisfy enum value set: [MILLISECOND, MICROSECOND]"
            ),
        ),
    ],
)
def test_update_that_says_nothing_is_refused(
    flow: Flow, configuration: dict[str, str], text: str
) -> None:
    told = refusal(
        flow.dynamodb.update_kinesis_streaming_destination,
        **flow.of,
        UpdateKinesisStreamingConfiguration=configuration,
    )

    assert (told.code, told.text) == ("ValidationException", text)


def test_table_that_is_not_there_is_told(flow: Flow) -> None:
    told = refusal(
        flow.dynamodb.describe_kinesis_streaming_destination, TableName="headwater-missing"
    )

    assert told.code == "ResourceNotFoundException"
    assert told.text == "Requested resource not found: Table: headwater-missing not found"


@pytest.mark.local_only
def test_stream_of_another_region_is_refused(flow: Flow) -> None:
    arn = flow.arn.replace("us-east-1", "eu-west-1")

    told = refusal(
        flow.dynamodb.enable_kinesis_streaming_destination, TableName=flow.table, StreamArn=arn
    )

    assert told.code == "ValidationException"
