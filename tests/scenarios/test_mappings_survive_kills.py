"""Mappings of every manner, while the server or its workers are killed under load.

Lanes, tumbling windows, bisecting and records for a dead-letter queue are all under way at each
kill. Nothing is lost, nothing overtakes another change of its key, every window's final state is
right, and whatever was given up is in the queue.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headwater.cli.client import ServerGone, connected
from headwater.cli.deployment import deploy, packed
from tests.server_process import HEADWATER, ServerProcess

KEYS = 4
WRITES = 60
UNBEARABLE = 20  # every so many of a key's items the choosy function fails
CODE = Path(__file__).with_name("kept")
TABLE = {
    "TableName": "orders",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
}
ALL = {f"{key}/{number}" for key in range(KEYS) for number in range(1, WRITES + 1)}
BEARABLE = {item for item in ALL if int(item.split("/")[1]) % UNBEARABLE}


class Served:
    """A server that is killed, and what its functions have written down."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        # Functions write into files that are not their own.
        isolation = ("--function-isolation", "none")
        self._options = ("--data", folder / "data", "--log-format", "json", *isolation)
        self._workers = workers
        self._server = ServerProcess.serve(*self._options, "--workers", str(workers))
        self.endpoint = self._server.endpoint

    def aws(self, service: str) -> Any:
        session = boto3.Session("any", "any", region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 20, "mode": "standard"})
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def kill(self, turn: int) -> None:
        """Kill the server and start it again; of several processes, one that serves."""
        if self._workers > 1:
            processes = list(self._processes().values())
            first = turn % len(processes)
            for process in processes[first:] + processes[:first]:
                with suppress(ProcessLookupError):  # killed before, and not replaced yet
                    os.kill(process, signal.SIGKILL)
                    break
            return
        self._server.kill()
        port = self.endpoint.rpartition(":")[2]
        self._server = ServerProcess.start([HEADWATER, "serve", "--port", port, *self._options])

    def lines(self, function: str, kind: str) -> list[list[str]]:
        """What a function has written down of one kind."""
        notes = self.notes(function)
        text = notes.read_text() if notes.exists() else ""
        words = [line.split(" ") for line in text.splitlines()]
        return [rest for first, *rest in words if first == kind]

    def taken(self, function: str) -> list[str]:
        return [item for (item,) in self.lines(function, "took")]

    def notes(self, function: str) -> Path:
        return self._folder / function

    def stop(self) -> int:
        return self._server.stop()

    def _processes(self) -> dict[str, int]:
        """The processes that serve now, by their workers."""
        found: dict[str, int] = {}
        for line in list(self._server.output.lines):
            if '"worker_ready"' in line:
                entry = json.loads(line)
                found[str(entry["worker"])] = entry["pid"]
        return found


@contextmanager
def served(folder: Path, workers: int) -> Iterator[Served]:
    server = Served(folder, workers)
    try:
        yield server
    finally:
        server.stop()


def join(server: Served, stream_arn: str, name: str, **parameters: Any) -> None:
    """Deploy a function of the code and map the stream to it."""
    functions = server.aws("lambda")
    environment = {"Variables": {"NOTES": str(server.notes(name))}}
    configuration = {"Handler": f"app.{name}", "Environment": environment}
    deploy(functions, name, packed(CODE), configuration)
    functions.create_event_source_mapping(
        EventSourceArn=stream_arn,
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        **parameters,
    )


def join_all(server: Served) -> str:
    """Map a new table's stream to all three functions; the address of the dead-letter queue."""
    table = server.aws("dynamodb").create_table(**TABLE)["TableDescription"]
    sqs = server.aws("sqs")
    url = str(sqs.create_queue(QueueName="failed")["QueueUrl"])
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    on_failure = {"OnFailure": {"Destination": asked["Attributes"]["QueueArn"]}}
    stream_arn = table["LatestStreamArn"]
    join(server, stream_arn, "every", ParallelizationFactor=3, BatchSize=3)
    join(
        server,
        stream_arn,
        "choosy",
        BatchSize=8,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig=on_failure,
    )
    join(server, stream_arn, "windowed", TumblingWindowInSeconds=1, BatchSize=5)
    return url


