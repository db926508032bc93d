"""Legacy parameters: what each becomes, and how each is refused."""

from typing import Any

import pytest

from headwater.errors import INVALID, ValidationException
from headwater.expressions import legacy, update
from headwater.expressions.key_condition import SortRange

Given = dict[str, dict[str, Any]]
KEY: dict[str, Any] = {"pk": {"S": "key"}}


def refusal(translate: Any, *given: Any) -> str | None:
    with pytest.raises(ValidationException) as refused:
        translate(*given)
    return refused.value.message


def holds(given: Given, item: dict[str, Any] | None, operator: str | None = None) -> bool:
    condition = legacy.expected(given, operator)
    assert condition is not None
    return condition.matches(item)


# --- Expected

A: dict[str, Any] = {"a": {"N": "1"}}


@pytest.mark.parametrize(
    ("wanted", "item", "matches"),
    [
        ({"Value": {"N": "1.0"}}, A, True),
        ({"Value": {"N": "2"}}, A, False),
        ({"Value": {"N": "1"}}, None, False),
        ({"Exists": True, "Value": {"N": "1"}}, A, True),
        ({"Exists": True, "Value": {"S": "1"}}, A, False),
        ({"Exists": False}, A, False),
        ({"Exists": False}, {}, True),
        ({"Exists": False}, None, True),
        ({"ComparisonOperator": "LT", "Value": {"N": "2"}}, A, True),
        ({"ComparisonOperator": "LT", "AttributeValueList": [{"N": "1"}]}, A, False),
        ({"ComparisonOperator": "IN", "Value": {"N": "1"}}, A, True),
        ({"ComparisonOperator": "NULL"}, None, True),
        ({"ComparisonOperator": "NOT_NULL", "AttributeValueList": []}, A, True),
        ({"ComparisonOperator": "NE", "Value": {"N": "1"}}, None, True),
    ],
)
def test_one_attribute_is_expected(
    wanted: dict[str, Any], item: dict[str, Any] | None, matches: bool
) -> None:
    assert holds({"a": wanted}, item) is matches


@pytest.mark.parametrize(
    ("operator", "item", "matches"),
    [
        (None, {"a": {"S": "x"}, "b": {"S": "y"}}, True),
        (None, {"a": {"S": "x"}}, False),
        ("AND", {"a": {"S": "x"}, "b": {"S": "y"}}, True),
        ("AND", {"b": {"S": "y"}}, False),
        ("OR", {"a": {"S": "x"}}, True),
        ("OR", {"b": {"S": "y"}}, True),
        ("OR", {"a": {"S": "y"}}, False),
    ],
)
def test_several_attributes_are_expected_all_or_any(
    operator: str | None, item: dict[str, Any], matches: bool
) -> None:
    given: Given = {"a": {"Value": {"S": "x"}}, "b": {"Value": {"S": "y"}}}

    assert holds(given, item, operator) is matches


def test_the_attributes_a_condition_reads_are_named() -> None:
    given: Given = {"a.b": {"Exists": False}, "c": {"Value": {"S": "y"}}}

    condition = legacy.expected(given, None)

    assert condition is not None
    assert condition.top_level_attributes() == {"a.b", "c"}


def test_nothing_expected_is_no_condition() -> None:
    assert legacy.expected({}, None) is None
    assert legacy.filter_of({}, None) is None


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
            {"Exists": False, "ComparisonOperator": "NULL"},
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
        (
            {"ComparisonOperator": "EQ", "AttributeValueList": []},
            "Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "BETWEEN", "Value": {"S": "x"}},
            "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "NULL", "Value": {"S": "x"}},
            "Invalid number of argument(s) for the NULL ComparisonOperator",
        ),
        ({"Value": {"NS": []}}, "An number set  may not be empty"),
    ],
)
def test_what_cannot_be_expected_is_refused(wanted: dict[str, Any], message: str) -> None:
    assert refusal(legacy.expected, {"a": wanted}, None) == INVALID + message


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            1,
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
    ],
)
def test_an_operator_with_nothing_to_join_is_refused(count: int, message: str) -> None:
    conditions = {str(number): {"Exists": False} for number in range(count)}

    assert refusal(legacy.check_operator, conditions) == message


def test_an_operator_joins_two() -> None:
    legacy.check_operator({"a": {"Exists": False}, "b": {"Exists": False}})


# --- AttributeUpdates


