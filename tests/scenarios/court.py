"""A function of any runtime that answers as its records ask, the tables that feed it, and its log.

The function lies in `judged`, once for each runtime; `judged/app.py` says what it does.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headwater.cli.deployment import packed
from headwater.storage.objects import is_part
from headwater.testing.lab import Lab
from headwater.testing.wire import Wire
from tests.scenarios.commands import STREAM, clients
from tests.server_process import ServerProcess

FOLDER = Path(__file__).with_name("judged")
WINDOW_SECONDS = 900  # of the longest, and a multiple of the others
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
        self._made = {
            "FunctionName": self._prefix,
            "Runtime": runtime,
            "Handler": RUNTIMES[runtime],
            "Role": ROLE,
            "Code": {"ZipFile": packed(FOLDER)},
            "MemorySize": 512,
            "Timeout": 30,
        }
        self.function = self._functions.create_function(**self._made)["FunctionArn"]
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
            self.put(name, sort, answer if sort in by else None)
        self.arns[name] = made["TableDescription"]["LatestStreamArn"]
        return self.arns[name]

    def write_in_a_window(self, name: str, answer: str | None = None, by: str = "abc") -> None:
        """Make a table whose records are far from the end of any window."""
        self.lab.clock.advance(WINDOW_SECONDS - self.lab.clock.now() % WINDOW_SECONDS)
        self.write(name, answer, by)

    def put(self, name: str, sort: str, answer: str | None = None) -> None:
        item = {"pk": {"S": "one"}, "sk": {"S": sort}}
        if answer is not None:
            item["answer"] = {"S": answer}
        self._tables.put_item(TableName=f"{self._prefix}-{name}", Item=item)

    def roll(self, name: str) -> None:
        """Have the open shards of a table's stream end, each with a child."""
        self.lab.roll(f"{self._prefix}-{name}")

    @contextmanager
    def throttled(self) -> Iterator[None]:
        self._functions.put_function_concurrency(
            FunctionName=self._prefix, ReservedConcurrentExecutions=0
        )
        yield
        self._functions.delete_function_concurrency(FunctionName=self._prefix)

    @contextmanager
    def hasty(self) -> Iterator[str]:
        """A function of the same code that has a second; its name."""
        name = f"{self._prefix}-hasty"
        self._functions.create_function(**self._made | {"FunctionName": name, "Timeout": 1})
        yield name
        self._functions.delete_function(FunctionName=name)

    def join(self, name: str, **settings: Any) -> str:
        """Feed the function from a table's stream; what is given up goes to the queue."""
        given = {
            "FunctionName": self._prefix,
            "DestinationConfig": {"OnFailure": {"Destination": self.queue}},
        } | settings
        mapping = self._functions.create_event_source_mapping(
            EventSourceArn=self.arns[name], StartingPosition="TRIM_HORIZON", **given
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


def objects_of(court: Court, uuid: str) -> list[str]:
    """The objects of a mapping, once there is one; the lab's clock makes the outbox look again."""
    folder = court.objects / "letters"
    for _ in range(200):
        files = [path for path in (folder / "aws" / "lambda" / uuid).rglob("*") if path.is_file()]
        found = [path for path in files if not is_part(path.name)]
        if found:
            return [str(path.relative_to(folder)) for path in found]
        court.lab.clock.advance(1)
    return []
