"""The lab's clock: what takes hours or days happens at once, in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conformance.expectation import refused
from tests.conformance.stream_reading import oldest, shards
from tests.conformance.wire import Answer, Wire
from tests.conftest import CLIENT, REGION, Tables
from tests.server_process import ServerProcess

pytestmark = pytest.mark.local_only
HOUR = 3600.0
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@dataclass
class Lab:
    """A server of its own, whose time the test commands."""

    wire: Wire
    dynamodb: Any
    streams: Any
    tables: Tables

    def ask(self, operation: str, **body: Any) -> Answer:
        return self.wire.call(f"Headwater_20261123.{operation}", body)

    def clock(self, operation: str = "DescribeClock", **body: Any) -> Any:
        answer = self.ask(operation, **body)
        assert answer.status == 200, answer.body
        return answer.content

    def advance(self, seconds: float) -> float:
        return float(self.clock("AdvanceClock", Seconds=seconds)["Now"])

    def now(self) -> float:
        return float(self.clock()["Now"])

    def streamed(self, **more: Any) -> tuple[str, str]:
        table = self.tables.make(StreamSpecification=STREAM, **more)
        return table["TableName"], table["LatestStreamArn"]

    def put(self, table: str, key: str, **attributes: Any) -> None:
        self.dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, **attributes})

    def records(self, arn: str) -> list[Any]:
        """What the shards that are listed have, in the order of their ids."""
        return [
            record
            for shard in shards(self.streams, arn)
            for record in self.streams.get_records(
                ShardIterator=oldest(self.streams, arn, shard["ShardId"])
            )["Records"]
        ]


@contextmanager
def laboratory(unique_name: Callable[[str], str], *options: str | Path) -> Iterator[Lab]:
    """A server with the lab; options: of `headwater serve`."""
    with ServerProcess.serve("--lab", *options) as server:
        session = boto3.Session("any", "any", region_name=REGION)
        clients = [
            session.client(service, endpoint_url=server.endpoint, config=CLIENT)
            for service in ("dynamodb", "dynamodbstreams")
        ]
        credentials = session.get_credentials()
        assert credentials is not None
        tables = Tables(clients[0], unique_name, poll_seconds=0.02)
        dynamodb, streams = clients
        yield Lab(Wire(server.endpoint, REGION, credentials), dynamodb, streams, tables)
        for client in clients:
            client.close()


@pytest.fixture(scope="module")
def lab(unique_name: Callable[[str], str]) -> Iterator[Lab]:
    with laboratory(unique_name, "--memory") as lab:
        yield lab


@pytest.fixture(autouse=True)
def running(lab: Lab) -> Iterator[None]:
    yield
    lab.clock("ThawClock")


def test_iterator_expires_after_fifteen_minutes(lab: Lab) -> None:
    _, arn = lab.streamed()
    iterator = oldest(lab.streams, arn, shards(lab.streams, arn)[0]["ShardId"])
    lab.clock("FreezeClock")

    lab.advance(890)
    lab.streams.get_records(ShardIterator=iterator)
    lab.advance(11)

    with refused("ExpiredIteratorException"):
        lab.streams.get_records(ShardIterator=iterator)


def test_record_is_trimmed_after_a_day(lab: Lab) -> None:
    table, arn = lab.streamed()
    lab.put(table, "early")
    lab.advance(12 * HOUR)
    lab.put(table, "late")

    lab.advance(13 * HOUR)

    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in lab.records(arn)] == ["late"]


def test_shards_are_rolled_over_each_in_its_time(lab: Lab) -> None:
    _, arn = lab.streamed()

    lab.advance(12 * HOUR)

    listed = shards(lab.streams, arn)
    generations = {None: 0}
    for shard in listed:
        parent = generations[shard.get("ParentShardId")]
        generations[shard["ShardId"]] = parent + 1
    assert max(generations.values()) == 3  # the first, and those after 4 to 4.5 and 8 to 9 hours


def test_item_is_deleted_at_its_time(lab: Lab) -> None:
    table, arn = lab.streamed()
    lab.dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    lab.clock("FreezeClock")
    lab.advance(1)
    due = int(lab.now()) + 7200
    for key, seconds in (("later", due + 60), ("first", due)):
        lab.put(table, key, ttl={"N": str(seconds)})

    lab.advance(2 * HOUR + 120)

    gone = [record for record in lab.records(arn) if record["eventName"] == "REMOVE"]
    times = {each["dynamodb"]["Keys"]["pk"]["S"]: each["dynamodb"] for each in gone}
    assert set(times) == {"first", "later"}
    for key, seconds in (("first", due), ("later", due + 60)):
        created = times[key]["ApproximateCreationDateTime"].timestamp()
        assert seconds <= created <= seconds + 1


def test_tables_become_active_while_time_stands_still(lab: Lab) -> None:
    lab.clock("FreezeClock")

    table = lab.tables.make()

    assert table["TableStatus"] == "ACTIVE"
    assert lab.clock()["Frozen"]


def test_frozen_time_stands_still_and_runs_on_from_there(lab: Lab) -> None:
    frozen = lab.clock("FreezeClock")["Now"]

    again = lab.clock("FreezeClock")["Now"]
    thawed = lab.clock("ThawClock")

    assert again == frozen
    assert thawed["Frozen"] is False
    assert frozen <= thawed["Now"] < frozen + 5


def test_expired_iterators_are_told_from_new_ones_in_the_same_millisecond(lab: Lab) -> None:
    table, arn = lab.streamed()
    lab.put(table, "a")
    lab.clock("FreezeClock")
    shard = shards(lab.streams, arn)[0]["ShardId"]
    for _ in range(2):
        held = oldest(lab.streams, arn, shard)
        assert lab.ask("ExpireIterators", StreamArn=arn).status == 200

        with refused("ExpiredIteratorException"):
            lab.streams.get_records(ShardIterator=held)
        page = lab.streams.get_records(ShardIterator=oldest(lab.streams, arn, shard))
        lab.streams.get_records(ShardIterator=page["NextShardIterator"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": -1}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": True}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": "24h"}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": 4e9}, "The clock cannot be advanced beyond the year 2099"),
        (
            {"Seconds": 1, "TimeoutSeconds": -1},
            "TimeoutSeconds must be a number between 0 and 3600",
        ),
        ({"Seconds": 1, "Until": 2}, "There is no parameter Until"),
    ],
)
def test_bad_advance_is_refused(lab: Lab, body: dict[str, Any], text: str) -> None:
    assert lab.ask("AdvanceClock", **body).error == (400, "ValidationException", text)
