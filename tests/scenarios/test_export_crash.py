"""A server killed with -9 while it exports and imports makes both after its next start."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from headwater.cli.client import Client, connected
from tests.server_process import ServerProcess

ITEMS = 6000
TABLE: Mapping[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
RECOVERY = {"PointInTimeRecoveryEnabled": True}


async def active(client: Client, name: str) -> str:
    """The ARN of a table once it is ACTIVE."""
    while True:
        described = await client.call("dynamodb", "DescribeTable", {"TableName": name})
        if described["Table"]["TableStatus"] == "ACTIVE":
            return str(described["Table"]["TableArn"])


async def ended(client: Client, kind: str, arn: str) -> Mapping[str, Any]:
    """An Export's or an Import's description once it is no longer in progress."""
    member = {"Export": "ExportDescription", "Import": "ImportTableDescription"}[kind]
    while True:
        answer = await client.call("dynamodb", f"Describe{kind}", {f"{kind}Arn": arn})
        description: Mapping[str, Any] = answer[member]
        if description[f"{kind}Status"] != "IN_PROGRESS":
            return description


async def scan(client: Client, name: str) -> dict[str, Any]:
    items: dict[str, Any] = {}
    more: dict[str, Any] = {}
    while True:
        page = await client.call("dynamodb", "Scan", {"TableName": name, **more})
        items |= {item["pk"]["S"]: item for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return items
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def write_source(folder: Path) -> dict[str, Any]:
    """Many lines in several objects; returns the items they hold."""
    folder.mkdir(parents=True)
    items = {f"k{n}": {"pk": {"S": f"k{n}"}, "n": {"N": str(n)}} for n in range(ITEMS)}
    lines = [orjson.dumps({"Item": item}) for item in items.values()]
    for part in range(10):
        (folder / f"part-{part}.json.gz").write_bytes(gzip.compress(b"\n".join(lines[part::10])))
    return items


async def begin_import(server: ServerProcess) -> str:
    """Import the table and kill the server as soon as some of it has been read."""
    async with connected(server.endpoint) as client:
        request = {
            "S3BucketSource": {"S3Bucket": "source"},
            "InputFormat": "DYNAMODB_JSON",
            "InputCompressionType": "GZIP",
            "TableCreationParameters": {"TableName": "items", **TABLE},
        }
        answer = await client.call("dynamodb", "ImportTable", request)
        begun = answer["ImportTableDescription"]
        while not begun["ProcessedItemCount"]:
            asked = {"ImportArn": begun["ImportArn"]}
            answer = await client.call("dynamodb", "DescribeImport", asked)
            begun = answer["ImportTableDescription"]
        server.process.kill()
        return str(begun["ImportArn"])


async def begin_export(server: ServerProcess, imported: str) -> tuple[str, dict[str, Any]]:
    """Let the import end, export its table, kill the server; returns what the export must hold."""
    async with connected(server.endpoint) as client:
        description = await ended(client, "Import", imported)
        assert description["ImportStatus"] == "COMPLETED"
        assert description["ImportedItemCount"] == ITEMS
        arn = await active(client, "items")
        switch = {"TableName": "items", "PointInTimeRecoverySpecification": RECOVERY}
        await client.call("dynamodb", "UpdateContinuousBackups", switch)
        delete = {"TableName": "items", "Key": {"pk": {"S": "k0"}}}
        await client.call("dynamodb", "DeleteItem", delete)
        expected = await scan(client, "items")
        asked = {"TableArn": arn, "S3Bucket": "exports"}
        answer = await client.call("dynamodb", "ExportTableToPointInTime", asked)
        late = {"TableName": "items", "Item": {"pk": {"S": "late"}}}
        await client.call("dynamodb", "PutItem", late)
        server.process.kill()
        return str(answer["ExportDescription"]["ExportArn"]), expected


async def finish(server: ServerProcess, exported: str) -> Mapping[str, Any]:
    async with connected(server.endpoint) as client:
        return await ended(client, "Export", exported)


def exported_items(bucket: Path, description: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifests lead to."""
    summary = json.loads((bucket / description["ExportManifest"]).read_text())
    manifest = (bucket / summary["manifestFilesS3Key"]).read_text()
    keys = [json.loads(line)["dataFileS3Key"] for line in manifest.splitlines()]
    lines = [
        line for key in keys for line in gzip.decompress((bucket / key).read_bytes()).splitlines()
    ]
    items = [json.loads(line)["Item"] for line in lines]
    assert summary["itemCount"] == len(items)
    return {item["pk"]["S"]: item for item in items}


def test_imports_and_exports_survive_kill_9(tmp_path: Path) -> None:
    items = write_source(tmp_path / "objects" / "source")
    with ServerProcess.serve("--data", tmp_path) as server:
        imported = asyncio.run(begin_import(server))
    with ServerProcess.serve("--data", tmp_path) as server:
        exported, expected = asyncio.run(begin_export(server, imported))
    with ServerProcess.serve("--data", tmp_path) as server:
        description = asyncio.run(finish(server, exported))

    assert expected == {key: item for key, item in items.items() if key != "k0"}
    assert description["ExportStatus"] == "COMPLETED"
    assert exported_items(tmp_path / "objects" / "exports", description) == expected
