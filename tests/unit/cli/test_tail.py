"""Following a stream from shard to shard, and what a record looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.cli.tail import Tail, rendered

SECOND = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)


@dataclass
class Shard:
    """A shard of `ListedStream`: its records are numbers, read one to a page."""

    parent: str | None = None
    records: list[int] = field(default_factory=list)
    is_closed: bool = False


@dataclass
class ListedStream:
    """A stream in lists that answers as boto3's client does, a shard to a page."""

    shards: dict[str, Shard]

    def describe_stream(self, **request: Any) -> dict[str, Any]:
        assert request["StreamArn"] == "arn"
        names = list(self.shards)
        start = request.get("ExclusiveStartShardId")
        index = 0 if start is None else names.index(start) + 1
        description: dict[str, Any] = {"Shards": [self._described(names[index])]}
        if index + 1 < len(names):
            description["LastEvaluatedShardId"] = names[index]
        return {"StreamDescription": description}

    def _described(self, name: str) -> dict[str, Any]:
        shard = self.shards[name]
        described: dict[str, Any] = {"ShardId": name, "SequenceNumberRange": {}}
        if shard.parent is not None:
            described["ParentShardId"] = shard.parent
        if shard.is_closed:
            described["SequenceNumberRange"]["EndingSequenceNumber"] = "9"
        return described

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        is_latest = request["ShardIteratorType"] == "LATEST"
        place = len(self.shards[request["ShardId"]].records) if is_latest else 0
        return {"ShardIterator": f"{request['ShardId']} {place}"}

    def get_records(self, **request: str) -> dict[str, Any]:
        name, place = request["ShardIterator"].split()
        shard, index = self.shards[name], int(place)
        page = shard.records[index : index + 1]
        answer: dict[str, Any] = {"Records": page}
        if page or not shard.is_closed:
            answer["NextShardIterator"] = f"{name} {index + len(page)}"
        return answer


def read(tail: Tail, rounds: int = 12) -> list[tuple[str, Any]]:
    """What so many looks at the stream give."""
    return [each for _ in range(rounds) for each in tail.records()]


def test_parents_are_read_before_their_children() -> None:
    stream = ListedStream(
        {
            "child": Shard("parent", [4, 5]),
            "parent": Shard("gone", [1, 2, 3], is_closed=True),
        }
    )

    found = read(Tail(stream, "arn", "TRIM_HORIZON"))

    assert [number for _, number in found] == [1, 2, 3, 4, 5]
    assert [shard for shard, _ in found] == ["parent"] * 3 + ["child"] * 2


def test_oldest_first_reads_every_shard_from_its_start() -> None:
    stream = ListedStream({"a": Shard(None, [1, 2]), "b": Shard(None, [3], is_closed=True)})

    found = read(Tail(stream, "arn", "TRIM_HORIZON"))

    assert sorted(found) == [("a", 1), ("a", 2), ("b", 3)]


def test_latest_shows_what_comes_after_the_first_look() -> None:
    stream = ListedStream({"old": Shard(None, [0], is_closed=True), "a": Shard("old", [1, 2])})
    tail = Tail(stream, "arn", "LATEST")
    before = read(tail, 1)

    stream.shards["a"].records += [3, 4]

    assert before == []
    assert read(tail) == [("a", 3), ("a", 4)]


def test_latest_shows_later_shards_from_their_start() -> None:
    stream = ListedStream({"a": Shard(None, [1])})
    tail = Tail(stream, "arn", "LATEST")
    before = read(tail, 1)

    stream.shards["a"].is_closed = True
    stream.shards["b"] = Shard("a", [2, 3])

    assert before == []
    assert read(tail) == [("b", 2), ("b", 3)]


def test_tail_is_finished_when_every_shard_is_read_to_its_end() -> None:
    stream = ListedStream({"a": Shard(None, [1], is_closed=True)})
    tail = Tail(stream, "arn", "TRIM_HORIZON")
    began = tail.is_finished

    read(tail)

    assert (began, tail.is_finished) == (False, True)


def test_tail_of_an_open_shard_is_not_finished() -> None:
    tail = Tail(ListedStream({"a": Shard(None, [1])}), "arn", "TRIM_HORIZON")

    read(tail)

    assert not tail.is_finished


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
