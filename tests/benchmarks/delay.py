"""From a write to the start of the function it triggers: one at a time, and a thousand a second.

Each item carries the moment before it was sent; the function notes how long ago that was when it
starts. Both are of this machine's clock. Writes keep a pace below what the server can do: what
is measured is the delay, not a queue.
"""

from __future__ import annotations

import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import Server
from tests.benchmarks.signing import Signer
from tests.benchmarks.wire import Wire, send_all, wires
from tests.benchmarks.workload import DYNAMODB

WRITES = 200
WARM_UP = 20
PACE_SECONDS = 0.02
BUSY_WRITES = 4000
BUSY_PER_SECOND = 1000
BUSY_CONNECTIONS = 16
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


def measure_delays(server: Server, folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds from sending a PutItem to the function's first line, for each of the writes.

    First those one at a time, then those at a thousand a second.
    """
    results = folder / "delays"
    results.touch()
    dynamodb = server.client("dynamodb")
    mapping = _deploy(server, _streamed_table(dynamodb), results)
    try:
        _await_first_start(server, results)
        with wires(server, 1) as (wire,):
            for number in range(WARM_UP + WRITES):
                wire.ask(_write(server.signer(), f"calm-{number:06}"))
                time.sleep(PACE_SECONDS)
        calm = _await_delays(results, "calm", WARM_UP + WRITES)
        _write_busily(server)
        busy = _await_delays(results, "busy", BUSY_WRITES)
        return calm[WARM_UP:], busy[BUSY_PER_SECOND:]
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


def _await_first_start(server: Server, results: Path) -> None:
    """Return when the function has started once: the mapping is then at work."""
    send_all(server, [_write(server.signer(), "first")])
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not results.read_text():
        if time.monotonic() > end:
            raise NeverStarted("the function did not start for the first write")
        time.sleep(PACE_SECONDS)


def _write_busily(server: Server) -> None:
    """Write at a steady pace, whatever each write takes, over several connections in turn."""
    signer, began = server.signer(), time.monotonic()

    def write(first: int, wire: Wire) -> None:
        for number in range(first, BUSY_WRITES, BUSY_CONNECTIONS):
            time.sleep(max(0.0, began + number / BUSY_PER_SECOND - time.monotonic()))
            wire.ask(_write(signer, f"busy-{number:06}"))

    with wires(server, BUSY_CONNECTIONS) as opened, ThreadPoolExecutor(len(opened)) as threads:
        list(threads.map(write, range(BUSY_CONNECTIONS), opened))


def _await_delays(results: Path, kind: str, count: int) -> list[float]:
    """The delays of all writes of a kind, in the order of their writing."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        lines = [line.split() for line in results.read_text().splitlines()]
        delays = {key: int(delay) / 1e6 for key, delay in lines if key.startswith(kind)}
        if len(delays) == count:
            return [delays[key] for key in sorted(delays)]
        if time.monotonic() > end:
            raise NeverStarted(f"the function saw {len(delays)} of {count} writes")
        time.sleep(PACE_SECONDS)


def _write(signer: Signer, key: str) -> bytes:
    """A PutItem that is to be sent at once: boto3 would take as long as what is measured."""
    item = {"pk": {"S": key}, "sent": {"N": str(time.time_ns())}}
    return signer.request(f"{DYNAMODB}.PutItem", {"TableName": TABLE, "Item": item})
