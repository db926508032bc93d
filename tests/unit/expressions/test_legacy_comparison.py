"""ComparisonOperator: what it takes, and what it says of attributes of every type and of none."""

from typing import Any

import pytest

from headwater.errors import INVALID, ValidationException
from headwater.expressions import legacy

ITEM: dict[str, Any] = {
    "text": {"S": "abc"},
    "count": {"N": "5"},
    "bytes": {"B": "AQID"},
    "strings": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "binaries": {"BS": ["AQ=="]},
    "list": {"L": [{"S": "a"}, {"N": "1"}]},
    "map": {"M": {"x": {"N": "1"}}},
    "true": {"BOOL": True},
    "nothing": {"NULL": True},
    "a.b": {"S": "dotted"},
}
ORDERING = ("LE", "LT", "GE", "GT")
ONE_ARGUMENT = ("EQ", "NE", *ORDERING, "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH")


def matches(name: str, operator: str, *values: dict[str, Any]) -> bool:
    given = {name: {"ComparisonOperator": operator, "AttributeValueList": list(values)}}
    condition = legacy.filter_of(given, None)
    assert condition is not None
    return condition.matches(ITEM)


def refusal(operator: str, *values: dict[str, Any]) -> str | None:
    with pytest.raises(ValidationException) as refused:
        matches("x", operator, *values)
    return refused.value.message


@pytest.mark.parametrize(
    ("name", "operator", "value", "holds"),
    [
        ("text", "EQ", {"S": "abc"}, True),
        ("text", "EQ", {"S": "ab"}, False),
        ("count", "EQ", {"N": "5.0"}, True),
        ("count", "EQ", {"S": "5"}, False),
        ("strings", "EQ", {"SS": ["b", "a"]}, True),
        ("strings", "EQ", {"SS": ["a"]}, False),
        ("list", "EQ", {"L": [{"S": "a"}, {"N": "1.0"}]}, True),
        ("list", "EQ", {"L": [{"N": "1"}, {"S": "a"}]}, False),
        ("map", "EQ", {"M": {"x": {"N": "1"}}}, True),
        ("true", "EQ", {"BOOL": True}, True),
        ("true", "EQ", {"BOOL": False}, False),
        ("nothing", "EQ", {"NULL": True}, True),
        ("absent", "EQ", {"NULL": True}, False),
        ("a.b", "EQ", {"S": "dotted"}, True),
        ("text", "NE", {"S": "abc"}, False),
        ("text", "NE", {"S": "x"}, True),
        ("text", "NE", {"N": "1"}, True),
        ("strings", "NE", {"SS": ["b", "a"]}, False),
        ("absent", "NE", {"S": "x"}, True),
        ("count", "LT", {"N": "6"}, True),
        ("count", "LT", {"N": "5"}, False),
        ("count", "LT", {"N": "10"}, True),
        ("count", "LE", {"N": "5"}, True),
        ("count", "LE", {"N": "4.9"}, False),
        ("count", "GT", {"N": "4"}, True),
        ("count", "GT", {"N": "5"}, False),
        ("count", "GE", {"N": "5"}, True),
        ("count", "GE", {"N": "5.1"}, False),
        ("text", "GT", {"S": "ab"}, True),
        ("text", "LT", {"S": "b"}, True),
        ("bytes", "GT", {"B": "AQI="}, True),
        ("bytes", "LT", {"B": "/w=="}, True),
        *[("count", operator, {"S": "5"}, False) for operator in ORDERING],
        *[("strings", operator, {"S": "a"}, False) for operator in ORDERING],
        *[("absent", operator, {"N": "1"}, False) for operator in ORDERING],
        ("text", "BEGINS_WITH", {"S": "ab"}, True),
        ("text", "BEGINS_WITH", {"S": "b"}, False),
        ("text", "BEGINS_WITH", {"B": "YQ=="}, False),
        ("bytes", "BEGINS_WITH", {"B": "AQI="}, True),
        ("strings", "BEGINS_WITH", {"S": "a"}, False),
        ("absent", "BEGINS_WITH", {"S": "a"}, False),
    ],
)
def test_an_attribute_is_compared_with_one_value(
    name: str, operator: str, value: dict[str, Any], holds: bool
) -> None:
    assert matches(name, operator, value) is holds


@pytest.mark.parametrize(
    ("name", "value", "is_contained"),
    [
        ("text", {"S": "bc"}, True),
        ("text", {"S": "cb"}, False),
        ("text", {"N": "1"}, False),
        ("bytes", {"B": "AgM="}, True),
        ("strings", {"S": "a"}, True),
        ("strings", {"S": "c"}, False),
        ("strings", {"N": "1"}, False),
        ("numbers", {"N": "2.0"}, True),
        ("numbers", {"S": "2"}, False),
        ("binaries", {"B": "AQ=="}, True),
        ("list", {"N": "1"}, True),
        ("list", {"S": "1"}, False),
        ("map", {"S": "x"}, False),
        ("count", {"N": "5"}, False),
    ],
)
def test_what_an_attribute_contains_it_does_not_not_contain(
    name: str, value: dict[str, Any], is_contained: bool
) -> None:
    found = matches(name, "CONTAINS", value), matches(name, "NOT_CONTAINS", value)

    assert found == (is_contained, not is_contained)


