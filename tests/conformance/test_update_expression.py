"""UpdateExpression: what becomes of an item."""

from typing import Any

import pytest

from tests.conformance.expectation import invalid

ITEM: dict[str, Any] = {
    "n": {"N": "5"},
    "k": {"N": "2"},
    "s": {"S": "text"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "deep"}}}}},
}
VALUES: dict[str, Any] = {
    ":1": {"N": "1"},
    ":9": {"N": "9"},
    ":zero": {"N": "0"},
    ":minus": {"N": "-5"},
    ":text": {"S": "fresh"},
    ":list": {"L": [{"S": "x"}, {"S": "y"}]},
    ":empty": {"L": []},
    ":map": {"M": {"q": {"S": "q"}}},
    ":set": {"SS": ["b", "c"]},
    ":all": {"SS": ["a", "b"]},
    ":absent": {"SS": ["q"]},
    ":numbers": {"NS": ["2.0", "3"]},
}
MISSING = "The provided expression refers to an attribute that does not exist in the item"
PATH = "The document path provided in the update expression is invalid for update"
TYPE = "An operand in the update expression has an incorrect data type"


@pytest.fixture
def update(dynamodb, simple, key):
    """Puts the item, updates it, and returns what it then is without its key."""
    item_key = {"pk": {"S": key}}

    def call(expression):
        dynamodb.put_item(TableName=simple, Item={**item_key, **ITEM})
        words = expression.translate(str.maketrans("(),[].=+-", " " * 9)).split()
        used = {name: value for name, value in VALUES.items() if name in words}
        answer = dynamodb.update_item(
            TableName=simple,
            Key=item_key,
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **({"ExpressionAttributeValues": used} if used else {}),
        )
        return {name: value for name, value in answer["Attributes"].items() if name != "pk"}

    return call


def numbers(*values):
    return {"L": [{"N": str(value)} for value in values]}


def without(*names):
    return {name: value for name, value in ITEM.items() if name not in names}


MAP = ITEM["m"]["M"]


@pytest.mark.parametrize(
    ("expression", "changes"),
    [
        ("SET n = :9", {"n": {"N": "9"}}),
        ("SET fresh = :text", {"fresh": {"S": "fresh"}}),
        ("SET n = :9, s = :text", {"n": {"N": "9"}, "s": {"S": "fresh"}}),
        ("SET n = k", {"n": {"N": "2"}}),
        ("SET n = n + :1", {"n": {"N": "6"}}),
        ("SET n = n - :9", {"n": {"N": "-4"}}),
        ("SET n = :9 - n", {"n": {"N": "4"}}),
        ("SET n = n + k", {"n": {"N": "7"}}),
        ("SET n = n+:1", {"n": {"N": "6"}}),
        ("SET n = k, k = n", {"n": {"N": "2"}, "k": {"N": "5"}}),
        ("SET n = m.x", {"n": {"N": "1"}}),
        ("SET n = l[2]", {"n": {"N": "2"}}),
        ("SET n = if_not_exists(n, :9)", {}),
        ("SET fresh = if_not_exists(fresh, :9)", {"fresh": {"N": "9"}}),
        ("SET fresh = if_not_exists(fresh, :9) + :1", {"fresh": {"N": "10"}}),
        ("SET fresh = if_not_exists(fresh, k)", {"fresh": {"N": "2"}}),
        ("SET n = if_not_exists(m.gone, :9)", {"n": {"N": "9"}}),
        ("SET l = list_append(l, :list)", {"l": {"L": ITEM["l"]["L"] + VALUES[":list"]["L"]}}),
        ("SET l = list_append(:list, l)", {"l": {"L": VALUES[":list"]["L"] + ITEM["l"]["L"]}}),
        ("SET l = list_append(l, :empty)", {}),
        (
            "SET fresh = list_append(if_not_exists(fresh, :empty), :list)",
            {"fresh": VALUES[":list"]},
        ),
        ("SET l[1] = :9", {"l": numbers(0, 9, 2)}),
        ("SET l[3] = :9", {"l": numbers(0, 1, 2, 9)}),
        ("SET l[99] = :9", {"l": numbers(0, 1, 2, 9)}),
        ("SET l[5] = :1, l[4] = :9", {"l": numbers(0, 1, 2, 9, 1)}),
        ("SET m.x = :9", {"m": {"M": {**MAP, "x": {"N": "9"}}}}),
        ("SET m.fresh = :map", {"m": {"M": {**MAP, "fresh": VALUES[":map"]}}}),
        ("SET m.y.z = :text", {"m": {"M": {**MAP, "y": {"M": {"z": {"S": "fresh"}}}}}}),
        ("set n = :9", {"n": {"N": "9"}}),
        ("REMOVE l[0]", {"l": numbers(1, 2)}),
        ("REMOVE l[0], l[2]", {"l": numbers(1)}),
        ("REMOVE l[9]", {}),
        ("REMOVE gone", {}),
        ("REMOVE m.gone", {}),
        ("REMOVE m.y.z", {"m": {"M": {**MAP, "y": {"M": {}}}}}),
        ("ADD n :9", {"n": {"N": "14"}}),
        ("ADD n :minus", {"n": {"N": "0"}}),
        ("ADD fresh :9", {"fresh": {"N": "9"}}),
        ("ADD ss :set", {"ss": {"SS": ["a", "b", "c"]}}),
        ("ADD fresh :set", {"fresh": {"SS": ["b", "c"]}}),
        ("ADD ns :numbers", {"ns": {"NS": ["1", "2", "3"]}}),
        ("DELETE ss :set", {"ss": {"SS": ["a"]}}),
        ("DELETE ss :absent", {}),
        ("DELETE fresh :set", {}),
        ("DELETE ns :numbers", {"ns": {"NS": ["1"]}}),
        ("SET n = :9 ADD k :1", {"n": {"N": "9"}, "k": {"N": "3"}}),
        ("ADD k :1 SET n = :9", {"n": {"N": "9"}, "k": {"N": "3"}}),
        ("SET n = k ADD k :1", {"n": {"N": "2"}, "k": {"N": "3"}}),
    ],
)
def test_update_changes_what_it_names(update, expression, changes):
    found = update(expression)

    assert sorted_sets(found) == sorted_sets(ITEM | changes)


