"""Projections: what they keep of an item."""

import pytest

from headwater.errors import ValidationException
from headwater.expressions import projection
from headwater.expressions.bind import Placeholders
from headwater.values.item import Item

ITEM: Item = {
    "a": {"S": "x"},
    "m": {"M": {"k": {"N": "1"}, "o": {"N": "2"}, "l": {"L": [{"S": "0"}, {"S": "1"}]}}},
    "l": {"L": [{"S": "0"}, {"M": {"k": {"S": "v"}, "o": {"S": "w"}}}, {"S": "2"}]},
    "a.b": {"S": "dotted"},
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a", {"a": {"S": "x"}}),
        ("a, absent", {"a": {"S": "x"}}),
        ("m.k", {"m": {"M": {"k": {"N": "1"}}}}),
        ("m.k, m.l[1]", {"m": {"M": {"k": {"N": "1"}, "l": {"L": [{"S": "1"}]}}}}),
        ("l[2], l[0]", {"l": {"L": [{"S": "0"}, {"S": "2"}]}}),
        ("l[1].k, l[2]", {"l": {"L": [{"M": {"k": {"S": "v"}}}, {"S": "2"}]}}),
        ("m.absent", {}),
        ("l[3]", {}),
        ("a.k", {}),
        ("m[0]", {}),
        ("absent.k", {}),
        ("#d", {"a.b": {"S": "dotted"}}),
    ],
)
def test_what_lies_at_the_paths_is_kept_with_its_nesting(text, kept):
    placeholders = Placeholders({"#d": "a.b"}, None)

    assert projection.parse(text, placeholders).apply(ITEM) == kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a, a",
            (
                "Invalid ProjectionExpression: Two document paths overlap with each other; "
                "must remove "
                "or rewrite one of these paths; path one: [a], path two: [a]"
            ),
        ),
        (
            "m.k, m",
            (
                "Invalid ProjectionExpression: Two document paths overlap with each other; "
                "must remove "
                "or rewrite one of these paths; path one: [m, k], path two: [m]"
            ),
        ),
        (
            "m[1], m.k",
            (
                "Invalid ProjectionExpression: Two document paths conflict with each other; must "
                "remove or rewrite one of these paths; path one: [m, [1]], path two: [m, k]"
            ),
        ),
        (
            "#a",
            (
                "Invalid ProjectionExpression: An expression attribute name used in the "
                "document path "
                "is not defined; attribute name: #a"
            ),
        ),
    ],
)
def test_paths_that_do_not_go_together_are_refused(text, message):
    with pytest.raises(ValidationException) as refused:
        projection.parse(text, Placeholders(None, None))

    assert refused.value.message == message


def test_the_attributes_a_projection_reads_are_named():
    read = projection.parse("a, m.k, #l[0]", Placeholders({"#l": "l"}, None))

    assert read.top_level_attributes() == {"a", "m", "l"}