@pytest.mark.parametrize("operator", ["CONTAINS", "NOT_CONTAINS"])
def test_what_is_not_there_neither_contains_nor_lacks(operator: str) -> None:
    assert not matches("absent", operator, {"S": "a"})


@pytest.mark.parametrize(
    ("name", "is_there"), [("text", True), ("nothing", True), ("absent", False), ("map.x", False)]
)
def test_null_asks_whether_there_is_an_attribute(name: str, is_there: bool) -> None:
    assert matches(name, "NOT_NULL") is is_there
    assert matches(name, "NULL") is not is_there


@pytest.mark.parametrize(
    ("name", "values", "holds"),
    [
        ("text", [{"S": "abc"}], True),
        ("text", [{"S": "x"}, {"S": "abc"}], True),
        ("text", [{"S": "x"}], False),
        ("count", [{"N": "1"}, {"N": "5.0"}], True),
        ("count", [{"S": "5"}], False),
        ("strings", [{"S": "a"}], False),
        ("absent", [{"S": "a"}], False),
        ("count", [{"N": str(number)} for number in range(200)], True),
    ],
)
def test_an_attribute_is_one_of_several_values(
    name: str, values: list[dict[str, Any]], holds: bool
) -> None:
    assert matches(name, "IN", *values) is holds


@pytest.mark.parametrize(
    ("name", "low", "high", "holds"),
    [
        ("count", {"N": "5"}, {"N": "5"}, True),
        ("count", {"N": "1"}, {"N": "10"}, True),
        ("count", {"N": "6"}, {"N": "10"}, False),
        ("count", {"S": "1"}, {"S": "9"}, False),
        ("text", {"S": "abc"}, {"S": "b"}, True),
        ("bytes", {"B": "AQ=="}, {"B": "Ag=="}, True),
        ("absent", {"S": "a"}, {"S": "z"}, False),
    ],
)
def test_an_attribute_is_between_two_values(
    name: str, low: dict[str, Any], high: dict[str, Any], holds: bool
) -> None:
    assert matches(name, "BETWEEN", low, high) is holds


@pytest.mark.parametrize(
    ("operator", "count"),
    [
        *[(operator, count) for operator in ONE_ARGUMENT for count in (0, 2)],
        *[("BETWEEN", count) for count in (0, 1, 3)],
        ("IN", 0),
        ("NULL", 1),
        ("NOT_NULL", 1),
    ],
)
def test_another_number_of_arguments_is_refused(operator: str, count: int) -> None:
    assert refusal(operator, *[{"S": "a"}] * count) == (
        f"{INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator"
    )


COLLECTIONS: list[dict[str, Any]] = [
    {"SS": ["a"]},
    {"NS": ["1"]},
    {"BS": ["AQ=="]},
    {"L": []},
    {"M": {}},
    {"BOOL": True},
    {"NULL": True},
]


@pytest.mark.parametrize(
    "operator", [*ORDERING, "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH", "IN", "BETWEEN"]
)
@pytest.mark.parametrize("value", COLLECTIONS, ids=lambda value: next(iter(value)))
def test_an_operator_takes_only_its_types(operator: str, value: dict[str, Any]) -> None:
    values = [value] * (2 if operator == "BETWEEN" else 1)

    assert refusal(operator, *values) == (
        f"{INVALID}ComparisonOperator {operator} is not valid for {next(iter(value))} "
        "AttributeValue type"
    )


def test_a_number_begins_with_nothing() -> None:
    assert refusal("BEGINS_WITH", {"N": "1"}) == (
        f"{INVALID}ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"
    )


@pytest.mark.parametrize("operator", ["IN", "BETWEEN"])
def test_arguments_of_several_types_are_refused(operator: str) -> None:
    assert refusal(operator, {"S": "a"}, {"N": "1"}) == (
        f"{INVALID}AttributeValues inside AttributeValueList must be of same type"
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [({"N": "10"}, {"N": "9"}), ({"S": "b"}, {"S": "a"}), ({"B": "Ag=="}, {"B": "AQ=="})],
)
def test_bounds_in_the_wrong_order_are_refused(low: dict[str, Any], high: dict[str, Any]) -> None:
    assert refusal("BETWEEN", low, high) == (
        "The BETWEEN condition was provided a range where the lower bound is greater than the "
        "upper bound"
    )


def test_an_argument_that_is_no_value_is_refused() -> None:
    assert refusal("EQ", {"SS": []}) == f"{INVALID}An string set  may not be empty"
