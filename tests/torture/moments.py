"""Copies of a table at one moment, made while transactions go on: none may show half of one.

The sum over all accounts is the same at every moment, so it is in every copy.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from headwater.cli.client import Client
from tests.torture.world import ACCOUNTS, BALANCE, World, ask, items_of, settled

Finish = Callable[[Client], Awaitable[None]]


def check_sum(items: Iterable[Mapping[str, Any]]) -> None:
    balances = [int(item["balance"]["N"]) for item in items]
    assert len(balances) == ACCOUNTS, f"a copy has {len(balances)} accounts"
    assert sum(balances) == ACCOUNTS * BALANCE, f"a copy shows half a transaction: {balances}"


async def ended(client: Client, kind: str, arn: str) -> Mapping[str, Any]:
    """The description of an Export or an Import that is no longer in progress."""
    member = {"Export": "ExportDescription", "Import": "ImportTableDescription"}[kind]
    while True:
        described: Mapping[str, Any] = (
            await ask(client, f"Describe{kind}", **{f"{kind}Arn": arn})
        )[member]
        if described[f"{kind}Status"] != "IN_PROGRESS":
            return described


async def back_up(client: Client, world: World) -> Finish:
    """Make a backup; after the kill, restore a table from it."""
    answer = await ask(client, "CreateBackup", TableName="bank", BackupName=world.name("backup"))
    arn = answer["BackupDetails"]["BackupArn"]

    async def finish(client: Client) -> None:
        while True:
            described = (await ask(client, "DescribeBackup", BackupArn=arn))["BackupDescription"]
            if described["BackupDetails"]["BackupStatus"] == "AVAILABLE":
                break
        name = world.name("restored")
        await ask(client, "RestoreTableFromBackup", BackupArn=arn, TargetTableName=name)
        await _check_restored(client, world, name)
        await ask(client, "DeleteBackup", BackupArn=arn)

    return finish


async def restore_to_moment(client: Client, world: World) -> Finish:
    """Restore a table as it is now."""
    name = world.name("restored")
    await ask(
        client,
        "RestoreTableToPointInTime",
        SourceTableName="bank",
        TargetTableName=name,
        UseLatestRestorableTime=True,
    )

    async def finish(client: Client) -> None:
        await _check_restored(client, world, name)

    return finish


async def _check_restored(client: Client, world: World, name: str) -> None:
    await settled(client, name)
    check_sum([item async for item in items_of(client, name)])
    world.spare.append(name)


async def export(client: Client, world: World) -> Finish:
    """Export a table as it is now."""
    arn = (await settled(client, "bank"))["TableArn"]
    bucket = world.name("exports")
    answer = await ask(client, "ExportTableToPointInTime", TableArn=arn, S3Bucket=bucket)
    export_arn = answer["ExportDescription"]["ExportArn"]

    async def finish(client: Client) -> None:
        described = await ended(client, "Export", export_arn)
        assert described["ExportStatus"] == "COMPLETED", described
        folder = world.data / "objects" / bucket
        summary = json.loads((folder / described["ExportManifest"]).read_text())
        manifest = (folder / summary["manifestFilesS3Key"]).read_text()
        names = [json.loads(line)["dataFileS3Key"] for line in manifest.splitlines()]
        lines = [
            line
            for name in names
            for line in gzip.decompress((folder / name).read_bytes()).splitlines()
        ]
        check_sum(json.loads(line)["Item"] for line in lines)

    return finish
