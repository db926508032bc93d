"""From a write to the start of the function it triggers, one write at a time.

Each item carries the moment before it was sent; the function notes how long ago that was when it
starts. Both are of this machine's clock. Writes keep a pace well below what the server can do: what
is measured is the delay, not a queue.
"""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import Server

WRITES = 200
WARM_UP = 20
PACE_SECONDS = 0.02
WAIT_SECONDS_MAX = 60.0
TABLE = "bench-delay"
FUNCTION = "bench-delay"

CODE = """\
import os, time

def handler(event, context):
    now = time.time_ns()
    with open(os.environ["DELAYS"], "a") as file:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            file.write(f"{image['pk']['S']} {now - int(image['sent']['N'])}\\n")
"""


class NeverStarted(Exception):
    """The function was not started for the writes; the text says how many came through."""


def measure_delays(server: Server, folder: Path) -> list[float]:
    """Milliseconds from sending a PutItem to the function's first line, for each of the writes."""
    results = folder / "delays"
    results.touch()
    dynamodb = server.client("dynamodb")
    mapping = _deploy(server, _streamed_table(dynamodb), results)
    try:
        _await_first_start(dynamodb, results)
        for number in range(WARM_UP + WRITES):
            _write(dynamodb, f"write-{number:06}")
            time.sleep(PACE_SECONDS)
        return _await_delays(results)[WARM_UP:]
    finally:
        aws_lambda = server.client("lambda")
        aws_lambda.delete_event_source_mapping(UUID=mapping)
        aws_lambda.delete_function(FunctionName=FUNCTION)
        aws_lambda.close()
        dynamodb.close()


def _streamed_table(dynamodb: Any) -> str:
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    dynamodb.get_waiter("table_exists").wait(
        TableName=TABLE, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    return str(dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"])


def _deploy(server: Server, stream: str, results: Path) -> str:
    """Deploy the function, map the stream to it, and return the mapping's identity."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", CODE)
    aws_lambda = server.client("lambda")
    aws_lambda.create_function(
        FunctionName=FUNCTION,
        Runtime="python3.11",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/benchmark",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"DELAYS": str(results)}},
    )
    aws_lambda.get_waiter("function_active_v2").wait(
        FunctionName=FUNCTION, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    mapping = aws_lambda.create_event_source_mapping(
        EventSourceArn=stream, FunctionName=FUNCTION, StartingPosition="TRIM_HORIZON"
    )
    aws_lambda.close()
    return str(mapping["UUID"])


def _await_first_start(dynamodb: Any, results: Path) -> None:
    """Write until the function has started once: the mapping is then at work."""
    _write(dynamodb, "first")
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not results.read_text():
        if time.monotonic() > end:
            raise NeverStarted("the function did not start for the first write")
        time.sleep(PACE_SECONDS)


def _await_delays(results: Path) -> list[float]:
    """The delays of all paced writes, in the order of their writing."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        lines = [line.split() for line in results.read_text().splitlines()]
        delays = {key: int(delay) / 1e6 for key, delay in lines if key.startswith("write-")}
        if len(delays) == WARM_UP + WRITES:
            return [delays[key] for key in sorted(delays)]
        if time.monotonic() > end:
            raise NeverStarted(f"the function saw {len(delays)} of {WARM_UP + WRITES} writes")
        time.sleep(PACE_SECONDS)


def _write(dynamodb: Any, key: str) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}, "sent": {"N": str(time.time_ns())}})
