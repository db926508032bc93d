"""Sizes of items and keys at the exact byte."""

import pytest

from tests.conformance.expectation import VALUES, invalid

ITEM_BYTES_MAX = 409_600
TOO_LARGE = "Item size has exceeded the maximum allowed size"
TOO_LARGE_AFTER_UPDATE = "Item size to update has exceeded the maximum allowed size"
PARTITION_KEY = VALUES + ("Size of hashkey has exceeded the maximum size limit of2048 bytes")
SORT_KEY = VALUES + ("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")


def filling(key, others, size):
    """An item of so many bytes: `pk`, some others of `others` bytes and a string to fill up."""
    used = len("pk") + len(key) + others + len("fill")
    return {"pk": {"S": key}, "fill": {"S": "x" * (size - used)}}


def test_item_of_400_kb_is_kept(dynamodb, simple, key):
    item = filling(key, 0, ITEM_BYTES_MAX)

    dynamodb.put_item(TableName=simple, Item=item)

    found = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    assert found["Item"] == item


def test_one_byte_more_is_refused(dynamodb, simple, key):
    with invalid(TOO_LARGE):
        dynamodb.put_item(TableName=simple, Item=filling(key, 0, ITEM_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param({"S": "äöü"}, 6, id="text in UTF-8"),
        pytest.param({"B": b"abc"}, 3, id="raw bytes"),
        pytest.param({"BOOL": True}, 1, id="boolean"),
        pytest.param({"NULL": True}, 1, id="null"),
        pytest.param({"N": "0"}, 1, id="nought"),
        pytest.param({"N": "12"}, 2, id="two digits"),
        pytest.param({"N": "1234"}, 3, id="four digits"),
        pytest.param({"N": "-1234"}, 4, id="a sign"),
        pytest.param({"SS": ["a", "bc"]}, 3, id="a set of strings"),
        pytest.param({"BS": [b"a", b"bc"]}, 3, id="a set of binaries"),
        pytest.param({"NS": ["12", "1234"]}, 5, id="a set of numbers"),
        pytest.param({"L": []}, 3, id="an empty list"),
        pytest.param({"M": {}}, 3, id="an empty map"),
        pytest.param({"L": [{"S": "ab"}, {"S": ""}]}, 3 + 1 + 2 + 1, id="a list"),
        pytest.param({"M": {"ab": {"S": "cde"}}}, 3 + 1 + 2 + 3, id="a map"),
    ],
)
def test_value_counts_its_size(dynamodb, simple, key, value, size):
    at_the_limit = filling(key, 1 + size, ITEM_BYTES_MAX) | {"v": value}
    above = filling(key, 1 + size, ITEM_BYTES_MAX + 1) | {"v": value}

    dynamodb.put_item(TableName=simple, Item=at_the_limit)
    with invalid(TOO_LARGE):
        dynamodb.put_item(TableName=simple, Item=above)


def test_update_beyond_the_limit_is_refused(dynamodb, simple, key):
    dynamodb.put_item(TableName=simple, Item=filling(key, 0, ITEM_BYTES_MAX - 4))

    def set_a(text):
        dynamodb.update_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            UpdateExpression="SET a = :a",
            ExpressionAttributeValues={":a": {"S": text}},
        )

    set_a("xyz")
    with invalid(TOO_LARGE_AFTER_UPDATE):
        set_a("wxyz")


@pytest.mark.parametrize(
    ("partition", "sort", "message"),
    [
        pytest.param("p" * 2048, "s" * 1024, None, id="both at the limit"),
        pytest.param("p" * 2049, "s", PARTITION_KEY, id="partition key"),
        pytest.param("ä" * 1024 + "p", "s", PARTITION_KEY, id="partition key in UTF-8"),
        pytest.param("p", "s" * 1025, SORT_KEY, id="sort key"),
        pytest.param("p", "ä" * 513, SORT_KEY, id="sort key in UTF-8"),
    ],
)
def test_keys_have_limits(dynamodb, composite, key, partition, sort, message):
    item = {"pk": {"S": key[:0] + partition}, "sk": {"S": sort}}

    if message is None:
        dynamodb.put_item(TableName=composite, Item=item)
        assert dynamodb.get_item(TableName=composite, Key=item, ConsistentRead=True)["Item"] == item
    else:
        with invalid(message):
            dynamodb.put_item(TableName=composite, Item=item)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"pk": {"S": ""}, "sk": {"S": "a"}}, "pk"),
        ({"pk": {"S": "a"}, "sk": {"S": ""}}, "sk"),
    ],
)
def test_empty_key_is_refused(dynamodb, composite, item, name):
    empty = "The AttributeValue for a key attribute cannot contain an empty string value. Key: "
    with invalid(f"{VALUES}{empty}{name}"):
        dynamodb.put_item(TableName=composite, Item=item)


def test_empty_binary_key_is_refused(dynamodb, binary, key):
    empty = "The AttributeValue for a key attribute cannot contain an empty binary value. Key: sk"
    with invalid(VALUES + empty):
        dynamodb.put_item(TableName=binary, Item={"pk": {"S": key}, "sk": {"B": b""}})
