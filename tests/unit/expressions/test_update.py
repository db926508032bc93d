"""Updates: what they make of an item, what they report, and what is refused."""

import copy

import pytest

from headwater.errors import ValidationException
from headwater.expressions import update
from headwater.expressions.bind import Placeholders
from headwater.values import item

KEY: item.Item = {"pk": {"S": "k"}}
OLD = item.normalise(
    {
        "pk": {"S": "k"},
        "n": {"N": "5"},
        "s": {"S": "x"},
        "ss": {"SS": ["a", "b"]},
        "l": {"L": [{"S": "0"}, {"S": "1"}, {"S": "2"}, {"S": "3"}]},
        "m": {"M": {"a": {"N": "1"}, "l": {"L": [{"M": {"x": {"S": "y"}}}, {"S": "z"}]}}},
    }
)[0]
VALUES = {
    ":1": {"N": "1.0"},
    ":s": {"S": "new"},
    ":t": {"S": "other"},
    ":ss": {"SS": ["c", "a"]},
    ":ns": {"NS": ["1"]},
    ":all": {"SS": ["b", "a"]},
    ":l": {"L": [{"S": "4"}]},
    ":m": {"M": {}},
    ":big": {"N": "1e50"},
}


def bound(text: str) -> update.Update:
    return update.parse(text, Placeholders({"#a": "a"}, VALUES))


def applied(text: str, old: item.Item | None = OLD) -> item.Item | None:
    return bound(text).apply(old, KEY).item


def changed(text: str) -> item.Item:
    """The attributes that an update of OLD leaves different from before."""
    new = applied(text)
    assert new is not None
    return {name: value for name, value in new.items() if OLD.get(name) != value}


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ("SET s = :s", {"s": {"S": "new"}}),
        ("SET a = n", {"a": {"N": "5"}}),
        ("SET n = n + :1", {"n": {"N": "6"}}),
        ("SET n = :1 - n", {"n": {"N": "-4"}}),
        ("SET n = n + :1, a = n", {"n": {"N": "6"}, "a": {"N": "5"}}),
        ("SET a = s REMOVE s", {"a": {"S": "x"}}),
        ("SET s = if_not_exists(s, :s)", {}),
        ("SET a = if_not_exists(a, :s)", {"a": {"S": "new"}}),
        ("SET a = if_not_exists(a, :1) + n", {"a": {"N": "6"}}),
        (
            "SET m.l = list_append(l, :l)",
            {
                "m": {
                    "M": {
                        "a": {"N": "1"},
                        "l": {"L": [{"S": str(index)} for index in range(5)]},
                    }
                }
            },
        ),
        ("SET a = list_append(:l, :l)", {"a": {"L": [{"S": "4"}, {"S": "4"}]}}),
        ("SET a = :m", {"a": {"M": {}}}),
        (
            "SET l[1] = :s",
            {"l": {"L": [{"S": "0"}, {"S": "new"}, {"S": "2"}, {"S": "3"}]}},
        ),
        (
            "SET l[9] = :t, l[7] = :s REMOVE l[0], l[2], l[20]",
            {"l": {"L": [{"S": "1"}, {"S": "3"}, {"S": "new"}, {"S": "other"}]}},
        ),
        (
            "SET m.#a = :s, m.b = :1 REMOVE m.l[0].x",
            {
                "m": {
                    "M": {
                        "a": {"S": "new"},
                        "b": {"N": "1"},
                        "l": {"L": [{"M": {}}, {"S": "z"}]},
                    }
                }
            },
        ),
        ("REMOVE absent", {}),
        ("REMOVE m.absent", {}),
        ("ADD n :1", {"n": {"N": "6"}}),
        ("ADD a :1", {"a": {"N": "1"}}),
        ("ADD ss :ss", {"ss": {"SS": ["a", "b", "c"]}}),
        ("ADD a :ss", {"a": {"SS": ["a", "c"]}}),
        (
            "ADD m.a :1",
            {"m": {"M": {"a": {"N": "2"}, "l": OLD["m"]["M"]["l"]}}},
        ),
        ("DELETE ss :ss", {"ss": {"SS": ["b"]}}),
        ("DELETE absent :ss", {}),
    ],
)
def test_an_update_changes_what_it_names_and_reads_the_old_item(text, difference):
    assert changed(text) == difference


@pytest.mark.parametrize("text", ["REMOVE s", "SET a = s REMOVE s"])
def test_a_removed_attribute_is_gone(text):
    new = applied(text)

    assert new is not None
    assert "s" not in new


def test_a_set_that_loses_its_last_member_is_gone():
    new = applied("DELETE ss :all")

    assert new is not None
    assert "ss" not in new


def test_the_old_item_stays_as_it_was():
    before = copy.deepcopy(OLD)

    applied("SET l[1] = :s, m.l[0].x = :s, m.b = :1, n = n + :1 REMOVE s, l[0] ADD ss :ss")

    assert before == OLD


