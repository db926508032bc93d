"""ProjectionExpression: which pieces of an item come back."""

from typing import Any

import pytest

from tests.conformance.expectation import invalid

ITEM: dict[str, Any] = {
    "a": {"S": "a"},
    "b": {"N": "1"},
    "l": {"L": [{"S": "0"}, {"S": "1"}, {"M": {"x": {"S": "2x"}, "y": {"S": "2y"}}}]},
    "m": {
        "M": {
            "x": {"N": "1"},
            "y": {"M": {"z": {"S": "deep"}, "w": {"S": "w"}}},
            "k": {"L": [{"S": "k0"}, {"S": "k1"}]},
        }
    },
    "name": {"S": "reserved"},
    "odd.name": {"S": "dotted"},
}


@pytest.fixture(scope="module")
def subject(dynamodb, simple, unique_name):
    item_key = {"pk": {"S": unique_name("subject")}}
    dynamodb.put_item(TableName=simple, Item={**item_key, **ITEM})
    return item_key


@pytest.fixture
def project(dynamodb, simple, subject):
    def call(expression, **names):
        given = {f"#{name}": attribute for name, attribute in names.items()}
        options = {"ExpressionAttributeNames": given} if given else {}
        answer = dynamodb.get_item(
            TableName=simple,
            Key=subject,
            ConsistentRead=True,
            ProjectionExpression=expression,
            **options,
        )
        return answer["Item"]

    return call


@pytest.mark.parametrize(
    ("expression", "names", "item"),
    [
        ("a", {}, {"a": {"S": "a"}}),
        ("a, b", {}, {"a": {"S": "a"}, "b": {"N": "1"}}),
        ("b ,a", {}, {"a": {"S": "a"}, "b": {"N": "1"}}),
        ("#n", {"n": "name"}, {"name": {"S": "reserved"}}),
        ("#d", {"d": "odd.name"}, {"odd.name": {"S": "dotted"}}),
        ("gone", {}, {}),
        ("a, gone", {}, {"a": {"S": "a"}}),
        ("m.x", {}, {"m": {"M": {"x": {"N": "1"}}}}),
        ("m.y.z", {}, {"m": {"M": {"y": {"M": {"z": {"S": "deep"}}}}}}),
        (
            "m.x, m.y.w",
            {},
            {"m": {"M": {"x": {"N": "1"}, "y": {"M": {"w": {"S": "w"}}}}}},
        ),
        (
            "#m.#y.#z",
            {"m": "m", "y": "y", "z": "z"},
            {"m": {"M": {"y": {"M": {"z": {"S": "deep"}}}}}},
        ),
        ("l[1]", {}, {"l": {"L": [{"S": "1"}]}}),
        ("l[2], l[0]", {}, {"l": {"L": [{"S": "0"}, ITEM["l"]["L"][2]]}}),
        ("l[2].y", {}, {"l": {"L": [{"M": {"y": {"S": "2y"}}}]}}),
        ("m.k[1]", {}, {"m": {"M": {"k": {"L": [{"S": "k1"}]}}}}),
        ("l[9]", {}, {}),
        ("m.gone", {}, {}),
        ("a.x", {}, {}),
        ("a[0]", {}, {}),
    ],
)
def test_only_what_is_named_comes_back(project, expression, names, item):
    assert project(expression, **names) == item


def test_key_comes_back_only_if_named(project, subject):
    assert project("pk, a") == {**subject, "a": {"S": "a"}}


@pytest.mark.parametrize(
    ("expression", "one", "two"),
    [
        ("a, a", "[a]", "[a]"),
        ("m, m.x", "[m]", "[m, x]"),
        ("m.x, m", "[m, x]", "[m]"),
        ("l[0], l", "[l, [0]]", "[l]"),
    ],
)
def test_overlapping_paths_are_refused(project, expression, one, two):
    with invalid(
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove "
        f"or rewrite one of these paths; path one: {one}, path two: {two}"
    ):
        project(expression)


@pytest.mark.parametrize("expression", ["m.x, m[0]", "l[0], l.x"])
def test_conflicting_paths_are_refused(project, expression):
    with invalid() as refusal:
        project(expression)

    assert refusal.message.startswith(
        "Invalid ProjectionExpression: Two document paths conflict with each other;"
    )
