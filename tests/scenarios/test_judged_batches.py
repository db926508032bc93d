"""What a function's answer does to its batch, with real functions of three runtimes.

Each row is a mapping of its own, on a table whose three records `a`, `b` and `c` lie in one shard
and came before the mapping, so that the first batch holds all three. All rows of a runtime go on
together, in one server, and time is moved by the lab's clock. The function prints what it is given.
Source: AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda",
"Retain discarded batch records for a DynamoDB event source", and "Implementing stateful DynamoDB
stream processing in Lambda".
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.court import RUNTIMES, WINDOW_SECONDS, Court, objects_of, sorts
from tests.server_process import ServerProcess

REPORTING = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": 1}
RETENTION_SECONDS = 2 * 60 * 60
ONCE_MORE = {"MaximumRetryAttempts": 1}


def reported(*identifiers: str | None, name: str = "itemIdentifier") -> str:
    return json.dumps({"batchItemFailures": [{name: each} for each in identifiers]})


@dataclass(frozen=True)
class Row:
    """An answer, and what comes of it.

    given: the records of each invocation, None if that is the policy's own affair. left: the
    records that are given up. error: the functionError told of them. by: which records answer so.
    """

    answer: str
    given: list[str] | None
    left: str = ""
    error: str | None = None
    by: str = "abc"
    settings: dict[str, Any] = field(default_factory=lambda: REPORTING)


ROWS = {
    "null": Row("null", ["abc"]),
    "no-body": Row("nothing", ["abc"]),
    "empty-text": Row('""', ["abc"]),
    "empty-object": Row("{}", ["abc"]),
    "no-list": Row('{"other": 1}', ["abc"]),
    "null-list": Row('{"batchItemFailures": null}', ["abc"]),
    "empty-list": Row(reported(), ["abc"]),
    "empty-identifier": Row(reported(""), ["abc"] * 2, "abc"),
    "null-identifier": Row(reported(None), ["abc"] * 2, "abc"),
    "other-name": Row(reported("$a", name="id"), ["abc"] * 2, "abc"),
    "unknown-identifier": Row(reported("1"), ["abc"] * 2, "abc"),
    "first": Row(reported("$a"), ["abc"] * 2, "abc"),
    "second": Row(reported("$b"), ["abc", "bc"], "bc"),
    "last": Row(reported("$c"), ["abc", "c"], "c"),
    "lowest-of-two": Row(reported("$c", "$b"), ["abc", "bc"], "bc"),
    "exception": Row("raise", ["abc"] * 2, "abc", "Unhandled"),
    "crash": Row("exit", ["abc"] * 2, "abc", "Unhandled"),
    "not-asked-for": Row(reported("$b"), ["abc"], settings=ONCE_MORE),
    "no-retry": Row("raise", ["abc"], "abc", "Unhandled", settings={"MaximumRetryAttempts": 0}),
    "bisected": Row(
        "raise",
        None,
        "b",
        "Unhandled",
        by="b",
        settings={**ONCE_MORE, "BisectBatchOnFunctionError": True},
    ),
    "bisected-where-reported": Row(
        reported("$b"),
        ["abc", "bc", "b", "b", "c"],
        "b",
        by="b",
        settings={**REPORTING, "BisectBatchOnFunctionError": True},
    ),
    "bisected-though-reporting": Row(
        "raise",
        None,
        "b",
        "Unhandled",
        by="b",
        settings={**REPORTING, "BisectBatchOnFunctionError": True},
    ),
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    (folder / "letters").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(objects: Path) -> Iterator[ServerProcess]:
    hours = str(RETENTION_SECONDS / 3600)
    options = ("--transition-seconds", "0", "--objects", objects, "--retention-hours", hours)
    with ServerProcess.serve("--memory", "--lab", *options) as started:
        yield started


@pytest.fixture(scope="module", params=RUNTIMES)
def court(request: pytest.FixtureRequest, server: ServerProcess, objects: Path) -> Iterator[Court]:
    """The function in one runtime, with every row over."""
    if request.param.startswith("nodejs") and shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    with closing(Court(server, objects, request.param)) as made:
        for name, row in ROWS.items():
            made.write(name, row.answer, row.by)
            made.join(name, **row.settings)
        made.lab.drain()
        yield made


@pytest.mark.parametrize("name", ROWS)
def test_answer_decides_what_comes_again_and_what_is_given_up(court: Court, name: str) -> None:
    row = ROWS[name]

    events = court.given(name)
    letters = court.letters(name, 1 if row.left else 0)

    if row.given is not None:
        assert [sorts(event) for event in events] == row.given
    assert len(letters) == (1 if row.left else 0)
    for letter in letters:
        left = [
            each for each in events[0]["Records"] if each["dynamodb"]["Keys"]["sk"]["S"] in row.left
        ]
        assert_record(letter, court, name, left)
        context = letter["requestContext"]
        assert context["condition"] == "RetryAttemptsExhausted"
        tries = sum(row.left[0] in sorts(event) for event in events)
        assert row.given is None or context["approximateInvokeCount"] == tries
        assert letter["responseContext"] == {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": row.error,
        }


def assert_record(
    letter: dict[str, Any], court: Court, name: str, left: list[dict[str, Any]]
) -> None:
    """A letter has Lambda's members and tells where these records are."""
    numbers = [each["dynamodb"]["SequenceNumber"] for each in left]
    batch = letter["DDBStreamBatchInfo"]
    assert set(letter) - {"responseContext", "payload"} == {
        "requestContext",
        "version",
        "timestamp",
        "DDBStreamBatchInfo",
    }
    assert letter["version"] == "1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", letter["timestamp"])
    assert set(letter["requestContext"]) == {
        "requestId",
        "functionArn",
        "condition",
        "approximateInvokeCount",
    }
    assert letter["requestContext"]["functionArn"] == court.function
    for moment in ("First", "Last"):
        arrival = batch.pop(f"approximateArrivalOf{moment}Record")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", arrival)
    assert re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", batch.pop("shardId"))
    assert batch == {
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[-1],
        "batchSize": len(numbers),
        "streamArn": court.arns[name],
    }