def test_a_missing_item_is_created_with_its_key():
    assert applied("SET a = :1", None) == {"pk": {"S": "k"}, "a": {"N": "1"}}
    assert applied("ADD a :1 REMOVE b", None) == {"pk": {"S": "k"}, "a": {"N": "1"}}
    assert KEY == {"pk": {"S": "k"}}


@pytest.mark.parametrize("text", ["REMOVE a", "DELETE a :ss", "REMOVE b DELETE a :ss"])
def test_nothing_is_created_where_there_is_only_something_to_remove(text):
    assert applied(text, None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "SET a.b = :1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET s.b = :1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET m[0] = :1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET l.a = :1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET l[9].a = :1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "REMOVE a.b",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "DELETE a.b :ss",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET a = absent",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        (
            "SET a = absent + :1",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        ("SET a = s + :1", "An operand in the update expression has an incorrect data type"),
        (
            "SET a = list_append(s, :l)",
            "An operand in the update expression has an incorrect data type",
        ),
        ("ADD s :1", "An operand in the update expression has an incorrect data type"),
        ("ADD ss :ns", "An operand in the update expression has an incorrect data type"),
        ("DELETE ss :ns", "An operand in the update expression has an incorrect data type"),
        (
            "SET n = n + :big",
            (
                "Number overflow. Attempting to store a number with magnitude larger than "
                "supported "
                "range"
            ),
        ),
    ],
)
def test_an_item_that_does_not_fit_is_refused(text, message):
    with pytest.raises(ValidationException) as refused:
        applied(text)

    assert refused.value.message == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "SET a = :1, a.b = :1",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these "
                "paths; path one: [a], path two: [a, b]"
            ),
        ),
        (
            "SET a.b[0] = :1 REMOVE a",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these "
                "paths; path one: [a, b, [0]], path two: [a]"
            ),
        ),
        (
            "SET #a = :1, a = :1",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these "
                "paths; path one: [a], path two: [a]"
            ),
        ),
        (
            "SET a.b = :1, a[0] = :1",
            (
                "Two document paths conflict with each other; must remove or rewrite one of "
                "these "
                "paths; path one: [a, b], path two: [a, [0]]"
            ),
        ),
        (
            "ADD a :s",
            (
                "Incorrect operand type for operator or function; operator: ADD, "
                "operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"
            ),
        ),
        (
            "DELETE a :1",
            (
                "Incorrect operand type for operator or function; operator: DELETE, "
                "operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"
            ),
        ),
        (
            "SET a = n + :s",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: +, operand type: S"
            ),
        ),
        (
            "SET a = list_append(a, :s)",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: list_append, operand type: S"
            ),
        ),
        (
            "SET a = if_not_exists(:1, :s)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
    ],
)
def test_an_update_that_cannot_fit_any_item_is_refused(text, reason):
    with pytest.raises(ValidationException) as refused:
        bound(text)

    assert refused.value.message == f"Invalid UpdateExpression: {reason}"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("SET n = :1", {"n": {"N": "5"}}, {"n": {"N": "1"}}),
        ("SET a = :1", {}, {"a": {"N": "1"}}),
        ("REMOVE s", {"s": {"S": "x"}}, {}),
        ("SET m.a = :s", {"m": {"M": {"a": {"N": "1"}}}}, {"m": {"M": {"a": {"S": "new"}}}}),
        ("SET l[9] = :s", {}, {}),
        ("REMOVE l[1]", {"l": {"L": [{"S": "1"}]}}, {"l": {"L": [{"S": "2"}]}}),
        ("REMOVE l[3]", {"l": {"L": [{"S": "3"}]}}, {}),
        (
            "SET l[2] = :s, l[0] = :t",
            {"l": {"L": [{"S": "0"}, {"S": "2"}]}},
            {"l": {"L": [{"S": "other"}, {"S": "new"}]}},
        ),
    ],
)
def test_updated_old_and_new_are_what_lies_at_the_paths_named(text, old, new):
    result = bound(text).apply(OLD, KEY)

    assert update.updated_old(OLD, result.touched) == old
    assert update.updated_new(result.item, result.touched) == new


def test_nothing_was_at_the_paths_of_an_item_that_was_not_there():
    result = bound("SET a = :1").apply(None, KEY)

    assert update.updated_old(None, result.touched) == {}
    assert update.updated_new(result.item, result.touched) == {"a": {"N": "1"}}


def test_the_attributes_an_update_changes_are_named():
    assert bound("SET #a.x = m, b[0] = :1 REMOVE c ADD d :1").top_level_attributes() == {
        "a",
        "b",
        "c",
        "d",
    }


def test_a_value_that_comes_to_lie_too_deep_is_refused():
    deep: dict[str, object] = {"S": "x"}
    for _ in range(32):
        deep = {"L": [deep]}
    old = {**KEY, "m": {"M": {}}, "l": deep}

    assert applied("SET a = l", old)
    with pytest.raises(ValidationException, match="Nesting Levels have exceeded supported limits"):
        applied("SET m.a = l", old)
