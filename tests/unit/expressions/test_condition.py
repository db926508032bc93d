"""Conditions: what they say of an item, and what is refused when they are bound."""

import pytest

from headwater.errors import ValidationException
from headwater.expressions import condition
from headwater.expressions.bind import Placeholders
from headwater.values import item

ITEM = item.normalise(
    {
        "s": {"S": "hello"},
        "same": {"S": "hello"},
        "n": {"N": "10"},
        "n9": {"N": "9"},
        "b": {"B": "AQID"},
        "t": {"BOOL": True},
        "z": {"NULL": True},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2"]},
        "bs": {"BS": ["AQ==", "Ag=="]},
        "l": {"L": [{"N": "1"}, {"M": {"k": {"S": "deep"}}}]},
        "m": {"M": {"k": {"N": "3"}, "l": {"L": [{"S": "x"}]}}},
    }
)[0]
VALUES = {
    ":hello": {"S": "hello"},
    ":he": {"S": "he"},
    ":10": {"N": "1e1"},
    ":9": {"N": "9"},
    ":5": {"N": "5"},
    ":3": {"N": "3"},
    ":2": {"N": "2"},
    ":1": {"N": "1"},
    ":a": {"S": "a"},
    ":z": {"S": "z"},
    ":b1": {"B": "AQ=="},
    ":b12": {"B": "AQI="},
    ":b9": {"B": "CQ=="},
    ":true": {"BOOL": True},
    ":false": {"BOOL": False},
    ":null": {"NULL": True},
    ":ba": {"SS": ["b", "a"]},
    ":deep": {"M": {"k": {"S": "deep"}}},
    ":S": {"S": "S"},
    ":SS": {"S": "SS"},
    ":NULL": {"S": "NULL"},
    ":X": {"S": "X"},
    ":l": {"L": []},
    ":m": {"M": {}},
}
NAMES = {"#s": "s", "#dot": "a.b"}


def bound(text: str) -> condition.Condition:
    return condition.parse(text, Placeholders(NAMES, VALUES))


@pytest.mark.parametrize(
    "text",
    [
        "s = :hello",
        "#s = :hello",
        "s = same",
        "n = :10",
        "ss = :ba",
        "t = :true",
        "z = :null",
        "l[1] = :deep",
        "l[1].k <> :a",
        "m.k = :3",
        "m.l[0] <> :a",
        "s <> :a",
        "s <> :10",
        "absent <> :a",
        "absent <> absent2",
        ":a <> absent",
        "n > n9",
        "n > :9",
        "n >= :10",
        "n9 < :10",
        "n9 <= n",
        "s > :he",
        "b > :b1",
        "n BETWEEN :9 AND :10",
        "n BETWEEN n9 AND :10",
        "s BETWEEN :a AND :z",
        "n IN (:9, :10)",
        "s IN (n, :hello)",
        "attribute_exists(s)",
        "attribute_exists(l[1].k)",
        "attribute_not_exists(absent)",
        "attribute_not_exists(l[2])",
        "attribute_not_exists(#dot)",
        "attribute_not_exists(s.k)",
        "attribute_type(s, :S)",
        "attribute_type(ss, :SS)",
        "attribute_type(z, :NULL)",
        "begins_with(s, :he)",
        "begins_with(b, :b12)",
        "begins_with(:hello, s)",
        "contains(s, :he)",
        "contains(ss, :a)",
        "contains(ns, :2)",
        "contains(bs, :b1)",
        "contains(b, :b12)",
        "contains(l, :1)",
        "contains(l, :deep)",
        "size(s) = :5",
        "size(b) = :3",
        "size(ss) = :2",
        "size(l) = :2",
        "size(m) = :2",
        "n > size(s)",
        "size(s) > size(b)",
        "NOT s = :a",
        "NOT NOT s = :hello",
        "s = :a OR n = :10",
        "s = :hello AND (n = :9 OR n9 = :9)",
        "NOT s = :a AND NOT n = :9",
    ],
)
def test_a_condition_holds(text):
    assert bound(text).matches(ITEM)


