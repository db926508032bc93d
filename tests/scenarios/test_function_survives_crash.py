"""A server killed with -9 while a function follows a stream: the function misses nothing.

Every key counts upwards, one write at a time. The function adds each number it is given to a list
of its key; a number can come again, but never before a smaller one has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from headwater.cli.client import Client, ServerGone, connected
from headwater.cli.deployment import deploy
from tests.conformance.function_making import wait_until
from tests.server_process import ServerProcess

WRITERS = 16
BATCH_SIZE = 10
PARTITIONS = 4
ROUNDS = 15
# How many acknowledged writes there are before each kill.
KILL_AFTER = (150, 250, 40)

FUNCTION = """
import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        client.update_item(
            TableName="seen",
            Key={"pk": image["pk"]},
            UpdateExpression="SET numbers = list_append(if_not_exists(numbers, :none), :new)",
            ExpressionAttributeValues={":none": {"L": []}, ":new": {"L": [image["n"]]}},
        )
"""


def clients(endpoint: str) -> tuple[Any, Any]:
    """boto3's clients of tables and functions."""
    session = boto3.Session("any", "any", region_name="us-east-1")
    return session.client("dynamodb", endpoint_url=endpoint), session.client(
        "lambda", endpoint_url=endpoint
    )


def prepare(endpoint: str, folder: Path) -> None:
    tables, functions = clients(endpoint)
    for name, stream in (
        ("counters", {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
        ("seen", {"StreamEnabled": False}),
    ):
        tables.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification=stream,
        )
        wait_until(tables, "DescribeTable", "Table.TableStatus == 'ACTIVE'", TableName=name)
    (folder / "app.py").write_text(FUNCTION)
    deploy(functions, "follower", folder, {"Handler": "app.handler"})
    functions.create_event_source_mapping(
        EventSourceArn=tables.describe_table(TableName="counters")["Table"]["LatestStreamArn"],
        FunctionName="follower",
        StartingPosition="TRIM_HORIZON",
        BatchSize=BATCH_SIZE,
    )


async def count_up(client: Client, key: str) -> None:
    update = {
        "TableName": "counters",
        "Key": {"pk": {"S": key}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    await client.call("dynamodb", "UpdateItem", update)


async def load_until_killed(server: ServerProcess, kill_after: int) -> None:
    """Write from many connections at once; kill the server in the middle of it."""
    acknowledged = 0

    async def writer(client: Client, lane: int) -> None:
        nonlocal acknowledged
        while True:
            await count_up(client, f"key-{lane}")
            acknowledged += 1
            if acknowledged == kill_after:
                server.process.kill()

    async with connected(server.endpoint, WRITERS) as client:
        results = await asyncio.gather(
            *(writer(client, lane) for lane in range(WRITERS)), return_exceptions=True
        )
    assert {type(result) for result in results} == {ServerGone}


async def drained(endpoint: str) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Once the function has caught up: every key's count, and the numbers that came of it."""
    async with connected(endpoint) as client:
        await client.call("headwater", "Drain", {"TimeoutSeconds": 60})
        counters = (await client.call("dynamodb", "Scan", {"TableName": "counters"}))["Items"]
        seen = (await client.call("dynamodb", "Scan", {"TableName": "seen"}))["Items"]
    return (
        {item["pk"]["S"]: int(item["n"]["N"]) for item in counters},
        {item["pk"]["S"]: [int(each["N"]) for each in item["numbers"]["L"]] for item in seen},
    )


def check(counts: Mapping[str, int], seen: Mapping[str, list[int]]) -> None:
    """Nothing is missing, nothing overtakes, and no more came again than a batch of each shard."""
    assert {key: list(dict.fromkeys(numbers)) for key, numbers in seen.items()} == {
        key: list(range(1, count + 1)) for key, count in counts.items()
    }
    again = sum(map(len, seen.values())) - sum(counts.values())
    assert again <= len(KILL_AFTER) * PARTITIONS * BATCH_SIZE


def test_function_continues_after_kills_and_misses_nothing(tmp_path: Path) -> None:
    code, data = tmp_path / "code", tmp_path / "data"
    code.mkdir()
    options = ("--data", data, "--initial-partitions", str(PARTITIONS), "--lab")
    with ServerProcess.serve(*options) as server:
        prepare(server.endpoint, code)

    for kill_after in KILL_AFTER:
        with ServerProcess.serve(*options) as server:
            asyncio.run(load_until_killed(server, kill_after))
    with ServerProcess.serve(*options) as server:
        counts, seen = asyncio.run(drained(server.endpoint))

    assert sum(counts.values()) >= sum(KILL_AFTER)
    check(counts, seen)


def test_stop_under_load_delivers_nothing_again(tmp_path: Path) -> None:
    """SIGTERM lets the function finish and stores how far it came."""
    code, data = tmp_path / "code", tmp_path / "data"
    code.mkdir()
    options = ("--data", data, "--initial-partitions", str(PARTITIONS), "--lab")

    async def load(endpoint: str) -> None:
        async with connected(endpoint, WRITERS) as client:
            for _ in range(ROUNDS):
                await asyncio.gather(*(count_up(client, f"key-{n}") for n in range(WRITERS)))

    with ServerProcess.serve(*options) as server:
        prepare(server.endpoint, code)
        asyncio.run(load(server.endpoint))
        assert server.stop() == 0
    with ServerProcess.serve(*options) as server:
        counts, seen = asyncio.run(drained(server.endpoint))

    assert counts == {f"key-{n}": ROUNDS for n in range(WRITERS)}
    assert seen == {key: list(range(1, ROUNDS + 1)) for key in counts}
