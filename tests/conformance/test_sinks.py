"""Sinks, as clients of a running server ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.wire import Answer, Wire
from tests.conftest import Tables

pytestmark = pytest.mark.local_only

STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
SETTINGS = {"location": "file:conformance/sinks"}


def ask(wire: Wire, operation: str, **body: Any) -> Answer:
    return wire.call(f"Headwater_20261123.{operation}", body)


def tell(wire: Wire, operation: str, **body: Any) -> Any:
    answer = ask(wire, operation, **body)
    assert answer.status == 200, answer.body
    return answer.content


@pytest.fixture(scope="module")
def table(lasting_tables: Tables) -> str:
    return str(lasting_tables.make(StreamSpecification=STREAM)["TableName"])


@pytest.fixture
def name(unique_name: Callable[[str], str]) -> str:
    return unique_name("sink")


def test_sink_is_created_described_listed_and_deleted(wire: Wire, table: str, name: str) -> None:
    made = tell(wire, "CreateSink", Name=name, Table=table, Kind="lake", Settings=SETTINGS)["Sink"]
    told = tell(wire, "DescribeSink", Name=name)
    listed = [sink["Name"] for sink in tell(wire, "ListSinks")["Sinks"]]
    deleted = tell(wire, "DeleteSink", Name=name)["Sink"]

    assert (made["State"], made["Start"], made["Settings"]) == ("BACKFILLING", "BACKFILL", SETTINGS)
    assert (made["BatchSize"], made["BatchWindowSeconds"]) == (10_000, 60.0)
    assert told["Sink"]["Name"] == name
    assert {"Items", "Counts", "Shards", "Warnings", "ChangesPerSecond"} <= told.keys()
    assert name in listed
    assert deleted["State"] == "DELETING"


def test_sink_is_paused_resumed_and_changed(wire: Wire, table: str, name: str) -> None:
    tell(wire, "CreateSink", Name=name, Table=table, Kind="lake", Settings=SETTINGS)
    paused = tell(wire, "UpdateSink", Name=name, State="PAUSED")["Sink"]
    changed = tell(wire, "UpdateSink", Name=name, BatchSize=7, Transform="new")["Sink"]
    resumed = tell(wire, "UpdateSink", Name=name, State="RUNNING", Transform="")["Sink"]
    replayed = tell(wire, "ReplaySink", Name=name, From="LATEST")["Sink"]
    moment = {"From": "AT_TIMESTAMP", "Timestamp": 1.5}
    begun = tell(wire, "ReplaySink", Name=name, **moment)["Sink"]
    tell(wire, "DeleteSink", Name=name)

    assert paused["State"] == "PAUSED"
    assert (changed["State"], changed["BatchSize"], changed["Transform"]) == ("PAUSED", 7, "new")
    assert resumed["State"] in ("BACKFILLING", "RUNNING")
    assert "Transform" not in resumed
    assert (replayed["Round"], replayed["Start"], replayed["State"]) == (2, "LATEST", "RUNNING")
    assert "StartTimestamp" not in replayed
    assert (begun["Start"], begun["StartTimestamp"]) == ("AT_TIMESTAMP", 1.5)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"From": "NOON"}, "from is not one of BACKFILL, TRIM_HORIZON, LATEST, AT_TIMESTAMP"),
        ({"From": "AT_TIMESTAMP"}, "timestamp is for AT_TIMESTAMP, which needs it"),
        ({"From": "LATEST", "Timestamp": 1}, "timestamp is for AT_TIMESTAMP, which needs it"),
        ({"From": "AT_TIMESTAMP", "Timestamp": "1"}, "timestamp must be an epoch second"),
        ({"From": "AT_TIMESTAMP", "Timestamp": -1}, "timestamp must be an epoch second"),
        ({"From": "AT_TIMESTAMP", "Timestamp": 2**39}, "in the future"),
    ],
)
def test_replay_that_cannot_be_is_refused(
    wire: Wire, table: str, name: str, members: dict[str, Any], text: str
) -> None:
    tell(wire, "CreateSink", Name=name, Table=table, Kind="lake", Settings=SETTINGS)
    status, code, told = ask(wire, "ReplaySink", Name=name, **members).error
    tell(wire, "DeleteSink", Name=name)

    assert (status, code) == (400, "ValidationException")
    assert text in str(told)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Kind": "fridge"}, "there is no kind of sink 'fridge'; there are"),
        ({"Settings": {}}, "sinks of kind lake need the setting location"),
        ({"Settings": {**SETTINGS, "colour": "red"}}, "sinks of kind lake have no setting colour"),
        ({"Settings": {"location": "ftp://x"}}, "is not file:FOLDER/PREFIX or s3://BUCKET/PREFIX"),
        ({"Settings": {"location": "file:../x"}}, "cannot be the name of a bucket"),
        ({"Settings": "x"}, "settings must be a table of names and values"),
        ({"Start": "NOON"}, "start is not one of BACKFILL, TRIM_HORIZON, LATEST"),
        ({"Start": "AT_TIMESTAMP"}, "start is not one of BACKFILL, TRIM_HORIZON, LATEST"),
        ({"BatchSize": 0}, "batch_size must be a whole number between 1 and 100000"),
        ({"BatchBytes": 1.5}, "batch_bytes must be a whole number"),
        ({"BatchWindowSeconds": -1}, "batch_window_seconds is not between 0 and 86400"),
        ({"BatchWindowSeconds": "1"}, "batch_window_seconds must be a number"),
        ({"Filters": "x"}, "filters must be a list of patterns"),
        ({"Filters": ["{"]}, "filters: "),
        ({"Transform": "new.["}, "the transform is no JMESPath expression"),
        ({"Transform": "new", "TransformFunction": "f"}, "not both"),
        ({"Name": "a b"}, "name must be 1 to 128 letters"),
        ({"FailureDestination": "nowhere"}, "Invalid failure destination: nowhere"),
        ({"Colour": "red"}, "There is no parameter Colour"),
    ],
)
def test_what_cannot_be_is_refused(
    wire: Wire, table: str, name: str, members: dict[str, Any], text: str
) -> None:
    asked = {"Name": name, "Table": table, "Kind": "lake", "Settings": SETTINGS}

    answer = ask(wire, "CreateSink", **{**asked, **members})

    status, code, told = answer.error
    assert (status, code) == (400, "ValidationException")
    assert text in str(told)


def test_what_is_not_there_is_not_found(
    wire: Wire, name: str, simple: str, unique_name: Callable[[str], str]
) -> None:
    asked = {"Name": name, "Kind": "lake", "Settings": SETTINGS}
    answers = [
        ask(wire, "CreateSink", Table=unique_name("none"), **asked),
        ask(wire, "CreateSink", Table=simple, **asked),
        ask(wire, "DescribeSink", Name=name),
        ask(wire, "UpdateSink", Name=name, State="PAUSED"),
        ask(wire, "DeleteSink", Name=name),
        ask(wire, "ReplaySink", Name=name),
    ]

    assert {each.error[:2] for each in answers} == {(400, "ResourceNotFoundException")}
    assert "has no stream" in str(answers[1].error[2])


def test_a_second_sink_of_a_name_and_an_update_of_nothing_are_refused(
    wire: Wire, table: str, name: str
) -> None:
    asked = {"Name": name, "Table": table, "Kind": "lake", "Settings": SETTINGS}
    tell(wire, "CreateSink", **asked)
    second = ask(wire, "CreateSink", **asked)
    nothing = ask(wire, "UpdateSink", Name=name)
    odd = ask(wire, "UpdateSink", Name=name, State="STOPPED")
    tell(wire, "DeleteSink", Name=name)

    assert second.error[1] == "ResourceInUseException"
    assert "needs something to change" in str(nothing.error[2])
    assert "State is not one of RUNNING, PAUSED" in str(odd.error[2])


def test_story_of_a_record_tells_of_sinks(
    wire: Wire, dynamodb: Any, lasting_tables: Tables, name: str
) -> None:
    made = lasting_tables.make(StreamSpecification=STREAM)
    table, arn = made["TableName"], made["LatestStreamArn"]
    asked = {"Table": table, "Kind": "lake", "Settings": SETTINGS, "BatchWindowSeconds": 0}
    tell(wire, "CreateSink", Name=name, Start="LATEST", **asked)
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}})
    tell(wire, "Drain", TimeoutSeconds=60)
    story = tell(wire, "Explain", StreamArn=arn, Key={"pk": {"S": "a"}})
    tell(wire, "DeleteSink", Name=name)

    (sink,) = story["Sinks"]
    assert (sink["Name"], sink["Kind"], sink["State"]) == (name, "lake", "RUNNING")
    assert (sink["Fate"], sink["Position"]) == ("Delivered", story["SequenceNumber"])
    assert [each["Outcome"] for each in sink["Deliveries"]] == ["Delivered"]