@pytest.mark.parametrize(
    "text",
    [
        "s = :10",
        "s = :a",
        "absent = :a",
        "absent = absent2",
        "s <> same",
        "t = :false",
        "s < :10",
        "n < :a",
        "absent < :a",
        "absent >= absent2",
        "n BETWEEN :1 AND :9",
        "s BETWEEN :1 AND :9",
        "absent BETWEEN :1 AND :9",
        "n BETWEEN absent AND :10",
        "n IN (:9, :a)",
        "absent IN (absent2, :a)",
        "attribute_exists(l[2])",
        "attribute_exists(m[0])",
        "attribute_not_exists(s)",
        "attribute_type(s, :SS)",
        "attribute_type(absent, :S)",
        "begins_with(n, :he)",
        "begins_with(s, :b1)",
        "begins_with(absent, :he)",
        "contains(s, :10)",
        "contains(ss, :1)",
        "contains(n, :1)",
        "contains(m, :1)",
        "contains(b, :b9)",
        "contains(absent, :a)",
        "contains(ns, :true)",
        "size(n) = :2",
        "size(n) <> :2",
        "size(absent) <> :2",
        ":2 <> size(absent)",
        "size(t) < :9",
        "n9 > n",
        "NOT s = :hello",
        "s = :hello AND n = :9",
    ],
)
def test_a_condition_does_not_hold(text):
    assert not bound(text).matches(ITEM)


def test_no_item_has_no_attributes():
    assert bound("attribute_not_exists(s)").matches(None)
    assert not bound("s = :hello").matches(None)


def test_the_attributes_a_condition_reads_are_named():
    read = bound("a.b = :a AND (#s[0] = c OR NOT size(d) > :1)").top_level_attributes()

    assert read == {"a", "s", "c", "d"}
    assert condition.parse(
        "attribute_exists(a.b)", Placeholders(None, None)
    ).top_level_attributes() == {"a"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "begins_with(s, :9)",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: begins_with, operand type: N"
            ),
        ),
        (
            "s < :true",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: <, operand type: BOOL"
            ),
        ),
        (
            "s BETWEEN :l AND :a",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: BETWEEN, operand type: L"
            ),
        ),
        (
            "size(:9) = :9",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: size, operand type: N"
            ),
        ),
        (
            "contains(:9, s)",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: contains, operand type: N"
            ),
        ),
        (
            "attribute_type(s, :9)",
            (
                "Incorrect operand type for operator or function; "
                "operator or function: attribute_type, operand type: N"
            ),
        ),
        (
            "attribute_type(s, n)",
            (
                "Incorrect operand type for operator or function; operator or function: "
                "attribute_type, operand type: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
            ),
        ),
        (
            "attribute_type(s, :X)",
            (
                "Invalid attribute type name found; type: X, "
                "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
            ),
        ),
        (
            "attribute_exists(:a)",
            (
                "Operator or function requires a document path; "
                "operator or function: attribute_exists"
            ),
        ),
        (
            "s = s",
            (
                "The first operand must be distinct from the remaining operands for this "
                "operator or "
                "function; operator: =, first operand: [s]"
            ),
        ),
        (
            "#s <> s",
            (
                "The first operand must be distinct from the remaining operands for this "
                "operator or "
                "function; operator: <>, first operand: [s]"
            ),
        ),
        (
            "contains(a[3].b, a[3].b)",
            (
                "The first operand must be distinct from the remaining operands for this "
                "operator or "
                "function; operator: contains, first operand: [a, [3], b]"
            ),
        ),
        (
            "n BETWEEN :9 AND :1",
            (
                "The BETWEEN operator requires upper bound to be greater than or equal to "
                "lower bound; "
                "lower bound operand: AttributeValue: {N:9}, "
                "upper bound operand: AttributeValue: {N:1}"
            ),
        ),
        (
            "n BETWEEN :9 AND :a",
            (
                "The BETWEEN operator requires same data type for lower and upper bounds; "
                "lower bound operand: AttributeValue: {N:9}, "
                "upper bound operand: AttributeValue: {S:a}"
            ),
        ),
    ],
)
def test_operands_that_cannot_fit_are_refused_before_any_item_is_read(text, reason):
    with pytest.raises(ValidationException) as refused:
        bound(text)

    assert refused.value.message == f"Invalid ConditionExpression: {reason}"


def test_the_error_names_the_parameter():
    with pytest.raises(ValidationException, match=r"^Invalid FilterExpression: "):
        condition.parse("a =", Placeholders(None, None), "FilterExpression")


def test_a_deep_condition_is_bound_and_asked():
    text = "NOT (" * 290 + "s = :hello" + ")" * 290

    assert bound(text).matches(ITEM)
