"""Streams whose shards close, split and are trimmed, as the lab makes them at once.

What AWS does over hours; a consumer must read both alike.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.expectation import refused
from tests.conformance.stream_reading import Follower, oldest, shards
from tests.conformance.wire import Answer, Wire
from tests.server_process import HEADWATER

pytest_plugins = ("tests.conformance.mapping_fixtures",)
pytestmark = pytest.mark.local_only
LAB = "Headwater_20261123."


@dataclass
class Line:
    """A table whose stream has shards that live; `put` writes one item's next image."""

    wire: Wire
    tables: Any
    streams: Any
    table: str
    arn: str
    count: int = 0

    def put(self, times: int = 1, key: str = "a") -> None:
        for _ in range(times):
            self.count += 1
            item = {"pk": {"S": key}, "n": {"N": str(self.count)}}
            self.tables.put_item(TableName=self.table, Item=item)

    def lab(self, operation: str, **body: Any) -> Any:
        answer = self.ask(operation, StreamArn=self.arn, **body)
        assert answer.status == 200, answer.body
        return answer.content

    def ask(self, operation: str, **body: Any) -> Answer:
        return self.wire.call(LAB + operation, body)

    def shard(self) -> str:
        """The open shard of the item `a`: the one that has what is written now."""
        self.put()
        for shard in reversed(shards(self.streams, self.arn)):
            page = self.streams.get_records(ShardIterator=self.oldest(shard["ShardId"]))
            if any(number == self.count for number in numbers(page)):
                return str(shard["ShardId"])
        raise AssertionError("no shard has the record")

    def oldest(self, shard_id: str) -> str:
        return oldest(self.streams, self.arn, shard_id)

    def described(self, **more: Any) -> dict[str, dict[str, Any]]:
        found = self.streams.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
        return {shard["ShardId"]: shard for shard in found["Shards"]}


def numbers(page: Any) -> list[int]:
    return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in page["Records"]]


@pytest.fixture
def line(wire: Wire, dynamodb: Any, dynamodbstreams: Any, make_table: Any) -> Line:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = make_table(StreamSpecification=view)
    return Line(wire, dynamodb, dynamodbstreams, table["TableName"], table["LatestStreamArn"])


def test_rolled_shard_has_an_end_and_one_child_behind_it(line: Line) -> None:
    parent = line.shard()

    answer = line.lab("RollShard", ShardId=parent)

    (child,) = answer["Children"]
    described = line.described()
    end = int(described[parent]["SequenceNumberRange"]["EndingSequenceNumber"])
    assert described[child]["ParentShardId"] == parent
    assert "ParentShardId" not in described[parent]
    assert int(described[child]["SequenceNumberRange"]["StartingSequenceNumber"]) > end
    assert "EndingSequenceNumber" not in described[child]["SequenceNumberRange"]


def test_split_shard_has_two_children_which_a_filter_finds(line: Line) -> None:
    parent = line.shard()

    answer = line.lab("SplitShard", ShardId=parent)

    found = line.described(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent})
    assert set(found) == set(answer["Children"])
    assert len(found) == 2


def test_closed_shards_last_records_come_without_a_next_iterator(line: Line) -> None:
    shard = line.shard()
    held = line.oldest(shard)
    line.lab("RollShard", ShardId=shard)

    page = line.streams.get_records(ShardIterator=held)

    assert numbers(page) == [1]
    assert "NextShardIterator" not in page


def test_iterator_behind_the_last_record_of_a_shard_that_closes_ends(line: Line) -> None:
    shard = line.shard()
    behind = line.streams.get_records(ShardIterator=line.oldest(shard))["NextShardIterator"]
    line.lab("SplitShard", ShardId=shard)

    page = line.streams.get_records(ShardIterator=behind)

    assert page["Records"] == []
    assert "NextShardIterator" not in page


def test_ending_number_is_that_of_the_last_record(line: Line) -> None:
    shard = line.shard()
    line.put(3)
    line.lab("RollShard", ShardId=shard)

    (*_, last) = line.streams.get_records(ShardIterator=line.oldest(shard))["Records"]

    end = line.described()[shard]["SequenceNumberRange"]["EndingSequenceNumber"]
    assert last["dynamodb"]["SequenceNumber"] == end


def test_changes_of_an_item_stay_in_order_across_splits_and_rollovers(line: Line) -> None:
    for operation in ("RollShard", "SplitShard", "SplitShard", "RollShard"):
        line.lab(operation, ShardId=line.shard())
        line.put(2)

    records = Follower(line.streams, line.arn).records("a", line.count)

    assert numbers({"Records": records}) == list(range(1, line.count + 1))


