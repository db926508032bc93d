"""Stream records: their members, the images of each view, their sizes."""

import re

import pytest

from headwater.clock import SystemClock
from tests.conformance.definition import VIEWS, attributes, index, keys, schema
from tests.conformance.stream_reading import Follower, read_to_end

EVENT_ID = re.compile(r"[0-9a-f]{32}")
SEQUENCE_NUMBER = re.compile(r"[0-9]{21,40}")
NEW = {"INSERT", "MODIFY"}
OLD = {"MODIFY", "REMOVE"}
IMAGES: dict[str, dict[str, set[str]]] = {
    "KEYS_ONLY": {"NewImage": set(), "OldImage": set()},
    "NEW_IMAGE": {"NewImage": NEW, "OldImage": set()},
    "OLD_IMAGE": {"NewImage": set(), "OldImage": OLD},
    "NEW_AND_OLD_IMAGES": {"NewImage": NEW, "OldImage": OLD},
}


@pytest.fixture
def history(dynamodb, streamed, followers, key):
    """The records of an item that is inserted, modified and removed, by event name."""

    def call(view, first=None, second=None):
        name = streamed[view]["TableName"]
        item_key = {"pk": {"S": key}}
        dynamodb.put_item(TableName=name, Item=item_key | (first or {}))
        dynamodb.put_item(TableName=name, Item=item_key | (second or {"a": {"S": "2"}}))
        dynamodb.delete_item(TableName=name, Key=item_key)
        found = followers[view].records(key, 3)
        return {record["eventName"]: record for record in found}

    return call


@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("view", VIEWS)
def test_view_decides_which_images_there_are(history, key, view, event):
    item_key = {"pk": {"S": key}}
    images = {
        "OldImage": item_key | ({"a": {"S": "1"}} if event == "MODIFY" else {"a": {"S": "2"}}),
        "NewImage": item_key | ({"a": {"S": "1"}} if event == "INSERT" else {"a": {"S": "2"}}),
    }

    record = history(view, {"a": {"S": "1"}})[event]["dynamodb"]

    assert record["Keys"] == item_key
    for image, events in IMAGES[view].items():
        assert record.get(image) == (images[image] if event in events else None)


@pytest.mark.parametrize("view", VIEWS)
def test_record_has_these_members(history, streamed, view):
    record = history(view)["INSERT"]

    assert set(record) == {
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
    }
    assert EVENT_ID.fullmatch(record["eventID"])
    assert record["eventVersion"] == "1.1"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == streamed[view]["TableArn"].split(":")[3]
    assert SEQUENCE_NUMBER.fullmatch(record["dynamodb"]["SequenceNumber"])
    assert record["dynamodb"]["StreamViewType"] == view


def test_time_is_that_of_the_write_in_whole_seconds(dynamodb, watched, follower, key):
    before = SystemClock().now()
    dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}})

    (record,) = follower.records(key, 1)

    created = record["dynamodb"]["ApproximateCreationDateTime"]
    assert created.microsecond == 0
    assert created.timestamp() == pytest.approx(before, abs=60)


