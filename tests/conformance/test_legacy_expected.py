"""Expected and ConditionalOperator: conditions older than expressions, on each kind of write."""

import pytest

from tests.conformance.expectation import VALUES, invalid, refused

STORED = {
    "text": {"S": "abc"},
    "count": {"N": "5"},
    "bytes": {"B": b"\x01\x02\x03"},
    "tags": {"SS": ["a", "b"]},
    "sizes": {"NS": ["1", "2"]},
    "list": {"L": [{"S": "a"}, {"N": "1"}]},
    "map": {"M": {"x": {"N": "1"}}},
    "nothing": {"NULL": True},
}


@pytest.fixture
def item_key(key):
    return {"pk": {"S": key}}


@pytest.fixture
def stored(dynamodb, simple, item_key):
    item = item_key | STORED
    dynamodb.put_item(TableName=simple, Item=item)
    return item


@pytest.fixture
def expect(dynamodb, simple, item_key):
    """Updates the item where it is as expected; returns whether it was."""

    def call(expected, **options):
        try:
            dynamodb.update_item(
                TableName=simple,
                Key=item_key,
                AttributeUpdates={"touched": {"Value": {"BOOL": True}}},
                Expected=expected,
                **options,
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    return call


def asked(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.mark.parametrize(
    ("name", "wanted", "holds"),
    [
        ("count", {"Value": {"N": "5"}}, True),
        ("count", {"Value": {"N": "5.0"}}, True),
        ("count", {"Value": {"N": "6"}}, False),
        ("count", {"Value": {"S": "5"}}, False),
        ("tags", {"Value": {"SS": ["b", "a"]}}, True),
        ("count", {"Exists": True, "Value": {"N": "5"}}, True),
        ("count", {"Exists": True, "Value": {"N": "6"}}, False),
        ("count", {"Exists": False}, False),
        ("absent", {"Exists": False}, True),
        ("absent", {"Value": {"N": "5"}}, False),
        ("count", {"ComparisonOperator": "GT", "Value": {"N": "4"}}, True),
    ],
)
def test_value_and_existence_are_expected(expect, stored, name, wanted, holds):
    assert expect({name: wanted}) is holds


@pytest.mark.parametrize(
    ("name", "wanted", "holds"),
    [
        ("text", asked("EQ", {"S": "abc"}), True),
        ("list", asked("EQ", {"L": [{"S": "a"}, {"N": "1"}]}), True),
        ("map", asked("EQ", {"M": {"x": {"N": "2"}}}), False),
        ("text", asked("NE", {"S": "abc"}), False),
        ("text", asked("NE", {"N": "1"}), True),
        ("absent", asked("NE", {"S": "abc"}), True),
        ("count", asked("LT", {"N": "10"}), True),
        ("count", asked("LE", {"N": "5"}), True),
        ("count", asked("GT", {"N": "5"}), False),
        ("count", asked("GE", {"N": "5"}), True),
        ("count", asked("LT", {"S": "9"}), False),
        ("absent", asked("LT", {"N": "9"}), False),
        ("count", asked("NOT_NULL"), True),
        ("nothing", asked("NOT_NULL"), True),
        ("absent", asked("NOT_NULL"), False),
        ("count", asked("NULL"), False),
        ("nothing", asked("NULL"), False),
        ("absent", asked("NULL"), True),
        ("text", asked("CONTAINS", {"S": "bc"}), True),
        ("bytes", asked("CONTAINS", {"B": b"\x02\x03"}), True),
        ("tags", asked("CONTAINS", {"S": "a"}), True),
        ("tags", asked("CONTAINS", {"S": "ab"}), False),
        ("sizes", asked("CONTAINS", {"N": "1.0"}), True),
        ("list", asked("CONTAINS", {"N": "1"}), True),
        ("map", asked("CONTAINS", {"S": "x"}), False),
        ("absent", asked("CONTAINS", {"S": "x"}), False),
        ("text", asked("NOT_CONTAINS", {"S": "x"}), True),
        ("text", asked("NOT_CONTAINS", {"S": "bc"}), False),
        ("tags", asked("NOT_CONTAINS", {"S": "c"}), True),
        ("absent", asked("NOT_CONTAINS", {"S": "x"}), False),
        ("text", asked("BEGINS_WITH", {"S": "ab"}), True),
        ("bytes", asked("BEGINS_WITH", {"B": b"\x01"}), True),
        ("text", asked("BEGINS_WITH", {"S": "b"}), False),
        ("text", asked("IN", {"S": "x"}, {"S": "abc"}), True),
        ("text", asked("IN", {"S": "x"}), False),
        ("absent", asked("IN", {"S": "x"}), False),
        ("count", asked("BETWEEN", {"N": "1"}, {"N": "5"}), True),
        ("count", asked("BETWEEN", {"N": "6"}, {"N": "9"}), False),
        ("count", asked("BETWEEN", {"S": "1"}, {"S": "9"}), False),
    ],
    ids=str,
)
def test_attributes_are_compared(expect, stored, name, wanted, holds):
    assert expect({name: wanted}) is holds


@pytest.mark.parametrize(
    ("operator", "first", "second", "holds"),
    [
        (None, "5", "abc", True),
        (None, "5", "x", False),
        ("AND", "5", "x", False),
        ("OR", "5", "x", True),
        ("OR", "6", "abc", True),
        ("OR", "6", "x", False),
    ],
)
def test_several_conditions_are_joined(expect, stored, operator, first, second, holds):
    options = {} if operator is None else {"ConditionalOperator": operator}

    met = expect({"count": {"Value": {"N": first}}, "text": {"Value": {"S": second}}}, **options)

    assert met is holds


def test_put_is_made_once_where_no_item_is_expected(dynamodb, simple, item_key):
    wanted = {"TableName": simple, "Item": item_key, "Expected": {"pk": {"Exists": False}}}

    dynamodb.put_item(**wanted)

    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        dynamodb.put_item(**wanted)


def test_item_is_deleted_where_it_is_as_expected(dynamodb, simple, item_key, stored):
    wanted = {"TableName": simple, "Key": item_key}

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.delete_item(**wanted, Expected={"count": {"Value": {"N": "6"}}})
    dynamodb.delete_item(**wanted, Expected={"count": {"Value": {"N": "5"}}})

    assert "Item" not in dynamodb.get_item(**wanted, ConsistentRead=True)


@pytest.mark.parametrize("operation", ["put_item", "update_item", "delete_item"])
@pytest.mark.parametrize("wanted", ["ALL_OLD", "NONE"])
def test_failure_shows_the_item_to_those_who_ask(
    dynamodb, simple, item_key, stored, operation, wanted
):
    target = {"Item": item_key} if operation == "put_item" else {"Key": item_key}

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        getattr(dynamodb, operation)(
            TableName=simple,
            **target,
            Expected={"count": {"Exists": False}},
            ReturnValuesOnConditionCheckFailure=wanted,
        )

    assert caught.value.response.get("Item") == (stored if wanted == "ALL_OLD" else None)


def test_failure_shows_no_item_where_there_is_none(dynamodb, simple, item_key):
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        dynamodb.update_item(
            TableName=simple,
            Key=item_key,
            Expected={"count": {"Value": {"N": "5"}}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert "Item" not in caught.value.response


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "Value must be provided when Exists is null for Attribute: a"),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: a"),
        (
            {"Exists": False, "Value": {"S": "x"}},
            "Value cannot be used when Exists is false for Attribute: a",
        ),
        (
            {"Exists": True, "ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"ComparisonOperator": "EQ", "Value": {"S": "x"}, "AttributeValueList": [{"S": "x"}]},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"AttributeValueList": [{"S": "x"}]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"ComparisonOperator": "EQ"},
            "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
        ),
        *[
            (
                asked(operator, *[{"S": "x"}] * count),
                f"Invalid number of argument(s) for the {operator} ComparisonOperator",
            )
            for operator, count in (
                ("EQ", 2),
                ("NULL", 1),
                ("NOT_NULL", 1),
                ("IN", 0),
                ("BETWEEN", 1),
                ("BETWEEN", 3),
            )
        ],
        *[
            (
                asked(operator, *values),
                f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type",
            )
            for operator, kind, values in (
                ("LT", "SS", [{"SS": ["x"]}]),
                ("BEGINS_WITH", "N", [{"N": "1"}]),
                ("CONTAINS", "SS", [{"SS": ["x"]}]),
                ("NOT_CONTAINS", "L", [{"L": []}]),
                ("IN", "SS", [{"SS": ["x"]}]),
                ("BETWEEN", "M", [{"M": {}}, {"M": {}}]),
            )
        ],
        (
            asked("IN", {"S": "x"}, {"N": "1"}),
            "AttributeValues inside AttributeValueList must be of same type",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_expected_is_refused(expect, wanted, message):
    with invalid(VALUES + message):
        expect({"a": wanted})


def test_bounds_in_the_wrong_order_are_refused(expect):
    with invalid(
        "The BETWEEN condition was provided a range where the lower bound is greater than the "
        "upper bound"
    ):
        expect({"a": asked("BETWEEN", {"N": "2"}, {"N": "1"})})


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_conditional_operator_needs_conditions(expect, operator):
    with invalid("ConditionalOperator cannot be used without Filter or Expected"):
        expect({}, ConditionalOperator=operator)
    with invalid(
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    ):
        expect({"a": {"Exists": False}}, ConditionalOperator=operator)


def test_unknown_operator_is_refused(expect):
    with invalid() as refusal:
        expect({"a": asked("LIKE", {"S": "x"})})

    assert refusal.message.startswith(
        "1 validation error detected: Value 'LIKE' at 'expected.a.member.comparisonOperator' "
        "failed to satisfy constraint: Member must satisfy enum value set: ["
    )