def test_records_that_are_too_old_are_never_given(court: Court) -> None:
    court.write("too-old")
    court.lab.clock.advance(120)

    uuid = court.join("too-old", MaximumRecordAgeInSeconds=60)
    court.lab.drain()

    [letter] = court.letters("too-old")
    assert court.given("too-old") == []
    assert "responseContext" not in letter
    assert letter["requestContext"]["condition"] == "RecordAgeExceeded"
    assert letter["requestContext"]["approximateInvokeCount"] == 0
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 3
    court.leave(uuid)


def test_time_out_is_a_failure(court: Court) -> None:
    court.write("hanging", "hang")

    with court.hasty() as name:
        uuid = court.join("hanging", FunctionName=name, MaximumRetryAttempts=0)
        court.lab.drain()
        court.leave(uuid)

    [letter] = court.letters("hanging")
    assert letter["requestContext"]["functionArn"].endswith(name)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["responseContext"]["functionError"] == "Unhandled"


@pytest.mark.parametrize("age", [60, -1])
def test_records_that_fail_are_tried_until_they_are_too_old(court: Court, age: int) -> None:
    """As old as the mapping says, or as the stream keeps them."""
    name = f"until{age}"
    court.write(name, "raise")
    if age < 0:
        court.lab.clock.advance(RETENTION_SECONDS - 60)

    uuid = court.join(name, MaximumRecordAgeInSeconds=age)
    court.lab.clock.advance(90)
    court.lab.drain()

    # Each record has an age of its own, so that there are one to three letters.
    for count in (1, 2, 3):
        letters = court.letters(name, count)
        if sum(letter["DDBStreamBatchInfo"]["batchSize"] for letter in letters) == len("abc"):
            break
    events = court.given(name)
    assert len(events) > 3
    assert sorts(events[0]) == "abc"
    for letter in letters:
        assert letter["requestContext"]["condition"] == "RecordAgeExceeded"
        assert 3 < letter["requestContext"]["approximateInvokeCount"] <= len(events)
        assert "responseContext" not in letter
    court.leave(uuid)


def test_throttled_invocations_are_no_retries(court: Court) -> None:
    court.write("throttled")

    with court.throttled():
        uuid = court.join("throttled", MaximumRetryAttempts=0)
        court.lab.clock.advance(60)
    court.lab.clock.advance(60)
    court.lab.drain()

    assert [sorts(event) for event in court.given("throttled")] == ["abc"]
    assert court.letters("throttled", 0) == []
    court.leave(uuid)


