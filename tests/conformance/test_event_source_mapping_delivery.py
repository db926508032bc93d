"""What functions are given by event source mappings: which records, and in which events."""

import base64

import pytest

from tests.conformance.definition import VIEWS
from tests.conformance.mapping_making import Source, numbers
from tests.conformance.stream_reading import Follower

pytest_plugins = ("tests.conformance.mapping_fixtures",)
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024


# The event


def test_event_has_lambdas_form(dynamodb, source, notebook, join):
    binary = bytes(range(256))
    image = {
        "pk": {"S": "a"},
        "n": {"N": "1"},
        "b": {"B": binary},
        "bs": {"BS": [b"\x01"]},
        "ns": {"NS": ["1.5"]},
        "l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}]},
    }
    dynamodb.put_item(TableName=source.table, Item=image)
    join()

    (event,) = notebook.wait_for(source.arn, 1)

    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert list(record) == [
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
        "eventSourceARN",
    ]
    change = record["dynamodb"]
    assert record["eventName"] == "INSERT"
    assert record["eventVersion"] == "1.1"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == source.arn.split(":")[3]
    assert record["eventSourceARN"] == source.arn
    assert change.keys() == {
        "ApproximateCreationDateTime",
        "Keys",
        "NewImage",
        "SequenceNumber",
        "SizeBytes",
        "StreamViewType",
    }
    assert change["NewImage"] == image | {
        "b": {"B": base64.b64encode(binary).decode()},
        "bs": {"BS": [base64.b64encode(b"\x01").decode()]},
    }
    assert isinstance(change["ApproximateCreationDateTime"], int | float)


def test_records_are_those_of_the_stream(dynamodb, dynamodbstreams, source, notebook, join):
    source.put(1)
    source.put(2)
    dynamodb.delete_item(TableName=source.table, Key={"pk": {"S": "a"}})
    source.put(3)
    join()

    events = notebook.wait_for(source.arn, 3)

    read = Follower(dynamodbstreams, source.arn).records("a", 4)
    for record in read:
        moment = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
        record["dynamodb"]["ApproximateCreationDateTime"] = moment
        record["eventSourceARN"] = source.arn
    given = [record for event in events for record in event["Records"]]
    assert [record["eventName"] for record in given] == ["INSERT", "MODIFY", "REMOVE", "INSERT"]
    assert given == read


@pytest.mark.parametrize("view", VIEWS)
def test_view_type_rules_images(dynamodb, make_table, mappings, note_taker, notebook, view):
    specification = {"StreamEnabled": True, "StreamViewType": view}
    source = Source(dynamodb, make_table(StreamSpecification=specification))
    source.put(1)
    source.put(2)
    mappings.make(source.arn, note_taker)

    ((_, modify),) = [event["Records"] for event in notebook.wait_for_events(source.arn, 1)]

    images = {
        "KEYS_ONLY": set(),
        "NEW_IMAGE": {"NewImage"},
        "OLD_IMAGE": {"OldImage"},
        "NEW_AND_OLD_IMAGES": {"NewImage", "OldImage"},
    }
    assert modify["dynamodb"].keys() & {"NewImage", "OldImage"} == images[view]
    assert modify["dynamodb"]["StreamViewType"] == view


# Batches


def test_batches_have_at_most_the_batch_size(source, notebook, join):
    for number in range(1, 8):
        source.put(number)
    join(BatchSize=3)

    events = notebook.wait_for(source.arn, 7)

    assert numbers(events) == [[1, 2, 3], [4, 5, 6], [7]]


def test_batch_size_is_a_hundred_if_not_given(source, notebook, join):
    for number in range(1, 102):
        source.put(number)
    join()

    events = notebook.wait_for(source.arn, 101)

    assert [len(event["Records"]) for event in events] == [100, 1]


def test_full_batch_does_not_wait_for_its_window(source, notebook, join):
    join(BatchSize=3, MaximumBatchingWindowInSeconds=300)
    for number in (1, 2, 3):
        source.put(number)

    events = notebook.wait_for(source.arn, 3)

    assert numbers(events) == [[1, 2, 3]]


def test_batch_that_is_not_full_is_given_when_its_window_is_over(source, notebook, join):
    source.put(1)
    join(MaximumBatchingWindowInSeconds=1)

    (event,) = notebook.wait_for(source.arn, 1)

    assert len(event["Records"]) == 1


def test_event_is_of_one_shard(source, notebook, join, numbers_by_shard):
    for number in range(1, 21):
        source.put(number, key=f"key-{number}")
    shards = numbers_by_shard(20)
    join(BatchSize=1000)

    for own in shards:
        events = notebook.wait_for(source.arn, own[-1])

    assert len(shards) > 1
    assert sorted(numbers(events)) == sorted(shards)


def test_event_stays_within_the_payload_limit(dynamodb, source, notebook, join):
    for number in range(1, 19):
        source.put(number, filler={"S": "x" * 380_000})
    join(BatchSize=1000)

    events = notebook.wait_for(source.arn, 18)

    assert [n for batch in numbers(events) for n in batch] == list(range(1, 19))
    assert len(events) < 18
    notes = dynamodb.query(
        TableName=notebook.table,
        KeyConditionExpression="arn = :arn",
        ExpressionAttributeValues={":arn": {"S": source.arn}},
    )["Items"]
    assert all(int(note["bytes"]["N"]) <= PAYLOAD_BYTES_MAX for note in notes)
