"""A server killed with -9 while it makes a backup or restores a table: both are finished later."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from headwater.cli.client import Client, connected
from tests.server_process import ServerProcess

ITEMS = 2000
BATCH = 25
LOOKS_MAX = 20_000
PADDING = {"S": "x" * 2000}


def item(number: int, value: int) -> dict[str, Any]:
    return {"pk": {"S": f"item-{number}"}, "n": {"N": str(value)}, "padding": PADDING}


async def prepare(client: Client) -> None:
    await client.call(
        "dynamodb",
        "CreateTable",
        {
            "TableName": "music",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    await wait_for_table(client, "music")
    batches = [range(start, start + BATCH) for start in range(0, ITEMS, BATCH)]
    for batch in batches:
        puts = [{"PutRequest": {"Item": item(number, 0)}} for number in batch]
        await client.call("dynamodb", "BatchWriteItem", {"RequestItems": {"music": puts}})


async def wait_for_table(client: Client, name: str) -> None:
    for _ in range(LOOKS_MAX):
        table = (await client.call("dynamodb", "DescribeTable", {"TableName": name}))["Table"]
        if table["TableStatus"] == "ACTIVE":
            return
    raise AssertionError(f"{name} is not active")


async def wait_for_backup(client: Client, arn: str) -> int:
    """The items of a backup once it is available."""
    for _ in range(LOOKS_MAX):
        answer = await client.call("dynamodb", "DescribeBackup", {"BackupArn": arn})
        described = answer["BackupDescription"]
        if described["BackupDetails"]["BackupStatus"] == "AVAILABLE":
            return int(described["SourceTableDetails"]["ItemCount"])
    raise AssertionError(f"{arn} is not available")


async def values(client: Client, table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    start: dict[str, Any] = {}
    while True:
        page = await client.call("dynamodb", "Scan", {"TableName": table, **start})
        found |= {each["pk"]["S"]: each["n"]["N"] for each in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


async def begin_and_overwrite(server: ServerProcess) -> str:
    """Begin a backup, write while it is made, and kill the server."""
    async with connected(server.endpoint) as client:
        asked = {"TableName": "music", "BackupName": "nightly"}
        begun = await client.call("dynamodb", "CreateBackup", asked)
        for number in (0, 1, ITEMS):
            put = {"TableName": "music", "Item": item(number, 1)}
            await client.call("dynamodb", "PutItem", put)
        server.process.kill()
    return str(begun["BackupDetails"]["BackupArn"])


async def begin_to_restore(server: ServerProcess, operation: str, asked: dict[str, Any]) -> None:
    """Begin to restore and kill the server while it does."""
    async with connected(server.endpoint) as client:
        await client.call("dynamodb", operation, {"TargetTableName": "copy", **asked})
        server.process.kill()


def test_backup_and_restoration_survive_a_kill(tmp_path: Path) -> None:
    async def finish_backup(endpoint: str) -> int:
        async with connected(endpoint) as client:
            await client.call(
                "dynamodb", "PutItem", {"TableName": "music", "Item": item(ITEMS - 1, 2)}
            )
            return await wait_for_backup(client, arn)

    async def finish_restoration(endpoint: str) -> dict[str, str]:
        async with connected(endpoint) as client:
            await wait_for_table(client, "copy")
            await client.call("dynamodb", "DeleteBackup", {"BackupArn": arn})
            return await values(client, "copy")

    async def prepared(endpoint: str) -> None:
        async with connected(endpoint) as client:
            await prepare(client)

    with ServerProcess.serve("--data", tmp_path) as server:
        asyncio.run(prepared(server.endpoint))
        arn = asyncio.run(begin_and_overwrite(server))
    with ServerProcess.serve("--data", tmp_path) as server:
        count = asyncio.run(finish_backup(server.endpoint))
        asyncio.run(begin_to_restore(server, "RestoreTableFromBackup", {"BackupArn": arn}))
    with ServerProcess.serve("--data", tmp_path) as server:
        restored = asyncio.run(finish_restoration(server.endpoint))

    assert count == ITEMS
    assert restored == {f"item-{number}": "0" for number in range(ITEMS)}


def test_restoration_to_a_moment_survives_a_kill(tmp_path: Path) -> None:
    async def change_after_a_moment(endpoint: str) -> float:
        async with connected(endpoint) as client:
            await prepare(client)
            specification = {"PointInTimeRecoveryEnabled": True}
            asked = {"TableName": "music", "PointInTimeRecoverySpecification": specification}
            answer = await client.call("dynamodb", "UpdateContinuousBackups", asked)
            described = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            for number in range(-10, 100):
                put = {"TableName": "music", "Item": item(number, 1)}
                await client.call("dynamodb", "PutItem", put)
            return float(described["EarliestRestorableDateTime"])

    async def finish(endpoint: str) -> dict[str, str]:
        async with connected(endpoint) as client:
            await wait_for_table(client, "copy")
            return await values(client, "copy")

    with ServerProcess.serve("--data", tmp_path) as server:
        moment = asyncio.run(change_after_a_moment(server.endpoint))
        asked = {"SourceTableName": "music", "RestoreDateTime": moment}
        asyncio.run(begin_to_restore(server, "RestoreTableToPointInTime", asked))
    with ServerProcess.serve("--data", tmp_path) as server:
        restored = asyncio.run(finish(server.endpoint))

    assert restored == {f"item-{number}": "0" for number in range(ITEMS)}
