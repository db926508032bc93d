"""DeleteItem."""

import pytest

from tests.conformance.expectation import invalid, missing, refused


@pytest.fixture
def delete(dynamodb, simple, key):
    """Deletes the item under the test's key."""

    def call(**options):
        return dynamodb.delete_item(TableName=simple, Key={"pk": {"S": key}}, **options)

    return call


@pytest.fixture
def stored(dynamodb, simple, key):
    item = {"pk": {"S": key}, "a": {"S": "1"}}
    dynamodb.put_item(TableName=simple, Item=item)
    return item


@pytest.fixture
def exists(dynamodb, simple, key):
    def call():
        answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
        return "Item" in answer

    return call


def test_deleted_item_is_gone(stored, delete, exists):
    answer = delete()

    assert "Attributes" not in answer
    assert not exists()


def test_all_old_returns_what_was_there(stored, delete):
    assert delete(ReturnValues="ALL_OLD")["Attributes"] == stored


def test_missing_item_is_deleted_without_error(delete):
    assert "Attributes" not in delete(ReturnValues="ALL_OLD")


@pytest.mark.parametrize("wanted", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_other_return_values_are_refused(delete, wanted):
    with invalid("ReturnValues can only be ALL_OLD or NONE"):
        delete(ReturnValues=wanted)


def test_failed_condition_keeps_the_item(stored, delete, exists):
    with refused("ConditionalCheckFailedException", "The conditional request failed") as refusal:
        delete(
            ConditionExpression="a = :v",
            ExpressionAttributeValues={":v": {"S": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert refusal.body["Item"] == stored
    assert exists()


def test_condition_on_a_missing_item_fails(delete):
    with refused("ConditionalCheckFailedException"):
        delete(ConditionExpression="attribute_exists(pk)")


def test_fulfilled_condition_deletes(stored, delete, exists):
    delete(ConditionExpression="a = :v", ExpressionAttributeValues={":v": {"S": "1"}})

    assert not exists()


def test_key_that_does_not_match_is_refused(dynamodb, simple):
    with invalid("The provided key element does not match the schema"):
        dynamodb.delete_item(TableName=simple, Key={"other": {"S": "a"}})


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.delete_item(TableName=unique_name("unknown"), Key={"pk": {"S": "a"}})
