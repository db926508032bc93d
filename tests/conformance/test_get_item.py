"""GetItem."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing


@pytest.fixture
def stored(dynamodb, composite, key):
    """An item of the composite table."""
    item = {"pk": {"S": key}, "sk": {"S": "a"}, "x": {"N": "1"}}
    dynamodb.put_item(TableName=composite, Item=item)
    return item


@pytest.mark.parametrize("is_consistent", [True, False])
def test_item_is_found(dynamodb, composite, stored, is_consistent):
    item_key = {"pk": stored["pk"], "sk": stored["sk"]}

    answer = dynamodb.get_item(TableName=composite, Key=item_key, ConsistentRead=is_consistent)

    assert answer.get("Item", stored) == stored
    assert "Item" in answer or not is_consistent


def test_missing_item_is_no_member(dynamodb, composite, key):
    answer = dynamodb.get_item(TableName=composite, Key={"pk": {"S": key}, "sk": {"S": "a"}})

    assert "Item" not in answer


def test_sort_key_tells_items_apart(dynamodb, composite, stored):
    answer = dynamodb.get_item(
        TableName=composite, Key={"pk": stored["pk"], "sk": {"S": "b"}}, ConsistentRead=True
    )

    assert "Item" not in answer


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({}, id="empty"),
        pytest.param({"pk": {"S": "a"}}, id="no sort key"),
        pytest.param({"sk": {"S": "a"}}, id="no partition key"),
        pytest.param({"pk": {"S": "a"}, "sk": {"S": "a"}, "x": {"S": "a"}}, id="too many"),
        pytest.param({"pk": {"S": "a"}, "x": {"S": "a"}}, id="another attribute"),
        pytest.param({"pk": {"N": "1"}, "sk": {"S": "a"}}, id="wrong type"),
    ],
)
def test_key_that_does_not_match_is_refused(dynamodb, composite, wrong):
    with invalid("The provided key element does not match the schema"):
        dynamodb.get_item(TableName=composite, Key=wrong)


@pytest.mark.parametrize("name", ["pk", "sk"])
def test_empty_key_is_refused(dynamodb, composite, name):
    empty = {"pk": {"S": "a"}, "sk": {"S": "a"}} | {name: {"S": ""}}

    text = "The AttributeValue for a key attribute cannot contain an empty string value. Key: "
    with invalid(f"{VALUES}{text}{name}"):
        dynamodb.get_item(TableName=composite, Key=empty)


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.get_item(TableName=unique_name("unknown"), Key={"pk": {"S": "a"}})


def test_missing_key_is_refused(dynamodb, simple):
    with invalid() as refusal:
        dynamodb.get_item(TableName=simple)

    assert "Value null at 'key' failed to satisfy constraint: Member must not be null" in (
        refusal.message
    )


@pytest.mark.parametrize("length", [1, 2, 256, 300])
def test_name_of_wrong_length_is_refused(dynamodb, length):
    with invalid():
        dynamodb.get_item(TableName="x" * length, Key={"pk": {"S": "a"}})


@pytest.mark.parametrize("number", ["1000", "1e3", "1000.00", "+1000", "0.1E4"])
def test_equal_numbers_are_one_key(dynamodb, numbered, key, number):
    dynamodb.put_item(TableName=numbered, Item={"pk": {"S": key}, "sk": {"N": number}})

    answer = dynamodb.get_item(
        TableName=numbered, Key={"pk": {"S": key}, "sk": {"N": "1E+3"}}, ConsistentRead=True
    )

    assert answer["Item"]["sk"] == {"N": "1000"}


def test_unused_value_with_no_expression_is_refused(dynamodb, simple):
    with invalid("ExpressionAttributeNames can only be specified when using expressions"):
        dynamodb.get_item(
            TableName=simple, Key={"pk": {"S": "a"}}, ExpressionAttributeNames={"#a": "a"}
        )


def test_wrong_type_text_of_put_is_not_that_of_get(dynamodb, simple):
    with invalid(VALUES + "Type mismatch for key pk expected: S actual: B"):
        dynamodb.put_item(TableName=simple, Item={"pk": {"B": b"a"}})