def test_destination_that_is_not_there_holds_nothing_up(court: Court) -> None:
    court.write("undeliverable", "raise", by="a")
    nowhere = {"OnFailure": {"Destination": f"{court.queue}-absent"}}

    uuid = court.join(
        "undeliverable", MaximumRetryAttempts=0, BatchSize=1, DestinationConfig=nowhere
    )
    court.lab.drain()

    assert [sorts(event) for event in court.given("undeliverable")] == ["a", "b", "c"]
    court.leave(uuid)


def test_records_that_are_given_up_are_kept_in_a_bucket(court: Court) -> None:
    court.write("kept", "raise")
    bucket = {"OnFailure": {"Destination": "arn:aws:s3:::letters"}}

    uuid = court.join("kept", MaximumRetryAttempts=0, DestinationConfig=bucket)
    court.lab.drain()

    [event] = court.given("kept")
    [path] = objects_of(court, uuid)
    day = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/{uuid}/shardId-[\w-]+/{day}-[0-9a-f-]{{36}}", path)
    letter = json.loads((court.objects / "letters" / path).read_bytes())
    assert_record(letter, court, "kept", event["Records"])
    assert letter["payload"] == event
    court.leave(uuid)


def test_window_hands_on_its_state_and_is_closed_once(court: Court) -> None:
    answer = '{"state": {"seen": "$a"}}'
    court.write_in_a_window("window", answer, by="a")
    court.write_in_a_window("other-window", "null")

    uuid = court.join("window", TumblingWindowInSeconds=60, BatchSize=1)
    without = court.join("other-window", TumblingWindowInSeconds=60, MaximumRetryAttempts=0)
    court.lab.drain()
    court.lab.clock.advance(120)
    court.lab.drain()

    events = court.given("window")
    assert [sorts(event) for event in events[:3]] == ["a", "b", "c"]
    first = events[0]
    number = first["Records"][0]["dynamodb"]["SequenceNumber"]
    assert [event["state"] for event in events[:3]] == [{}, {"seen": number}, {}]
    assert set(first) == {
        "Records",
        "window",
        "state",
        "shardId",
        "eventSourceARN",
        "isFinalInvokeForWindow",
        "isWindowTerminatedEarly",
    }
    finals = [event for event in events if event["isFinalInvokeForWindow"]]
    assert [sorts(event) for event in finals] == [""]
    assert finals == events[3:]
    [letter] = court.letters("other-window")  # an answer without a state is a failure
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 3
    court.leave(uuid)
    court.leave(without)


def test_window_with_too_large_a_state_ends_early(court: Court) -> None:
    court.write_in_a_window("large", "large", by="a")

    uuid = court.join("large", TumblingWindowInSeconds=WINDOW_SECONDS, BatchSize=1)
    court.lab.drain()

    first, closing, second, third = court.given("large")
    assert [sorts(each) for each in (first, closing, second, third)] == ["a", "", "b", "c"]
    flags = ("isFinalInvokeForWindow", "isWindowTerminatedEarly")
    assert [closing[flag] for flag in flags] == [True, True]
    assert [first[flag] for flag in flags] == [False, False]
    assert closing["state"] == {"text": 1 << 20}
    assert second["state"] == {}
    court.leave(uuid)


def test_close_of_a_window_that_fails_is_tried_again(court: Court) -> None:
    court.write_in_a_window("unclosed", '{"state": {"raise": 1}}')

    uuid = court.join("unclosed", TumblingWindowInSeconds=60, MaximumRetryAttempts=1)
    court.lab.drain()
    court.lab.clock.advance(120)
    court.lab.drain()
    court.put("unclosed", "d")
    court.lab.drain()

    events = court.given("unclosed")
    assert [sorts(event) for event in events] == ["abc", "", "", "d"]
    assert [event["state"] for event in events] == [{}, {"raise": 1}, {"raise": 1}, {}]
    assert [event["isFinalInvokeForWindow"] for event in events] == [False, True, True, False]
    court.leave(uuid)


def test_window_ends_with_its_shard(court: Court) -> None:
    court.write_in_a_window("rolled", '{"state": {"n": 3}}', by="a")

    uuid = court.join("rolled", TumblingWindowInSeconds=WINDOW_SECONDS)
    court.lab.drain()
    court.roll("rolled")
    court.put("rolled", "d")
    court.lab.drain()

    before, closing, after = court.given("rolled")
    assert [sorts(each) for each in (before, closing, after)] == ["abc", "", "d"]
    assert closing["state"] == {"n": 3}
    assert closing["isFinalInvokeForWindow"]
    assert after["state"] == {}
    assert closing["shardId"] == before["shardId"] != after["shardId"]
    court.leave(uuid)
