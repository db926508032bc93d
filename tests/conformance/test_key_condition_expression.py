"""KeyConditionExpression: which items of a partition."""

import pytest

from tests.conformance.expectation import VALUES, invalid


@pytest.fixture
def query(dynamodb, composite, key):
    """Queries the test's partition of items `a`, `ab`, `b`, `c`."""
    for sort in ("a", "ab", "b", "c"):
        dynamodb.put_item(TableName=composite, Item={"pk": {"S": key}, "sk": {"S": sort}})

    def call(condition, names=None, **values):
        given = {f":{name}": {"S": text} for name, text in values.items()}
        options = {"ExpressionAttributeNames": names} if names else {}
        page = dynamodb.query(
            TableName=composite,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={":p": {"S": key}, **given},
            ConsistentRead=True,
            **options,
        )
        return [item["sk"]["S"] for item in page["Items"]]

    return call


@pytest.mark.parametrize(
    ("condition", "values", "found"),
    [
        ("pk = :p", {}, ["a", "ab", "b", "c"]),
        (":p = pk", {}, ["a", "ab", "b", "c"]),
        ("(pk = :p)", {}, ["a", "ab", "b", "c"]),
        ("pk = :p AND sk = :v", {"v": "b"}, ["b"]),
        ("pk = :p AND sk < :v", {"v": "b"}, ["a", "ab"]),
        ("pk = :p AND sk <= :v", {"v": "b"}, ["a", "ab", "b"]),
        ("pk = :p AND sk > :v", {"v": "ab"}, ["b", "c"]),
        ("pk = :p AND sk >= :v", {"v": "ab"}, ["ab", "b", "c"]),
        ("pk = :p AND sk BETWEEN :v AND :w", {"v": "ab", "w": "b"}, ["ab", "b"]),
        ("pk = :p AND begins_with(sk, :v)", {"v": "a"}, ["a", "ab"]),
        ("pk = :p AND begins_with(sk, :v)", {"v": "x"}, []),
        ("sk > :v AND pk = :p", {"v": "b"}, ["c"]),
        ("pk = :p and sk between :v and :w", {"v": "a", "w": "a"}, ["a"]),
        ("(pk = :p) AND (sk > :v)", {"v": "b"}, ["c"]),
        ("pk = :p AND :v < sk", {"v": "b"}, ["c"]),
    ],
)
def test_condition_selects_a_range(query, condition, values, found):
    assert query(condition, **values) == found


def test_names_may_stand_for_keys(query):
    names = {"#p": "pk", "#s": "sk"}

    assert query("#p = :p AND #s > :v", names, v="b") == ["c"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("pk = :p AND sk > :v", ["2", "10"]),
        ("pk = :p AND sk < :v", ["-3"]),
        ("pk = :p AND sk = :v", ["1"]),
        ("pk = :p AND sk BETWEEN :v AND :w", ["1", "2"]),
    ],
)
def test_numbers_are_compared_as_numbers(dynamodb, numbered, key, condition, found):
    for number in ("10", "2", "1", "-3"):
        dynamodb.put_item(TableName=numbered, Item={"pk": {"S": key}, "sk": {"N": number}})
    values = {":p": {"S": key}, ":v": {"N": "1.0"}}
    if ":w" in condition:
        values[":w"] = {"N": "9"}

    page = dynamodb.query(
        TableName=numbered,
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values,
        ConsistentRead=True,
    )

    assert [item["sk"]["N"] for item in page["Items"]] == found


def test_binary_prefix(dynamodb, binary, key):
    for value in (b"\x01", b"\xff", b"\xff\xff", b"\xff\x00"):
        dynamodb.put_item(TableName=binary, Item={"pk": {"S": key}, "sk": {"B": value}})

    page = dynamodb.query(
        TableName=binary,
        KeyConditionExpression="pk = :p AND begins_with(sk, :v)",
        ExpressionAttributeValues={":p": {"S": key}, ":v": {"B": b"\xff"}},
        ConsistentRead=True,
    )

    assert [item["sk"]["B"] for item in page["Items"]] == [b"\xff", b"\xff\x00", b"\xff\xff"]


@pytest.mark.parametrize(
    ("condition", "values", "message"),
    [
        ("sk = :p", {}, "Query condition missed key schema element: pk"),
        ("n = :p", {}, "Query condition missed key schema element: pk"),
        ("pk = :p AND n = :v", {"v": "a"}, "Query condition missed key schema element: sk"),
        ("pk > :p", {}, "Query key condition not supported"),
        ("begins_with(pk, :p)", {}, "Query key condition not supported"),
        ("pk BETWEEN :p AND :v", {"v": "z"}, "Query key condition not supported"),
    ],
)
def test_condition_that_is_no_range_is_refused(query, condition, values, message):
    with invalid(message):
        query(condition, **values)


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("pk = :p OR sk = :v", {"v": "a"}),
        ("NOT pk = :p", {}),
        ("pk <> :p", {}),
        ("pk IN (:p)", {}),
        ("pk = :p AND sk <> :v", {"v": "a"}),
        ("pk = :p AND sk IN (:v)", {"v": "a"}),
        ("pk = :p AND contains(sk, :v)", {"v": "a"}),
        ("pk = :p AND size(sk) = :v", {"v": "a"}),
        ("pk = :p AND attribute_exists(sk)", {}),
        ("pk = :p AND sk > :v AND sk < :w", {"v": "a", "w": "z"}),
        ("pk = :p AND pk = :v", {"v": "a"}),
        ("pk = :p AND sk = pk", {}),
        ("pk.x = :p", {}),
        ("pk = :p AND sk[0] = :v", {"v": "a"}),
    ],
)
def test_condition_of_another_form_is_invalid(query, condition, values):
    with invalid():
        query(condition, **values)


@pytest.mark.parametrize("value", [{"N": "1"}, {"B": b"a"}, {"BOOL": True}, {"S": ""}], ids=str)
def test_value_that_cannot_be_the_key_is_refused(dynamodb, composite, value):
    with invalid() as refusal:
        dynamodb.query(
            TableName=composite,
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": value},
        )

    assert refusal.message.startswith((VALUES, "Invalid KeyConditionExpression: "))


def test_empty_key_is_refused(query):
    with invalid(
        f"{VALUES}The AttributeValue for a key attribute cannot contain an empty string value. "
        "Key: sk"
    ):
        query("pk = :p AND sk = :v", v="")


def test_bounds_in_the_wrong_order_are_refused(query):
    with invalid(
        "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater "
        "than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound "
        "operand: AttributeValue: {S:a}"
    ):
        query("pk = :p AND sk BETWEEN :v AND :w", v="b", w="a")
