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
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headwater.cli.deployment import packed
from headwater.testing.lab import Lab
from headwater.testing.wire import Wire
from tests.scenarios.commands import STREAM, clients
from tests.server_process import ServerProcess

FOLDER = Path(__file__).with_name("judged")
ROLE = "arn:aws:iam::000000000000:role/any"
RUNTIMES = {
    f"python3.{sys.version_info.minor}": "app.handler",
    "nodejs20.x": "index.handler",
    "provided.al2023": "any",
}
KEYS = {
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
}
REPORTING = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": 1}
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
    "bisected-though-reporting": Row(
        "raise",
        None,
        "b",
        "Unhandled",
        by="b",
        settings={**REPORTING, "BisectBatchOnFunctionError": True},
    ),
}


class Court:
    """A function of a runtime, and the tables whose mappings invoke it."""

    def __init__(self, server: ServerProcess, objects: Path, runtime: str) -> None:
        self.lab = Lab(server.endpoint)
        self._wire = Wire(server.endpoint, "us-east-1")
        self.objects = objects
        self._tables = clients(server.endpoint)
        self._functions = clients(server.endpoint, "lambda")
        self._queues = clients(server.endpoint, "sqs")
        self._prefix = re.sub(r"\W", "-", runtime)
        self._letters: list[dict[str, Any]] = []
        self.url = self._queues.create_queue(QueueName=self._prefix)["QueueUrl"]
        self.queue = f"arn:aws:sqs:us-east-1:000000000000:{self._prefix}"
        self.function = self._functions.create_function(
            FunctionName=self._prefix,
            Runtime=runtime,
            Handler=RUNTIMES[runtime],
            Role=ROLE,
            Code={"ZipFile": packed(FOLDER)},
            MemorySize=512,
            Timeout=30,
        )["FunctionArn"]
        self.arns: dict[str, str] = {}

    def close(self) -> None:
        self.lab.close()
        self._wire.close()
        for client in (self._tables, self._functions, self._queues):
            client.close()

    def write(self, name: str, answer: str | None = None, by: str = "abc") -> str:
        """Make a table with three records; returns the ARN of its stream."""
        table = f"{self._prefix}-{name}"
        made = self._tables.create_table(
            TableName=table, **KEYS, BillingMode="PAY_PER_REQUEST", StreamSpecification=STREAM
        )
        self._tables.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 0.05})
        for sort in "abc":
            item = {"pk": {"S": "one"}, "sk": {"S": sort}}
            if answer is not None and sort in by:
                item["answer"] = {"S": answer}
            self._tables.put_item(TableName=table, Item=item)
        self.arns[name] = made["TableDescription"]["LatestStreamArn"]
        return self.arns[name]

    def join(self, name: str, **settings: Any) -> str:
        """Feed the function from a table's stream; what is given up goes to the queue."""
        given = {"DestinationConfig": {"OnFailure": {"Destination": self.queue}}} | settings
        mapping = self._functions.create_event_source_mapping(
            EventSourceArn=self.arns[name],
            FunctionName=self._prefix,
            StartingPosition="TRIM_HORIZON",
            **given,
        )
        return str(mapping["UUID"])

    def leave(self, uuid: str) -> None:
        self._functions.delete_event_source_mapping(UUID=uuid)

    def given(self, name: str) -> list[dict[str, Any]]:
        """The events that the function was given from a table's stream, in order."""
        events = []
        after: str | None = None
        while True:
            page = self._log(after)
            for line in page["Lines"]:
                if line["Text"].startswith("GIVEN "):
                    events.append(json.loads(line["Text"].removeprefix("GIVEN ")))
            if not page["Lines"]:
                break
            after = page["After"]
        return [each for each in events if self.arns[name] in json.dumps(each)]

    def _log(self, after: str | None) -> dict[str, Any]:
        asked = {"FunctionName": self._prefix} | ({"After": after} if after else {})
        return self._wire.call("headwater", "GetFunctionLog", **asked)

    def letters(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """What the queue has been told of a table's stream; waits for as many as there must be."""
        mine: list[dict[str, Any]] = []
        for wait in (0, 10, 10):
            mine = [
                letter
                for letter in self._letters
                if letter["DDBStreamBatchInfo"]["streamArn"] == self.arns[name]
            ]
            if len(mine) >= count and wait:
                break
            self._receive(wait if len(mine) < count else 0)
        return mine

    def _receive(self, wait: int) -> None:
        while messages := self._queues.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait
        ).get("Messages"):
            for message in messages:
                self._letters.append(json.loads(message["Body"]))
                # Time that is made to pass would bring it back.
                self._queues.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )
            wait = 0


def sorts(event: dict[str, Any]) -> str:
    """The records of an event, by their sort keys."""
    return "".join(each["dynamodb"]["Keys"]["sk"]["S"] for each in event["Records"])


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    (folder / "letters").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(objects: Path) -> Iterator[ServerProcess]:
    options = ("--transition-seconds", "0", "--objects", objects)
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


def objects_of(court: Court, uuid: str) -> list[str]:
    """The objects of a mapping, once there is one; the lab's clock makes the outbox look again."""
    folder = court.objects / "letters"
    for _ in range(200):
        found = [path for path in (folder / "aws" / "lambda" / uuid).rglob("*") if path.is_file()]
        if found:
            return [str(path.relative_to(folder)) for path in found]
        court.lab.clock.advance(1)
    return []


def test_window_hands_on_its_state_and_is_closed_once(court: Court) -> None:
    answer = '{"state": {"seen": "$a"}}'
    court.write("window", answer, by="a")
    court.write("other-window", "null")

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