def test_only_an_open_shard_is_split_or_rolled(line: Line) -> None:
    shard = line.shard()
    line.lab("RollShard", ShardId=shard)

    again = line.ask("SplitShard", StreamArn=line.arn, ShardId=shard)

    assert again.error == (400, "ValidationException", f"Shard {shard} is closed")


def test_trimmed_records_are_told_of_and_the_horizon_is_behind_them(line: Line) -> None:
    shard = line.shard()
    line.put(3)
    held = line.oldest(shard)
    records = line.streams.get_records(ShardIterator=held)["Records"]
    upto = records[1]["dynamodb"]["SequenceNumber"]

    trimmed = line.lab("TrimStream", ShardId=shard, SequenceNumber=upto)

    assert trimmed == {"Shards": [{"ShardId": shard, "SequenceNumber": upto}]}
    with refused("TrimmedDataAccessException"):
        line.streams.get_records(ShardIterator=held)
    with refused("TrimmedDataAccessException"):
        line.streams.get_shard_iterator(
            StreamArn=line.arn,
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=upto,
        )
    assert numbers(line.streams.get_records(ShardIterator=line.oldest(shard))) == [3, 4]


def test_expired_iterators_are_refused_and_new_ones_are_not(line: Line) -> None:
    shard = line.shard()
    held = line.oldest(shard)

    line.lab("ExpireIterators")

    with refused("ExpiredIteratorException"):
        line.streams.get_records(ShardIterator=held)
    assert numbers(line.streams.get_records(ShardIterator=line.oldest(shard))) == [1]


def test_a_sound_stream_has_no_faults(line: Line) -> None:
    line.lab("SplitShard", ShardId=line.shard())
    line.put(5, key="b")

    assert line.lab("CheckStream") == {"Records": 6, "Shards": 6, "Faults": []}


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        ("SplitShard", {"StreamArn": "x"}, "ShardId must be a text"),
        ("SplitShard", {"StreamArn": "x", "ShardId": "y"}, "Invalid ShardId: y"),
        ("RollShard", {"StreamArn": 1, "ShardId": "y"}, "StreamArn must be a text"),
        ("RollShard", {"Shard": "y"}, "There is no parameter Shard"),
        ("CheckStream", {"StreamArn": "x"}, "Invalid StreamArn: x"),
        (
            "TrimStream",
            {"StreamArn": "x", "SequenceNumber": "1"},
            "SequenceNumber needs the ShardId that it is of",
        ),
        (
            "TrimStream",
            {"StreamArn": "x", "ShardId": f"shardId-{0:020}-00000000", "SequenceNumber": "-1"},
            "Invalid SequenceNumber: -1",
        ),
    ],
)
def test_bad_input_is_refused(line: Line, operation: str, body: Any, text: str) -> None:
    assert line.ask(operation, **body).error == (400, "ValidationException", text)


def test_commands_say_what_happened(line: Line, endpoint: str) -> None:
    shard = line.shard()

    def run(*words: str) -> list[str]:
        ran = subprocess.run(
            [HEADWATER, "lab", *words, "--endpoint", endpoint],
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()

    rolled = run("roll", line.table, "--shard", shard)
    split = run("split", line.arn, "--shard", rolled[1].split()[0])
    checked = run("check", line.table)
    trimmed = run("trim", line.table)
    nothing = run("trim", line.table)

    assert rolled[0] == f"{shard} closed"
    assert len(split) == 3
    assert checked == ["1 records in 7 shards, 0 faults"]
    assert [each.split(" ")[0] for each in trimmed] == [shard]
    assert nothing == ["There was nothing to trim."]
    assert run("expire-iterators", line.table) == ["Iterators issued before now are expired."]
    assert run("drain")[0].startswith("Drained after ")


def test_mapping_keeps_order_through_splits_under_load(
    line: Line, source: Any, notebook: Any, join: Any
) -> None:
    streamed = Line(line.wire, line.tables, line.streams, source.table, source.arn)
    join()
    for operation in ("SplitShard", "RollShard", "SplitShard"):
        streamed.lab(operation, ShardId=streamed.shard())
        streamed.put(10)

    events = notebook.wait_for(source.arn, streamed.count)

    given = [record for event in events for record in event["Records"]]
    assert numbers({"Records": given}) == list(range(1, streamed.count + 1))
