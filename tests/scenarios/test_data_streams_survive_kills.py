"""A server is killed while records are put and changes flow to a data stream of another server.

Every record that was answered is there, in order; every change that was answered reaches the data
stream, those of an item in order; and the data directory is whole.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.server_process import HEADWATER, ServerProcess

KILLS = 1
AT_LEAST = 20  # answered writes of each kind before a kill
LOOKS_MAX = 3000
ONCE = Config(retries={"total_max_attempts": 1})


def client(service: str, server: ServerProcess) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=ONCE,
    )


def until(holds: Callable[[], bool]) -> None:
    for _ in range(LOOKS_MAX):
        if holds():
            return
    raise AssertionError("it does not come about")


class Writing:
    """One write after the other until the server is gone; `answered` counts those that were."""

    def __init__(self, write: Callable[[int], object]) -> None:
        self.answered: list[int] = []
        self.enough = threading.Event()
        self._write = write
        self._next = 1

    def run(self) -> None:
        self.enough.clear()
        goal = len(self.answered) + AT_LEAST
        with suppress(BotoCoreError, ClientError):
            while True:
                number, self._next = self._next, self._next + 1
                self._write(number)
                self.answered.append(number)
                if len(self.answered) == goal:
                    self.enough.set()


def data_of(kinesis: Any, stream: str) -> list[bytes]:
    """The data of a stream of one shard, from its oldest record on."""
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[bytes] = []
    while page := kinesis.get_records(ShardIterator=iterator)["Records"]:
        found += [record["Data"] for record in page]
        last = page[-1]["SequenceNumber"]
        iterator = kinesis.get_shard_iterator(
            StreamName=stream,
            ShardId="shardId-000000000000",
            ShardIteratorType="AFTER_SEQUENCE_NUMBER",
            StartingSequenceNumber=last,
        )["ShardIterator"]
    return found


def make_stream(kinesis: Any, name: str) -> str:
    kinesis.create_stream(StreamName=name, ShardCount=1)

    def summary() -> dict[str, Any]:
        return dict(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"])

    until(lambda: summary()["StreamStatus"] == "ACTIVE")
    return str(summary()["StreamARN"])


@pytest.fixture(scope="module")
def other() -> Iterator[ServerProcess]:
    """The server whose data streams get the changes."""
    with ServerProcess.serve("--memory") as server:
        yield server


@pytest.mark.timeout(240)
def test_nothing_answered_is_lost_and_everything_is_in_order(
    tmp_path: Path, other: ServerProcess, unset: pytest.MonkeyPatch
) -> None:
    unset.setenv("AWS_ENDPOINT_URL_KINESIS", other.endpoint)
    unset.setenv("AWS_ACCESS_KEY_ID", "any")
    unset.setenv("AWS_SECRET_ACCESS_KEY", "any")
    options = ("--data", tmp_path / "data")
    far = client("kinesis", other)
    arn = make_stream(far, "changes")
    server = ServerProcess.serve(*options)
    dynamodb = client("dynamodb", server)
    make_stream(client("kinesis", server), "records")
    make_table(dynamodb, arn)
    puts = Writing(lambda number: put_record(server_now[0], number))
    changes = Writing(lambda number: put_item(server_now[0], number))
    server_now = [server]

    for _ in range(KILLS):
        threads = [threading.Thread(target=each.run) for each in (puts, changes)]
        for thread in threads:
            thread.start()
        for each in (puts, changes):
            assert each.enough.wait(60)
        server_now[0].kill()
        for thread in threads:
            thread.join()
        server_now[0] = ServerProcess.serve(*options)

    with server_now[0] as last:
        kept = [int(each) for each in data_of(client("kinesis", last), "records")]
        until(lambda: set(changes.answered) <= {number for _, number in told(far)})
    assert kept == sorted(set(kept))
    assert set(puts.answered) <= set(kept)
    assert_order_of_first_sight(told(far))
    verified = subprocess.run(
        [HEADWATER, "verify", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def make_table(dynamodb: Any, arn: str) -> None:
    dynamodb.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    until(lambda: dynamodb.describe_table(TableName="orders")["Table"]["TableStatus"] == "ACTIVE")
    dynamodb.enable_kinesis_streaming_destination(TableName="orders", StreamArn=arn)


def put_record(server: ServerProcess, number: int) -> None:
    clients(server)[0].put_record(StreamName="records", Data=str(number).encode(), PartitionKey="k")


def put_item(server: ServerProcess, number: int) -> None:
    item = {"pk": {"S": f"k{number % 3}"}, "n": {"N": str(number)}}
    clients(server)[1].put_item(TableName="orders", Item=item)


_clients: dict[str, tuple[Any, Any]] = {}


def clients(server: ServerProcess) -> tuple[Any, Any]:
    """Clients of a server; made once, as each takes a while."""
    if server.endpoint not in _clients:
        _clients[server.endpoint] = client("kinesis", server), client("dynamodb", server)
    return _clients[server.endpoint]


def told(kinesis: Any) -> list[tuple[str, int]]:
    """Keys and numbers of the changes in the data stream."""
    changes = [json.loads(each)["dynamodb"] for each in data_of(kinesis, "changes")]
    return [(each["Keys"]["pk"]["S"], int(each["NewImage"]["n"]["N"])) for each in changes]


def assert_order_of_first_sight(found: list[tuple[str, int]]) -> None:
    """Leaving repeats out of account, the changes of an item are in their order."""
    seen: dict[str, list[int]] = defaultdict(list)
    for key, number in found:
        if number not in seen[key]:
            seen[key].append(number)
    for numbers in seen.values():
        assert numbers == sorted(numbers)