async def write(endpoint: str, key: int) -> None:
    """Put the items of one key one after the other; what has no answer is put again."""
    left = list(range(1, WRITES + 1))
    while left:
        try:
            async with connected(endpoint) as client:
                while left:
                    item = {"pk": {"S": str(key)}, "sk": {"N": str(left[0])}}
                    await client.call("dynamodb", "PutItem", {"TableName": "orders", "Item": item})
                    del left[0]
        except (ServerGone, OSError):
            continue


async def write_and_kill(server: Served, kills: int) -> None:
    """Write all items, and kill whenever a further part of them was taken."""
    writers = [asyncio.create_task(write(server.endpoint, key)) for key in range(KEYS)]
    for turn in range(kills):
        enough = (turn + 1) * len(ALL) // (kills + 2)
        await asyncio.to_thread(until, server, partial(has_taken, server, enough))
        await asyncio.to_thread(server.kill, turn)
    await asyncio.gather(*writers)


def has_taken(server: Served, count: int) -> bool:
    return len(server.taken("every")) >= count


def until(server: Served, holds: Callable[[], bool]) -> None:
    """Return once a condition holds; questions to the server pass the time."""
    client = server.aws("dynamodb")
    while not holds():
        client.describe_table(TableName="orders")


def assert_in_order(taken: list[str], wanted: set[str]) -> None:
    """Each key's items came in order; what came again had come before."""
    by_key: dict[str, list[int]] = defaultdict(list)
    for item in taken:
        key, text = item.split("/")
        by_key[key].append(int(text))
    for key, numbers in by_key.items():
        expected = sorted(int(item.split("/")[1]) for item in wanted if item.startswith(f"{key}/"))
        reached = 0
        for number in numbers:
            assert number in expected[: reached + 1], "a record overtook another"
            reached = max(reached, expected.index(number) + 1)


def finals(server: Served) -> dict[tuple[str, str], list[str]]:
    """The items of each window by its final invocations, which agree with one another."""
    found: dict[tuple[str, str], list[str]] = {}
    for shard_id, start, items in server.lines("windowed", "window"):
        seen = items.split(",")
        assert found.setdefault((shard_id, start), seen) == seen, "final states differ"
    return found


def unbearable(server: Served) -> set[str]:
    """The sequence numbers of the items that the choosy function failed for."""
    return {number for (number,) in server.lines("choosy", "unbearable")}


def given_up(sqs: Any, url: str) -> set[str]:
    """The sequence numbers that messages of the queue tell of; the messages are taken out."""
    numbers = set()
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
        batch = json.loads(message["Body"])["DDBStreamBatchInfo"]
        assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
        numbers.add(batch["startSequenceNumber"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return numbers


@pytest.mark.parametrize(("workers", "kills"), [(1, 2), (2, 3)])
def test_kills_lose_nothing_of_any_mapping(tmp_path: Path, workers: int, kills: int) -> None:
    with served(tmp_path, workers) as server:
        url = join_all(server)
        sqs, queued = server.aws("sqs"), set[str]()

        asyncio.run(write_and_kill(server, kills))
        until(server, lambda: set(server.taken("every")) == ALL)
        until(server, lambda: set(server.taken("choosy")) == BEARABLE)
        until(server, lambda: {item for seen in finals(server).values() for item in seen} == ALL)
        until(server, lambda: len(unbearable(server)) == len(ALL - BEARABLE))
        while not unbearable(server) <= queued:
            queued |= given_up(sqs, url)

        assert_in_order(server.taken("every"), ALL)
        assert_in_order(server.taken("choosy"), BEARABLE)
        assert sorted(item for seen in finals(server).values() for item in seen) == sorted(ALL)
        assert queued == unbearable(server)
