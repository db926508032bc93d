"""Event source mappings of data streams: what functions are given, from where on, and how again."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.conformance.data_streams import DataStreams, refusal
from tests.conformance.function_making import shipped
from tests.conformance.mapping_making import Mappings, Notebook

pytest_plugins = ("tests.conformance.mapping_fixtures",)

LAST = {"n": -1}


class Feed:
    """A data stream, and what its function has noted of it."""

    def __init__(self, client: Any, name: str, arn: str) -> None:
        self._client = client
        self.name = name
        self.arn = arn

    def put(self, *said: dict[str, Any], key: str = "k") -> list[str]:
        """Records whose data says so; their sequence numbers."""
        records = [{"Data": json.dumps(each).encode(), "PartitionKey": key} for each in said]
        put = self._client.put_records(StreamName=self.name, Records=records)
        return [each["SequenceNumber"] for each in put["Records"]]


@pytest.fixture
def feed(kinesis: Any, data_streams: DataStreams) -> Feed:
    name = data_streams.make(ShardCount=1)
    return Feed(kinesis, name, data_streams.arn(name))


@pytest.fixture(scope="module")
def note_taker(functions: Any, notebook: Notebook) -> str:
    environment = {"Variables": {"NOTES_TABLE": notebook.table}}
    made = functions.make(
        shipped("note_data"), "note_data.handler", Timeout=30, Environment=environment
    )
    return str(made["FunctionName"])


def said(record: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.b64decode(record["kinesis"]["data"]))
    return content


def numbers(events: list[dict[str, Any]]) -> list[list[int]]:
    return [[said(record)["n"] for record in event["Records"]] for event in events]


def test_event_has_lambdas_form(
    feed: Feed, mappings: Mappings, note_taker: str, notebook: Notebook
) -> None:
    (number,) = feed.put({"n": 1})
    mappings.make(feed.arn, note_taker)

    (event,) = notebook.wait_for_events(feed.arn, 1)

    (record,) = event["Records"]
    kinesis = record["kinesis"]
    assert list(event) == ["Records"]
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventVersion"] == "1.0"
    assert record["eventName"] == "aws:kinesis:record"
    assert record["eventID"] == f"shardId-000000000000:{number}"
    assert record["eventSourceARN"] == feed.arn
    assert record["awsRegion"] == feed.arn.split(":")[3]
    assert ":role/" in record["invokeIdentityArn"]
    assert kinesis["kinesisSchemaVersion"] == "1.0"
    assert (kinesis["partitionKey"], kinesis["sequenceNumber"]) == ("k", number)
    assert said(record) == {"n": 1}
    assert kinesis["approximateArrivalTimestamp"] > 1_500_000_000


def test_latest_gives_what_is_put_behind_it(
    feed: Feed, mappings: Mappings, note_taker: str, notebook: Notebook
) -> None:
    feed.put({"n": 1})
    mappings.make(feed.arn, note_taker, StartingPosition="LATEST")
    feed.put({"n": 2})

    assert numbers(notebook.wait_for_events(feed.arn, 1)) == [[2]]


def test_time_long_ago_gives_everything(
    feed: Feed, mappings: Mappings, note_taker: str, notebook: Notebook
) -> None:
    feed.put({"n": 1})

    made = mappings.make(
        feed.arn, note_taker, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=1.0
    )

    assert made["StartingPosition"] == "AT_TIMESTAMP"
    assert made["StartingPositionTimestamp"].timestamp() == 1.0
    assert numbers(notebook.wait_for_events(feed.arn, 1)) == [[1]]


def test_filter_sees_what_the_data_says(
    feed: Feed, mappings: Mappings, note_taker: str, notebook: Notebook
) -> None:
    feed.put({"n": 1, "page": "/a"}, {"n": 2, "page": "/b"}, {"n": 3, "page": "/a"})
    pattern = json.dumps({"data": {"page": ["/a"]}, "partitionKey": ["k"]})

    mappings.make(feed.arn, note_taker, FilterCriteria={"Filters": [{"Pattern": pattern}]})

    assert numbers(notebook.wait_for_events(feed.arn, 1)) == [[1, 3]]


def test_reported_record_comes_again_and_what_is_before_it_does_not(
    feed: Feed, mappings: Mappings, note_taker: str, notebook: Notebook
) -> None:
    feed.put({"n": 1}, {"n": 2, "reported": True}, {"n": 3})

    mappings.make(feed.arn, note_taker, FunctionResponseTypes=["ReportBatchItemFailures"])

    assert numbers(notebook.wait_for_events(feed.arn, 2)) == [[1, 2, 3], [2, 3]]


def test_what_is_given_up_is_told_to_the_destination(
    feed: Feed, mappings: Mappings, note_taker: str, connect: Any, unique_name: Any
) -> None:
    sqs = connect("sqs")
    url = sqs.create_queue(QueueName=unique_name("given-up"))["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    first, last = feed.put({"n": 1, "fails": True}, {"n": 2})

    mappings.make(
        feed.arn,
        note_taker,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": attributes["Attributes"]["QueueArn"]}},
    )
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]

    told = json.loads(message["Body"])
    batch = told["KinesisBatchInfo"]
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert (batch["shardId"], batch["batchSize"]) == ("shardId-000000000000", 2)
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == (first, last)
    assert batch["streamArn"] == feed.arn


def test_parents_come_before_the_child_they_were_merged_into(
    feed: Feed,
    kinesis: Any,
    data_streams: DataStreams,
    mappings: Mappings,
    note_taker: str,
    notebook: Notebook,
) -> None:
    feed.put({"n": 1})
    kinesis.split_shard(
        StreamName=feed.name,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )
    data_streams.wait(feed.name)
    feed.put({"n": 2})
    kinesis.merge_shards(
        StreamName=feed.name,
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    data_streams.wait(feed.name)
    feed.put({"n": 3})

    mappings.make(feed.arn, note_taker)

    assert numbers(notebook.wait_for_events(feed.arn, 3)) == [[1], [2], [3]]


@pytest.mark.parametrize(
    "asked",
    [
        {"StartingPosition": "AT_TIMESTAMP"},
        {"StartingPosition": "LATEST", "StartingPositionTimestamp": 1.0},
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 4_000_000_000.0},
        {"StartingPosition": "LATEST", "Topics": ["t"]},
        {"StartingPosition": "NOWHERE"},
    ],
)
def test_mapping_that_makes_no_sense_is_refused(
    feed: Feed, aws_lambda: Any, note_taker: str, asked: dict[str, Any]
) -> None:
    told = refusal(
        aws_lambda.create_event_source_mapping,
        EventSourceArn=feed.arn,
        FunctionName=note_taker,
        **asked,
    )

    assert told.code in ("InvalidParameterValueException", "ValidationException")


@pytest.mark.local_only
def test_registered_consumer_is_no_source(feed: Feed, aws_lambda: Any, note_taker: str) -> None:
    told = refusal(
        aws_lambda.create_event_source_mapping,
        EventSourceArn=f"{feed.arn}/consumer/reader:1",
        FunctionName=note_taker,
        StartingPosition="LATEST",
    )

    assert told.code == "InvalidParameterValueException"
    assert told.text.startswith("Registered consumers are not supported by Headwater")


def test_stream_that_is_not_there_is_no_source(
    feed: Feed, aws_lambda: Any, note_taker: str
) -> None:
    told = refusal(
        aws_lambda.create_event_source_mapping,
        EventSourceArn=f"{feed.arn}-not",
        FunctionName=note_taker,
        StartingPosition="LATEST",
    )

    assert told.text == f"Stream not found: {feed.arn}-not"
