"""A server with a global table in three regions, killed under load and brought back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import CLIENT, LOOKS_MAX
from tests.server_process import HEADWATER, ServerProcess

REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
WRITES_BEFORE_KILL = 60


def clients(endpoint: str) -> dict[str, Any]:
    session = boto3.Session("any", "any")
    return {
        region: session.client("dynamodb", region_name=region, endpoint_url=endpoint, config=CLIENT)
        for region in REGIONS
    }


def make_global(tables: dict[str, Any], name: str) -> None:
    first = tables[REGIONS[0]]
    first.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    until(lambda: is_active(first, name))
    for region in REGIONS[1:]:
        first.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": region}}])
        until(lambda: is_active(first, name))


def is_active(client: Any, name: str) -> bool:
    table = client.describe_table(TableName=name)["Table"]
    states = [each["ReplicaStatus"] for each in table.get("Replicas", ())]
    return {table["TableStatus"], *states} == {"ACTIVE"}


def until(condition: Callable[[], bool]) -> None:
    for _ in range(LOOKS_MAX):
        if condition():
            return
    raise AssertionError("it does not come about")


def items(client: Any, name: str) -> dict[str, dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=name)
    return {item["pk"]["S"]: item for page in pages for item in page["Items"]}


def write(client: Any, name: str, region: str, acknowledged: dict[str, int]) -> None:
    """Write items of this region's own, and one that all write, until the server is gone."""
    for number in range(100_000):
        try:
            for key in (f"{region}-{number % 20}", "shared"):
                item = {"pk": {"S": key}, "n": {"N": str(number)}, "by": {"S": region}}
                client.put_item(TableName=name, Item=item)
                acknowledged[key] = number
        except (BotoCoreError, ClientError):
            return


def test_regions_converge_after_a_kill_and_have_all_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[str, dict[str, int]] = {region: {} for region in REGIONS}
    with ServerProcess.serve("--data", tmp_path) as server:
        tables = clients(server.endpoint)
        make_global(tables, "music")
        writers = [
            threading.Thread(
                target=write, args=(tables[region], "music", region, acknowledged[region])
            )
            for region in REGIONS
        ]
        for writer in writers:
            writer.start()
        while any(own.get("shared", 0) < WRITES_BEFORE_KILL for own in acknowledged.values()):
            items(tables[REGIONS[0]], "music")
        server.kill()
        for writer in writers:
            writer.join()

    with ServerProcess.serve("--data", tmp_path) as server:
        tables = clients(server.endpoint)

        def agree() -> bool:
            found = [items(client, "music") for client in tables.values()]
            return found[0] == found[1] == found[2]

        until(agree)
        found = items(tables[REGIONS[0]], "music")
        for region in REGIONS:
            for key, number in acknowledged[region].items():
                if key != "shared":
                    # The last write may have been stored without being acknowledged.
                    assert int(found[key]["n"]["N"]) >= number, key
        server.stop()

    verified = subprocess.run(
        [HEADWATER, "verify", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
