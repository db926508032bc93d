"""Two items compared, path by path."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.cli.diff.differences import Difference, Item, differences

ONE, TWO = {"N": "1"}, {"N": "2"}


def told(before: Item, after: Item, *ignored: str) -> list[tuple[str, Any, Any]]:
    found = differences(before, after, ignored)
    assert all(isinstance(each, Difference) for each in found)
    return [(each.path, each.before, each.after) for each in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": ONE}, {"a": ONE}, []),
        ({"a": ONE}, {"a": TWO}, [("a", ONE, TWO)]),
        ({"a": ONE}, {"a": {"S": "1"}}, [("a", ONE, {"S": "1"})]),
        ({"a": ONE}, {}, [("a", ONE, None)]),
        ({}, {"a": ONE}, [("a", None, ONE)]),
        ({"a": {"M": {"b": ONE}}}, {"a": {"M": {"b": TWO}}}, [("a.b", ONE, TWO)]),
        ({"a": {"M": {}}}, {"a": {"M": {"b": TWO}}}, [("a.b", None, TWO)]),
        ({"a": {"L": [ONE, ONE]}}, {"a": {"L": [ONE, TWO]}}, [("a[1]", ONE, TWO)]),
        ({"a": {"L": [ONE]}}, {"a": {"L": [ONE, TWO]}}, [("a[1]", None, TWO)]),
        ({"a": {"L": [{"M": {"b": ONE}}]}}, {"a": {"L": []}}, [("a[0]", {"M": {"b": ONE}}, None)]),
        ({"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}}, []),
        ({"a": {"SS": ["x"]}}, {"a": {"SS": ["y"]}}, [("a", {"SS": ["x"]}, {"SS": ["y"]})]),
        ({"a": {"M": {}}}, {"a": {"L": []}}, [("a", {"M": {}}, {"L": []})]),
        ({"b": ONE, "a": ONE}, {"b": TWO, "a": TWO}, [("a", ONE, TWO), ("b", ONE, TWO)]),
    ],
)
def test_differences(before: Item, after: Item, expected: list[Any]) -> None:
    assert told(before, after) == expected


def test_ignored_path_does_not_count_with_what_is_below_it() -> None:
    before: Item = {"at": ONE, "atom": ONE, "a": {"M": {"b": {"L": [ONE]}, "bc": ONE}}}
    after: Item = {"at": TWO, "atom": TWO, "a": {"M": {"b": {"L": [TWO]}, "bc": TWO}}}

    assert [path for path, _, _ in told(before, after, "at", "a.b")] == ["a.bc", "atom"]
