"""Replays a history of changes into the table `files`, quickly and in order per file.

Changes are spread over workers by path, so that many are under way while those of one file follow
each other. An added file is put, a modified one updated, a deleted one deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

from headwater.cli.client import Client
from headwater.cli.demo.history import Change, File, Kind

WORKERS: Final = 32


async def replay(
    client: Client, table: str, history: Sequence[Change], on_written: Callable[[], None]
) -> None:
    """Write every change; `on_written` is called after each. Raises what the client raises."""
    lanes: list[list[Change]] = [[] for _ in range(WORKERS)]
    for change in history:
        lanes[crc32(change.file.path.encode()) % WORKERS].append(change)

    async def write(lane: Sequence[Change]) -> None:
        for change in lane:
            operation, request = request_for(table, change)
            await client.call("dynamodb", operation, request)
            on_written()

    async with asyncio.TaskGroup() as tasks:
        for lane in lanes:
            tasks.create_task(write(lane))


def item(file: File, commit: str, time: int) -> dict[str, Any]:
    """The item that stands for a file as some commit left it."""
    return {
        **key(file),
        "blob": {"S": file.blob},
        "mode": {"S": file.mode},
        "size": {"N": str(file.size)},
        "commit": {"S": commit},
        "time": {"N": str(time)},
    }


def key(file: File) -> dict[str, Any]:
    return {"folder": {"S": file.folder}, "path": {"S": file.path}}


def request_for(table: str, change: Change) -> tuple[str, dict[str, Any]]:
    """The operation and request that make a change."""
    if change.kind is Kind.DELETED:
        return "DeleteItem", {"TableName": table, "Key": key(change.file)}
    written = item(change.file, change.commit, change.time)
    if change.kind is Kind.ADDED:
        return "PutItem", {"TableName": table, "Item": written}
    changed = [name for name in written if name not in ("folder", "path")]
    return "UpdateItem", {
        "TableName": table,
        "Key": key(change.file),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
        "ExpressionAttributeNames": {f"#{name}": name for name in changed},
        "ExpressionAttributeValues": {f":{name}": written[name] for name in changed},
    }