def updated(given: Given, old: dict[str, Any] | None) -> dict[str, Any] | None:
    bound = legacy.updates(given)
    assert bound is not None
    return bound.apply(old, KEY).item


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ({"Value": {"N": "1.0"}}, None, {"N": "1"}),
        ({"Value": {"N": "1"}, "Action": "PUT"}, {"S": "x"}, {"N": "1"}),
        ({"Value": {"M": {}}, "Action": "PUT"}, None, {"M": {}}),
        ({"Action": "DELETE"}, {"S": "x"}, None),
        ({"Action": "DELETE"}, None, None),
        ({"Value": {"N": "2"}, "Action": "ADD"}, {"N": "1"}, {"N": "3"}),
        ({"Value": {"N": "-2"}, "Action": "ADD"}, {"N": "1"}, {"N": "-1"}),
        ({"Value": {"N": "2"}, "Action": "ADD"}, None, {"N": "2"}),
        ({"Value": {"SS": ["a"]}, "Action": "ADD"}, {"SS": ["b"]}, {"SS": ["a", "b"]}),
        ({"Value": {"NS": ["1.0"]}, "Action": "ADD"}, {"NS": ["1", "2"]}, {"NS": ["1", "2"]}),
        ({"Value": {"BS": ["AQ=="]}, "Action": "ADD"}, None, {"BS": ["AQ=="]}),
        (
            {"Value": {"L": [{"S": "a"}]}, "Action": "ADD"},
            {"L": [{"S": "a"}]},
            {"L": [{"S": "a"}, {"S": "a"}]},
        ),
        ({"Value": {"L": [{"S": "a"}]}, "Action": "ADD"}, None, {"L": [{"S": "a"}]}),
        ({"Value": {"SS": ["a", "x"]}, "Action": "DELETE"}, {"SS": ["a", "b"]}, {"SS": ["b"]}),
        ({"Value": {"SS": ["a", "b"]}, "Action": "DELETE"}, {"SS": ["a", "b"]}, None),
        ({"Value": {"SS": ["a"]}, "Action": "DELETE"}, None, None),
    ],
)
def test_an_attribute_is_updated(
    change: dict[str, Any], old: dict[str, Any] | None, new: dict[str, Any] | None
) -> None:
    before = KEY | ({} if old is None else {"a": old})

    assert updated({"a": change}, before) == KEY | ({} if new is None else {"a": new})


def test_several_attributes_are_updated_at_once() -> None:
    given: Given = {
        "a.b": {"Value": {"S": "x"}},
        "#c": {"Value": {"N": "1"}, "Action": "ADD"},
        "d": {"Action": "DELETE"},
    }

    assert updated(given, KEY | {"d": {"S": "y"}}) == KEY | {"a.b": {"S": "x"}, "#c": {"N": "1"}}


@pytest.mark.parametrize(
    ("given", "created"),
    [
        ({"a": {"Action": "DELETE"}}, None),
        ({"a": {"Action": "DELETE", "Value": {"SS": ["x"]}}}, None),
        ({"a": {"Action": "ADD", "Value": {"N": "1"}}}, KEY | {"a": {"N": "1"}}),
        ({"a": {"Action": "ADD", "Value": {"L": []}}}, KEY | {"a": {"L": []}}),
        ({"a": {"Action": "DELETE"}, "b": {"Value": {"S": "x"}}}, KEY | {"b": {"S": "x"}}),
    ],
)
def test_only_what_adds_creates_an_item(given: Given, created: dict[str, Any] | None) -> None:
    assert updated(given, None) == created


def test_no_changes_are_no_update() -> None:
    assert legacy.updates({}) is None


def test_what_an_update_touched_is_told() -> None:
    old = KEY | {"a": {"N": "1"}, "b": {"SS": ["x", "y"]}, "c": {"S": "c"}, "d": {"S": "d"}}
    bound = legacy.updates(
        {
            "a": {"Action": "ADD", "Value": {"N": "1"}},
            "b": {"Action": "DELETE", "Value": {"SS": ["x"]}},
            "c": {"Action": "DELETE"},
        }
    )
    assert bound is not None

    applied = bound.apply(old, KEY)

    assert update.updated_old(old, applied.touched) == {name: old[name] for name in "abc"}
    assert update.updated_new(applied.item, applied.touched) == {
        "a": {"N": "2"},
        "b": {"SS": ["y"]},
    }
    assert bound.top_level_attributes() == {"a", "b", "c"}


