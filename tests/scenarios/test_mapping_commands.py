"""`headwater mapping list` and `headwater mapping show`, against a server."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import boto3

from headwater.cli.deployment import deploy, packed
from tests.server_process import HEADWATER, ServerProcess

FAILING = "def handler(event, context):\n    raise ValueError('no')\n"
ABSENT = "11111111-1111-1111-1111-111111111111"


def headwater(server: ServerProcess, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(HEADWATER), "mapping", *words, "--endpoint", server.endpoint]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def aws(server: ServerProcess, service: str) -> Any:
    session = boto3.Session("any", "any", region_name="us-east-1")
    return session.client(service, endpoint_url=server.endpoint)


def make_mapping(server: ServerProcess, folder: Path) -> str:
    """Map a table with one change to a function that fails; the mapping's id."""
    folder.joinpath("app.py").write_text(FAILING)
    dynamodb, functions = aws(server, "dynamodb"), aws(server, "lambda")
    made = dynamodb.create_table(
        TableName="music",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    waiter = dynamodb.get_waiter("table_exists")
    waiter.wait(TableName="music", WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})
    deploy(functions, "failing", packed(folder), {"Handler": "app.handler"})
    dynamodb.put_item(TableName="music", Item={"k": {"S": "a"}})
    mapping = functions.create_event_source_mapping(
        EventSourceArn=made["TableDescription"]["LatestStreamArn"],
        FunctionName="failing",
        StartingPosition="TRIM_HORIZON",
    )
    return str(mapping["UUID"])


def test_mappings_are_listed_and_shown(tmp_path: Path) -> None:
    with ServerProcess.serve("--memory") as server:
        before = headwater(server, "list")
        uuid = make_mapping(server, tmp_path)
        listed = headwater(server, "list")
        while "attempts in vain" not in (shown := headwater(server, "show", uuid)).stdout:
            assert shown.returncode == 0
        absent = headwater(server, "show", ABSENT)

    assert before.stdout == "There are no mappings.\n"
    assert uuid in listed.stdout
    assert "function:failing reads arn:aws:dynamodb:us-east-1" in shown.stdout
    assert "last result: PROBLEM: Function call failed" in shown.stdout
    assert "Polled 1, Filtered 0, Invoked" in shown.stdout
    assert "open, 1 behind" in shown.stdout
    assert "The function failed: Unhandled" in shown.stdout
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "The resource you requested does not exist." in absent.stderr
    assert "Traceback" not in absent.stderr
