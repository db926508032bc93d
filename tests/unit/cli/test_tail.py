"""What a record looks like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.cli.tail import rendered

SECOND = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)


def record(name: str, more: Mapping[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    return {
        "eventName": name,
        "dynamodb": {
            "ApproximateCreationDateTime": SECOND,
            "Keys": {"pk": {"S": "a"}},
            "SequenceNumber": "123",
            **change,
        },
        **(more or {}),
    }


def lines(told: Mapping[str, Any]) -> list[str]:
    return rendered("shardId-0-abcdef01", told).plain.splitlines()


def test_insertion_shows_its_image() -> None:
    image = {"pk": {"S": "a"}, "n": {"N": "1"}, "list": {"L": [{"BOOL": True}]}}

    shown = lines(record("INSERT", NewImage=image))

    assert shown == [
        "12:34:56 INSERT pk=a  abcdef01 123",
        '  + list: [{"BOOL":true}]',
        "  + n: 1",
    ]


def test_modification_shows_what_differs() -> None:
    old = {"pk": {"S": "a"}, "same": {"N": "1"}, "n": {"N": "1"}, "gone": {"S": "x"}}
    new = {"pk": {"S": "a"}, "same": {"N": "1"}, "n": {"N": "2"}, "here": {"BOOL": False}}

    shown = lines(record("MODIFY", OldImage=old, NewImage=new))

    assert shown[1:] == ["  - gone: x", "  + here: false", "  - n: 1", "  + n: 2"]


def test_removal_by_time_to_live_says_so() -> None:
    service = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    old = {"pk": {"S": "a"}, "n": {"N": "1"}}

    shown = lines(record("REMOVE", {"userIdentity": service}, OldImage=old))

    assert shown == ["12:34:56 REMOVE pk=a  abcdef01 123  by time to live", "  - n: 1"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"B": b"\x00\xff"}, '"<2 bytes>"'),
        ({"BS": [b"\x00"]}, '["<1 bytes>"]'),
        ({"M": {"b": {"N": "1"}, "a": {"NULL": True}}}, '{"a":{"NULL":true},"b":{"N":"1"}}'),
        ({"SS": ["ü"]}, '["ü"]'),
        ({"S": "[red]not markup[/]"}, "[red]not markup[/]"),
    ],
)
def test_values_are_shown_in_short(value: dict[str, Any], shown: str) -> None:
    image = {"pk": {"S": "a"}, "x": value}

    assert lines(record("INSERT", NewImage=image))[1] == f"  + x: {shown}"


def test_old_and_new_have_their_colours() -> None:
    old, new = {"pk": {"S": "a"}, "n": {"N": "1"}}, {"pk": {"S": "a"}, "n": {"N": "2"}}

    text = rendered("shard", record("MODIFY", OldImage=old, NewImage=new))

    styles = {text.plain[span.start : span.end].strip(): span.style for span in text.spans}
    assert (styles["- n: 1"], styles["+ n: 2"]) == ("red", "green")
    assert styles["MODIFY"] == "bold yellow"
