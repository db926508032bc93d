"""TransactGetItems."""

import pytest

from tests.conformance.expectation import invalid, missing, refused


@pytest.fixture
def get(dynamodb, simple, key):
    """Gets the items under the test's key with these endings."""

    def call(*endings, **options):
        return dynamodb.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": simple, "Key": {"pk": {"S": key + ending}}, **options}}
                for ending in endings
            ]
        )["Responses"]

    return call


def test_answers_are_in_the_order_of_the_request(dynamodb, simple, key, get):
    for ending in "ca":
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key + ending}, "n": {"N": "1"}})

    assert get("c", "b", "a") == [
        {"Item": {"pk": {"S": key + "c"}, "n": {"N": "1"}}},
        {},
        {"Item": {"pk": {"S": key + "a"}, "n": {"N": "1"}}},
    ]


def test_projection_applies(dynamodb, simple, key, get):
    dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, "n": {"N": "1"}})

    assert get("", ProjectionExpression="n") == [{"Item": {"n": {"N": "1"}}}]


def test_100_items_are_the_most(get):
    assert get(*map(str, range(100))) == [{}] * 100
    with invalid() as refusal:
        get(*map(str, range(101)))
    assert refusal.message.endswith("Member must have length less than or equal to 100")


def test_same_item_twice_is_refused(get):
    with invalid("Transaction request cannot include multiple operations on one item"):
        get("a", "a")


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": unique_name("unknown"), "Key": {"pk": {"S": "a"}}}}
            ]
        )


def test_empty_request_is_refused(dynamodb):
    with invalid():
        dynamodb.transact_get_items(TransactItems=[])


def test_key_that_does_not_match_is_a_reason(dynamodb, simple):
    with refused("TransactionCanceledException") as refusal:
        dynamodb.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": simple, "Key": {name: {"S": "a"}}}} for name in ("pk", "no")
            ]
        )

    assert refusal.body["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ValidationError",
            "Message": "The provided key element does not match the schema",
        },
    ]
