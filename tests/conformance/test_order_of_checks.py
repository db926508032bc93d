"""Which fault is told of a request that has several: of form, of meaning, of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.expectation import invalid, missing, refused

NONE = "no-such-table"
KEY = {"pk": {"S": "a"}}
UNDEFINED = "An expression attribute value used in expression is not defined"
MIXED = (
    "Can not use both expression and non-expression parameters in the same request: "
    "Non-expression parameters:"
)
TOO_LARGE = {"pk": {"S": "a"}, "f": {"S": "x" * 409_600}}


@pytest.fixture
def put(dynamodb):
    """Puts into a table that does not exist."""

    def call(item: dict[str, Any], **options: Any) -> Any:
        return dynamodb.put_item(TableName=NONE, Item=item, **options)

    return call


def test_types_come_before_constraints(put):
    with refused("SerializationException", "NUMBER_VALUE cannot be converted to String"):
        put({"pk": {"S": 1}}, ReturnValues="SOME")


def test_all_constraints_come_in_one_text_before_any_meaning(put):
    with invalid() as refusal:
        put({"pk": {}}, ReturnValues="SOME", ReturnConsumedCapacity="ALL")

    assert refusal.message.startswith(
        "2 validation errors detected: Value 'SOME' at 'returnValues'"
    )


@pytest.mark.parametrize(
    ("item", "options", "message"),
    [
        (KEY, {"ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
        (
            {"pk": {}},
            {},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"pk": {"N": "dog"}},
            {},
            "The parameter cannot be converted to a numeric value: dog",
        ),
        (TOO_LARGE, {}, "Item size has exceeded the maximum allowed size"),
        (
            KEY,
            {"ConditionExpression": "a = :a"},
            f"Invalid ConditionExpression: {UNDEFINED}; attribute value: :a",
        ),
        (
            KEY,
            {
                "ConditionExpression": "attribute_exists(a)",
                "ExpressionAttributeNames": {"#a": "a"},
            },
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
        ),
        (
            KEY,
            {"ConditionExpression": "a", "Expected": {"a": {"Exists": False}}},
            f"{MIXED} {{Expected}} Expression parameters: {{ConditionExpression}}",
        ),
    ],
    ids=["return values", "value", "number", "size", "expression", "unused name", "mixed"],
)
def test_what_the_request_says_comes_before_its_table(put, item, options, message):
    with invalid(message):
        put(item, **options)


@pytest.mark.parametrize(
    "item", [{"other": {"S": "a"}}, {"pk": {"S": ""}}, {"pk": {"S": "x" * 3000}}]
)
def test_the_table_comes_before_what_its_schema_says(put, item):
    with missing():
        put(item)


def test_parameters_that_exclude_each_other_come_before_their_texts(dynamodb):
    with invalid("ExpressionAttributeNames must not be empty"):
        dynamodb.get_item(
            TableName=NONE,
            Key=KEY,
            ProjectionExpression="(",
            ExpressionAttributeNames={},
        )


def test_a_condition_is_asked_before_what_the_update_makes(dynamodb, simple, key):
    with refused("ConditionalCheckFailedException"):
        dynamodb.update_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            UpdateExpression="SET a.b = :v",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":v": {"S": "a"}},
        )
