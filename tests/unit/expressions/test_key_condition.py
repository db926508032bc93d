"""Key conditions: the partition and the range they ask for."""

import pytest

from headwater.errors import ValidationException
from headwater.expressions import key_condition
from headwater.expressions.bind import Placeholders
from headwater.expressions.key_condition import KeyCondition, SortRange

TYPES = {"pk": "S", "sk": "N", "st": "S"}
VALUES = {
    ":p": {"S": "x"},
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":s": {"S": "ab"},
    ":empty": {"S": ""},
}


def parse(text: str, sort_key: str | None = "sk") -> KeyCondition:
    placeholders = Placeholders({"#pk": "pk", "#sk": "sk"}, VALUES)
    return key_condition.parse(
        text, placeholders, ("pk",), () if sort_key is None else (sort_key,), TYPES
    )


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("pk = :p", None),
        (":p = #pk", None),
        ("pk = :p AND sk = :1", SortRange("=", ({"N": "1"},))),
        ("#sk < :1 AND #pk = :p", SortRange("<", ({"N": "1"},))),
        ("(pk = :p) AND (sk >= :1)", SortRange(">=", ({"N": "1"},))),
        ("pk = :p AND :1 < sk", SortRange(">", ({"N": "1"},))),
        ("(pk = :p AND sk <= :1)", SortRange("<=", ({"N": "1"},))),
        ("pk = :p AND sk BETWEEN :1 AND :2", SortRange("BETWEEN", ({"N": "1"}, {"N": "2"}))),
    ],
)
def test_a_partition_and_a_range_are_read(text, sort):
    assert parse(text) == KeyCondition(({"S": "x"},), () if sort is None else (sort,))


def test_a_prefix_of_the_sort_key_is_read():
    found = parse("pk = :p AND begins_with(st, :s)", "st")

    assert found.sort == (SortRange("begins_with", ({"S": "ab"},)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sk = :1", "Query condition missed key schema element: pk"),
        ("pk = :p AND wrong = :1", "Query condition missed key schema element: sk"),
        ("pk > :p", "Query key condition not supported"),
        (
            "pk = :p AND pk = :s",
            "KeyConditionExpressions must only contain one condition per key",
        ),
        ("pk = :p AND sk = :1 AND wrong = :1", "Conditions can be of length 1 or 2 only"),
        ("pk = :p OR sk = :1", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT pk = :p", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk = :p AND sk <> :1", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :p AND sk IN (:1)", "Invalid operator used in KeyConditionExpression: IN"),
        (
            "attribute_exists(pk)",
            "Invalid operator used in KeyConditionExpression: attribute_exists",
        ),
        (
            "pk = :p AND sk.a = :1",
            "KeyConditionExpressions cannot have conditions on nested attributes",
        ),
        (
            "pk = sk",
            (
                "Invalid condition in KeyConditionExpression: "
                "Multiple attribute names used in one condition"
            ),
        ),
        (
            ":p = :s",
            "Invalid condition in KeyConditionExpression: No key attribute specified",
        ),
        (
            "pk = :p AND begins_with(:s, st)",
            (
                "Invalid condition in KeyConditionExpression: "
                "begins_with operator must have the key attribute as its first operand"
            ),
        ),
        (
            "pk = :p AND size(sk) = :1",
            "KeyConditionExpressions cannot contain nested operations",
        ),
        (
            "pk = :1",
            (
                "One or more parameter values were invalid: "
                "Condition parameter type does not match schema type"
            ),
        ),
        (
            "pk = :p AND sk BETWEEN :p AND :s",
            (
                "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be "
                "greater than or equal to lower bound; lower bound operand: AttributeValue: "
                "{S:x}, "
                "upper bound operand: AttributeValue: {S:ab}"
            ),
        ),
        (
            "pk = :empty",
            (
                "One or more parameter values were invalid: The AttributeValue for a key "
                "attribute "
                "cannot contain an empty string value. Key: pk"
            ),
        ),
        (
            "pk x",
            'Invalid KeyConditionExpression: Syntax error; token: "x", near: "pk x"',
        ),
    ],
)
def test_what_is_no_key_condition_is_refused(text, message):
    with pytest.raises(ValidationException) as refused:
        parse(text)

    assert refused.value.message == message


def test_a_second_attribute_is_not_supported_without_a_sort_key():
    with pytest.raises(ValidationException) as refused:
        parse("pk = :p AND sk = :1", None)

    assert refused.value.message == "Query key condition not supported"