@pytest.mark.parametrize(
    ("view", "sizes"),
    [
        ("KEYS_ONLY", {"INSERT": 6, "MODIFY": 6, "REMOVE": 6}),
        ("NEW_IMAGE", {"INSERT": 6 + 6, "MODIFY": 6 + 14, "REMOVE": 6}),
        ("OLD_IMAGE", {"INSERT": 6, "MODIFY": 6 + 6, "REMOVE": 6 + 14}),
        ("NEW_AND_OLD_IMAGES", {"INSERT": 6 + 6, "MODIFY": 6 + 14 + 6, "REMOVE": 6 + 14}),
    ],
)
def test_size_is_that_of_keys_and_images(
    dynamodb, dynamodbstreams, make_table, tables, view, sizes
):
    table = make_table(
        **keys(("id", "S")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    item_key = {"id": {"S": "Fred"}}

    dynamodb.put_item(TableName=table["TableName"], Item=item_key)
    dynamodb.put_item(TableName=table["TableName"], Item=item_key | {"name": {"S": "Fred"}})
    dynamodb.delete_item(TableName=table["TableName"], Key=item_key)

    found = records_of_closed(dynamodb, dynamodbstreams, tables, table)
    assert {each["eventName"]: each["dynamodb"]["SizeBytes"] for each in found} == sizes


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 27 + 27),
        ({"should_fail": {"BOOL": True}}, 27 + 27 + 12),
    ],
    ids=["key", "boolean"],
)
def test_size_of_an_image_counts_names_and_values(
    dynamodb, dynamodbstreams, make_table, tables, item, size
):
    table = make_table(
        **keys(("my_partition_key", "S")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )

    dynamodb.put_item(
        TableName=table["TableName"], Item={"my_partition_key": {"S": "hello world"}, **item}
    )

    (record,) = records_of_closed(dynamodb, dynamodbstreams, tables, table)
    assert record["dynamodb"]["SizeBytes"] == size


def records_of_closed(dynamodb, dynamodbstreams, tables, table):
    """Every record of a table's stream, which is disabled so that it has an end."""
    tables.wait(table["TableName"])
    dynamodb.update_table(
        TableName=table["TableName"], StreamSpecification={"StreamEnabled": False}
    )
    tables.wait(table["TableName"])
    return read_to_end(dynamodbstreams, table["LatestStreamArn"])


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "äöü"}, 6),
        ({"N": "0"}, 1),
        ({"N": "1234"}, 3),
        ({"N": "-12"}, 3),
        ({"B": b"abc"}, 3),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"L": [{"S": "ab"}]}, 3 + 1 + 2),
        ({"M": {"ab": {"S": "cde"}}}, 3 + 1 + 2 + 3),
    ],
    ids=str,
)
def test_value_counts_its_size(dynamodb, watched, follower, key, value, size):
    dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}, "v": value})

    (record,) = follower.records(key, 1)

    assert record["dynamodb"]["SizeBytes"] == 2 * (len("pk") + len(key)) + len("v") + size


@pytest.mark.parametrize("view", ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_item_of_keys_has_an_image_of_keys(history, key, view):
    record = history(view)["INSERT"]["dynamodb"]

    assert record["NewImage"] == {"pk": {"S": key}}


def test_values_of_every_type_are_in_the_image(dynamodb, watched, follower, key):
    item = {
        "pk": {"S": key},
        "n": {"N": "1.50"},
        "b": {"B": b"\x00\xff"},
        "t": {"BOOL": False},
        "z": {"NULL": True},
        "e": {"S": ""},
        "l": {"L": [{"N": "1e2"}, {"M": {}}]},
        "ss": {"SS": ["a"]},
        "ns": {"NS": ["1.0"]},
        "bs": {"BS": [b"x"]},
    }

    dynamodb.put_item(TableName=watched, Item=item)

    (record,) = follower.records(key, 1)
    assert record["dynamodb"]["NewImage"] == item | {
        "n": {"N": "1.5"},
        "l": {"L": [{"N": "100"}, {"M": {}}]},
        "ns": {"NS": ["1"]},
    }


def test_put_over_an_item_is_one_modification(dynamodb, watched, follower, key):
    for text in "ab":
        dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}, "a": {"S": text}})

    assert [each["eventName"] for each in follower.records(key, 2)] == ["INSERT", "MODIFY"]


def test_deleted_and_put_again_is_inserted(dynamodb, watched, follower, key):
    item = {"pk": {"S": key}}
    dynamodb.put_item(TableName=watched, Item=item)
    dynamodb.delete_item(TableName=watched, Key=item)
    dynamodb.put_item(TableName=watched, Item=item)

    events = [each["eventName"] for each in follower.records(key, 3)]

    assert events == ["INSERT", "REMOVE", "INSERT"]


def test_reading_again_gives_the_same_records(dynamodb, dynamodbstreams, watched, follower, key):
    dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}})
    dynamodb.delete_item(TableName=watched, Key={"pk": {"S": key}})

    first = follower.records(key, 2)
    again = Follower(dynamodbstreams, follower.stream_arn).records(key, 2)

    assert again == first
    assert first[0]["eventID"] != first[1]["eventID"]


def test_keys_are_those_of_the_table_and_not_of_indexes(
    dynamodb, dynamodbstreams, make_table, tables
):
    table = make_table(
        KeySchema=schema("pk", "sk"),
        **attributes(("pk", "S"), ("sk", "N"), ("g", "S")),
        GlobalSecondaryIndexes=[index("by_g", "g", "sk")],
        LocalSecondaryIndexes=[index("local", "pk", "g")],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )

    dynamodb.put_item(
        TableName=table["TableName"],
        Item={"pk": {"S": "a"}, "sk": {"N": "1.0"}, "g": {"S": "g"}},
    )

    (record,) = records_of_closed(dynamodb, dynamodbstreams, tables, table)
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
