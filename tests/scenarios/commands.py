"""Commands run to their end, and clients of the servers that they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.server_process import HEADWATER

COMMAND_SECONDS_MAX = 300
TABLE: dict[str, Any] = {
    "TableName": "music",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def clients(endpoint: str, service: str = "dynamodb", **more: Any) -> Any:
    given = {"aws_access_key_id": "any", "aws_secret_access_key": "any"} | more
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
        **given,
    )


def headwater(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [HEADWATER, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "160"} | environment,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
