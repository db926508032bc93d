"""Conditions of a policy's statement, operator by operator."""

import pytest

from headwater.auth.conditions import conditions, filled, is_like


def holds(operator, wanted, *values, exists=True):
    (condition,) = conditions({operator: {"Some:Key": wanted}})

    def context(key):
        assert key == "some:key"
        return values if exists else None

    return condition.holds(context)


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "ann", "ann", True),
        ("StringEquals", ["bob", "ann"], "ann", True),
        ("StringEquals", "a*", "ann", False),
        ("StringEquals", "Ann", "ann", False),
        ("stringequals", "ann", "ann", True),
        ("StringNotEquals", "bob", "ann", True),
        ("StringNotEquals", ["bob", "ann"], "ann", False),
        ("StringEqualsIgnoreCase", "Ann", "aNN", True),
        ("StringNotEqualsIgnoreCase", "Ann", "aNN", False),
        ("StringLike", "a?n*", "anna", True),
        ("StringLike", "a.n", "ann", False),
        ("StringNotLike", "b*", "ann", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 10, "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9", "10", True),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9", "many", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", True),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
        ("DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "1767225600", "2026-01-01T00:00:01Z", True),
        ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "AAEC", "AAEC", True),
        ("BinaryEquals", "AAEC", "AAED", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", ["10.0.0.0/8", "::1"], "::1", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("IpAddress", "10.0.0.0/8", "nowhere", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnEquals", "arn:aws:iam::1:user/a*", "arn:aws:iam::1:user/ann", True),
        ("ArnLike", "arn:aws:iam::*:user/ann", "arn:aws:iam::1:user/ann", True),
        ("ArnLike", "arn:*", "arn:aws:iam::1:user/ann", False),
        ("ArnNotLike", "arn:aws:iam::1:user/b*", "arn:aws:iam::1:user/ann", True),
        ("ArnNotEquals", "arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/ann", False),
    ],
)
def test_an_operator_compares(operator, wanted, value, expected):
    assert holds(operator, wanted, value) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("NotIpAddress", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
    ],
)
def test_a_key_without_a_value(operator, expected):
    assert holds(operator, "10.0.0.0/8", exists=False) is expected


@pytest.mark.parametrize(
    ("wanted", "exists", "expected"),
    [
        ("true", False, True),
        ("true", True, False),
        ("false", True, True),
        (False, False, False),
    ],
)
def test_null_asks_whether_a_key_has_a_value(wanted, exists, expected):
    assert holds("Null", wanted, "x", exists=exists) is expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["c", "a"], False),
        ("ForAnyValue:StringNotEquals", ["c", "a"], True),
        ("ForAnyValue:StringNotEquals", ["b", "a"], False),
        ("ForAllValues:StringEqualsIfExists", ["a"], True),
    ],
)
def test_keys_with_many_values(operator, values, expected):
    assert holds(operator, ["a", "b"], *values) is expected


def test_every_condition_of_a_block_is_there():
    found = conditions({"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}})

    assert [each.key for each in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a-${aws:username}-b", "a-ann-b"),
        ("${AWS:UserName}", "ann"),
        ("${aws:none}", None),
        ("${aws:none, 'team'}", "team"),
        ("${*}${?}${$}", "[*][?]$"),
        ("${many}", None),
    ],
)
def test_variables_are_filled(text, expected):
    known = {"aws:username": ("ann",), "many": ("a", "b")}

    assert filled(text, known.get) == expected


def test_a_bracketed_star_is_a_star():
    assert is_like("a*", "a[*]")
    assert not is_like("ab", "a[*]")