ONLY_DELETE = "Only DELETE action is allowed when no attribute value is specified"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ONLY_DELETE),
        ({"Action": "PUT"}, ONLY_DELETE),
        ({"Action": "ADD"}, ONLY_DELETE),
        *[
            ({"Action": "ADD", "Value": value}, f"ADD action is not supported for the type {kind}")
            for kind, value in (
                ("S", {"S": "x"}),
                ("B", {"B": "AQ=="}),
                ("BOOL", {"BOOL": True}),
                ("NULL", {"NULL": True}),
                ("M", {"M": {}}),
            )
        ],
        *[
            (
                {"Action": "DELETE", "Value": value},
                f"DELETE action with value is not supported for the type {kind}",
            )
            for kind, value in (("S", {"S": "x"}), ("N", {"N": "1"}), ("L", {"L": []}))
        ],
        ({"Value": {"SS": ["a", "a"]}}, "Input collection [a, a] contains duplicates."),
    ],
)
def test_what_is_no_change_is_refused(change: dict[str, Any], message: str) -> None:
    assert refusal(legacy.updates, {"a": change}) == INVALID + message


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("ADD", {"N": "1"}),
        ("ADD", {"SS": ["a"]}),
        ("ADD", {"L": [{"S": "a"}]}),
        ("DELETE", {"SS": ["a"]}),
    ],
)
@pytest.mark.parametrize("old", [{"S": "x"}, {"BS": ["AQ=="]}], ids=str)
def test_what_does_not_fit_the_item_is_refused(
    action: str, value: dict[str, Any], old: dict[str, Any]
) -> None:
    given: Given = {"a": {"Action": action, "Value": value}}

    assert refusal(updated, given, {"a": old}) == "Type mismatch for attribute to update"


def test_a_sum_out_of_range_is_refused() -> None:
    given: Given = {"a": {"Action": "ADD", "Value": {"N": "9e125"}}}

    message = refusal(updated, given, {"a": {"N": "9" + "0" * 125}})

    assert message is not None
    assert message.startswith("Number overflow.")


# --- KeyConditions


@pytest.mark.parametrize(
    ("operator", "values", "wanted"),
    [
        ("EQ", [{"N": "1.0"}], SortRange("=", ({"N": "1"},))),
        ("LE", [{"N": "1"}], SortRange("<=", ({"N": "1"},))),
        ("LT", [{"N": "1"}], SortRange("<", ({"N": "1"},))),
        ("GE", [{"N": "1"}], SortRange(">=", ({"N": "1"},))),
        ("GT", [{"N": "1"}], SortRange(">", ({"N": "1"},))),
        ("BEGINS_WITH", [{"S": "a"}], SortRange("begins_with", ({"S": "a"},))),
        ("BETWEEN", [{"N": "1"}, {"N": "2"}], SortRange("BETWEEN", ({"N": "1"}, {"N": "2"}))),
    ],
)
def test_a_range_of_keys_is_read(
    operator: str, values: list[dict[str, Any]], wanted: SortRange
) -> None:
    given: Given = {"sk": {"ComparisonOperator": operator, "AttributeValueList": values}}

    assert legacy.key_ranges(given) == {"sk": wanted}


@pytest.mark.parametrize(
    ("operator", "count"),
    [("NE", 1), ("IN", 1), ("CONTAINS", 1), ("NOT_CONTAINS", 1), ("NULL", 0), ("NOT_NULL", 0)],
)
def test_an_operator_that_is_no_range_is_refused(operator: str, count: int) -> None:
    values = [{"S": "a"}] * count

    message = refusal(
        legacy.key_ranges, {"pk": {"ComparisonOperator": operator, "AttributeValueList": values}}
    )

    assert message == "Attempted conditional constraint is not an indexable operation"


def test_keys_have_a_condition() -> None:
    assert refusal(legacy.key_ranges, {}) == "Conditions can be of length 1 or 2 only"


def test_a_range_without_its_values_is_refused() -> None:
    assert refusal(legacy.key_ranges, {"pk": {"ComparisonOperator": "EQ"}}) == (
        f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"
    )


# --- AttributesToGet


def test_whole_attributes_are_got() -> None:
    item: dict[str, Any] = {"a": {"M": {"b": {"S": "x"}}}, "a.b": {"S": "y"}, "c": {"S": "z"}}

    projection = legacy.attributes(["a.b", "c", "absent"])

    assert projection.apply(item) == {"a.b": {"S": "y"}, "c": {"S": "z"}}


def test_an_attribute_got_twice_is_refused() -> None:
    assert refusal(legacy.attributes, ["a", "b", "a"]) == (
        f"{INVALID}Duplicate value in attribute name: a"
    )