def sorted_sets(item):
    """Sets have no order."""
    return {
        name: {kind: sorted(value) if kind in ("SS", "NS") else value}
        for name, typed in item.items()
        for kind, value in typed.items()
    }


@pytest.mark.parametrize(
    ("expression", "removed"),
    [
        ("REMOVE n", ["n"]),
        ("REMOVE n, s", ["n", "s"]),
        ("remove l, m", ["l", "m"]),
        ("DELETE ss :all", ["ss"]),
        ("SET k = k REMOVE n DELETE ss :all", ["n", "ss"]),
    ],
)
def test_update_removes_what_it_names(update, expression, removed):
    assert sorted_sets(update(expression)) == sorted_sets(without(*removed))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("SET n = gone", MISSING),
        ("SET n = gone + :1", MISSING),
        ("SET n = m.gone", MISSING),
        ("SET n = list_append(gone, :list)", MISSING),
        ("SET n = if_not_exists(gone, gone2)", MISSING),
        ("SET n = s + :1", TYPE),
        ("SET n = list_append(n, :list)", TYPE),
        ("ADD s :1", TYPE),
        ("ADD l :1", TYPE),
        ("ADD ss :1", TYPE),
        ("ADD ss :numbers", TYPE),
        ("DELETE n :set", TYPE),
        ("DELETE ns :set", TYPE),
        ("SET gone.x = :1", PATH),
        ("SET gone[0] = :1", PATH),
        ("SET n.x = :1", PATH),
        ("SET n[0] = :1", PATH),
        ("SET m[0] = :1", PATH),
        ("SET l.x = :1", PATH),
        ("SET m.gone.x = :1", PATH),
        ("REMOVE gone.x", PATH),
        ("REMOVE n.x", PATH),
    ],
)
def test_update_that_does_not_fit_the_item_is_refused(update, expression, message):
    with invalid(message):
        update(expression)


@pytest.mark.parametrize(
    ("expression", "one", "two"),
    [
        ("SET n = :1, n = :9", "[n]", "[n]"),
        ("SET m = :map, m.x = :1", "[m]", "[m, x]"),
        ("SET m.x = :1 REMOVE m", "[m, x]", "[m]"),
        ("REMOVE l[0], l[0]", "[l, [0]]", "[l, [0]]"),
        ("SET n = :1 ADD n :9", "[n]", "[n]"),
    ],
)
def test_overlapping_paths_are_refused(update, expression, one, two):
    with invalid(
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
        f"rewrite one of these paths; path one: {one}, path two: {two}"
    ):
        update(expression)


@pytest.mark.parametrize("expression", ["SET m.x = :1, m[0] = :9", "SET l[0] = :1 REMOVE l.x"])
def test_conflicting_paths_are_refused(update, expression):
    with invalid() as refusal:
        update(expression)

    assert refusal.message.startswith(
        "Invalid UpdateExpression: Two document paths conflict with each other;"
    )


@pytest.mark.parametrize("section", ["SET n = :1", "REMOVE n", "ADD n :1", "DELETE ss :set"])
def test_section_comes_once(update, section):
    name = section.split()[0]
    again = section.replace(" n", " k").replace(" ss", " s")

    with invalid(
        f'Invalid UpdateExpression: The "{name}" section can only be used once in an update '
        "expression;"
    ):
        update(f"{section} {again}")
