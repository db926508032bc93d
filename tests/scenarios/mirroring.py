"""The function `mirror`, as every SDK deploys it, and waiting for what it does."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

from botocore.waiter import WaiterModel, create_waiter_with_client

SOURCE = Path(__file__).with_name("mirror") / "app.py"
RUNTIME = f"python3.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/any"

_ITEM_EXISTS = WaiterModel(
    {
        "version": 2,
        "waiters": {
            "ItemExists": {
                "operation": "GetItem",
                "delay": 1,
                "maxAttempts": 400,
                "acceptors": [
                    {
                        "matcher": "path",
                        "argument": "Item != null",
                        "expected": True,
                        "state": "success",
                    }
                ],
            }
        },
    }
)


def zipped() -> bytes:
    """The function's code as CreateFunction takes it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(SOURCE, SOURCE.name)
    return content.getvalue()


def wait_for_item(client: Any, table_name: str, item_key: dict[str, Any]) -> dict[str, Any]:
    """The item once it is there."""
    waiter = create_waiter_with_client("ItemExists", _ITEM_EXISTS, client)
    waiter.wait(TableName=table_name, Key=item_key, WaiterConfig={"Delay": 0.05})
    return dict(client.get_item(TableName=table_name, Key=item_key)["Item"])
