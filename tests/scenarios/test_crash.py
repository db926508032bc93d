"""A server killed with -9 under load: what it acknowledged is there, and the stream tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headwater.cli.client import Client, ServerGone, connected
from tests.server_process import ServerProcess

WRITERS = 16
KEYS = 40
# How many acknowledged writes there are at the least before each kill.
KILL_AFTER = (150, 400, 40)

Item = Mapping[str, Any]


@dataclass
class Expected:
    """What each key must hold: its last acknowledged value, or one that was sent after it.

    A write whose answer the crash took may have happened or not; both are right.
    """

    acknowledged: dict[str, int | None] = field(default_factory=dict)
    in_flight: dict[str, int | None] = field(default_factory=dict)
    count: int = 0

    def allowed(self, key: str) -> set[int | None]:
        allowed = {self.acknowledged.get(key)}
        if key in self.in_flight:
            allowed.add(self.in_flight[key])
        return allowed


async def prepare(endpoint: str) -> None:
    async with connected(endpoint) as client:
        await client.call(
            "dynamodb",
            "CreateTable",
            {
                "TableName": "counters",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "parity", "AttributeType": "N"},
                ],
                "BillingMode": "PAY_PER_REQUEST",
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by_parity",
                        "KeySchema": [{"AttributeName": "parity", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "StreamSpecification": {
                    "StreamEnabled": True,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            },
        )
        while True:
            table = (await client.call("dynamodb", "DescribeTable", {"TableName": "counters"}))[
                "Table"
            ]
            if table["TableStatus"] == "ACTIVE":
                return


async def write(client: Client, key: str, number: int, expected: Expected) -> None:
    """Put, update, transact or delete, in turn, and note what was acknowledged."""
    kind = number % 7
    value = None if kind == 6 else number
    expected.in_flight[key] = value
    attributes = {"pk": {"S": key}, "n": {"N": str(number)}, "parity": {"N": str(number % 2)}}
    if kind == 6:
        await client.call(
            "dynamodb", "DeleteItem", {"TableName": "counters", "Key": {"pk": {"S": key}}}
        )
    elif kind == 5:
        put = {"Put": {"TableName": "counters", "Item": attributes}}
        await client.call("dynamodb", "TransactWriteItems", {"TransactItems": [put]})
    else:
        await client.call("dynamodb", "PutItem", {"TableName": "counters", "Item": attributes})
    expected.acknowledged[key] = value
    del expected.in_flight[key]
    expected.count += 1


async def load_until_killed(server: ServerProcess, expected: Expected, kill_after: int) -> None:
    """Write from many connections at once; kill the server when enough is acknowledged."""
    start = expected.count

    async def writer(client: Client, lane: int) -> None:
        number = start * 100
        while True:
            for key in range(lane, KEYS, WRITERS):
                number += 1
                await write(client, f"key-{key}", number, expected)
                if expected.count - start == kill_after:
                    server.process.kill()

    async with connected(server.endpoint, WRITERS) as client:
        results = await asyncio.gather(
            *(writer(client, lane) for lane in range(WRITERS)), return_exceptions=True
        )
    assert {type(result) for result in results} == {ServerGone}


async def scan(client: Client, **more: Any) -> dict[str, Item]:
    page = await client.call("dynamodb", "Scan", {"TableName": "counters", **more})
    assert "LastEvaluatedKey" not in page
    return {item["pk"]["S"]: item for item in page["Items"]}


async def stream_records(client: Client) -> list[Item]:
    """Every record of every shard; those of one shard in order."""
    table = await client.call("dynamodb", "DescribeTable", {"TableName": "counters"})
    arn = table["Table"]["LatestStreamArn"]
    described = await client.call("dynamodbstreams", "DescribeStream", {"StreamArn": arn})
    records: list[Item] = []
    for shard in described["StreamDescription"]["Shards"]:
        start = {
            "StreamArn": arn,
            "ShardId": shard["ShardId"],
            "ShardIteratorType": "TRIM_HORIZON",
        }
        iterator = (await client.call("dynamodbstreams", "GetShardIterator", start))[
            "ShardIterator"
        ]
        while True:
            page = await client.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            if not page["Records"]:
                break
            records += page["Records"]
            iterator = page["NextShardIterator"]
    return records


def replayed(records: Sequence[Item]) -> dict[str, Item]:
    """The table that the records make, checking that each begins where the last one ended."""
    state: dict[str, Item] = {}
    for record in records:
        change = record["dynamodb"]
        key = change["Keys"]["pk"]["S"]
        assert change.get("OldImage") == state.get(key)
        if "NewImage" in change:
            state[key] = change["NewImage"]
        else:
            del state[key]
    return state


async def check(endpoint: str, expected: Expected) -> None:
    async with connected(endpoint) as client:
        items = await scan(client)
        for key in (f"key-{number}" for number in range(KEYS)):
            found = int(items[key]["n"]["N"]) if key in items else None
            assert found in expected.allowed(key), key
        assert replayed(await stream_records(client)) == items
        assert await scan(client, IndexName="by_parity") == items
        # From here on what the crash left is what is acknowledged.
        expected.in_flight.clear()
        expected.acknowledged = {key: int(item["n"]["N"]) for key, item in items.items()}


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
def test_kill_loses_nothing_acknowledged(tmp_path: Path, durability: str) -> None:
    expected = Expected()
    options = ("--data", tmp_path, "--durability", durability)
    with ServerProcess.serve(*options) as server:
        asyncio.run(prepare(server.endpoint))

    for kill_after in KILL_AFTER:
        with ServerProcess.serve(*options) as server:
            asyncio.run(load_until_killed(server, expected, kill_after))
        with ServerProcess.serve(*options) as server:
            asyncio.run(check(server.endpoint, expected))


def test_stop_finishes_what_is_in_flight(tmp_path: Path) -> None:
    expected = Expected()

    async def load_until_stopped(server: ServerProcess) -> None:
        async def writer(client: Client, lane: int) -> None:
            number = 0
            while True:
                number += 1
                await write(client, f"key-{lane}", number, expected)
                if expected.count == 200:
                    server.process.terminate()

        async with connected(server.endpoint, WRITERS) as client:
            await asyncio.gather(
                *(writer(client, lane) for lane in range(WRITERS)), return_exceptions=True
            )

    with ServerProcess.serve("--data", tmp_path) as server:
        asyncio.run(prepare(server.endpoint))
        asyncio.run(load_until_stopped(server))

        assert server.process.wait(20) == 0
    with ServerProcess.serve("--data", tmp_path) as server:
        asyncio.run(check(server.endpoint, expected))


def test_second_server_on_a_directory_is_refused(tmp_path: Path) -> None:
    import subprocess

    from tests.server_process import HEADWATER

    with ServerProcess.serve("--data", tmp_path):
        second = subprocess.run(
            [HEADWATER, "serve", "--port", "0", "--data", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 2
    assert second.stderr.startswith("headwater: the data directory")
    assert "in use by another server" in second.stderr
    assert "Traceback" not in second.stderr
