"""How many records a second a mapping hands to an empty function, and what idle mappings cost.

Records are written first, then mapped in batches of 1,000 from the oldest on: what is measured is
the way from the log to the function, from the mapping's creation until it has passed everything.
"""

from __future__ import annotations

import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.request import urlopen

from tests.benchmarks import usage
from tests.benchmarks.servers import Server

RECORDS: Final = 40_000
BATCH: Final = 1000
IDLE_MAPPINGS: Final = 1000
IDLE_TABLES: Final = 100
IDLE_SECONDS: Final = 20.0
WAIT_SECONDS_MAX: Final = 120.0
PAUSE_SECONDS: Final = 0.05
_PUTS_MAX: Final = 25


@dataclass(frozen=True)
class MappingFigures:
    """per_second: records. cpu_us: of server and workers, a record. idle_core: a fraction."""

    per_second: float
    cpu_us: float
    idle_core: float


class NeverThrough(Exception):
    """The mapping had not passed all records in time."""


def measure_mappings(server: Server) -> MappingFigures:
    lambda_, dynamodb = server.client("lambda"), server.client("dynamodb")
    stream = streamed(dynamodb, "bench-mapping")
    _write(dynamodb)
    deploy(lambda_, 0)
    began, cpu = time.perf_counter(), usage.cpu_seconds(server.process)
    lambda_.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=name_of(0),
        StartingPosition="TRIM_HORIZON",
        BatchSize=BATCH,
    )
    _await(server)
    seconds = time.perf_counter() - began
    spent = usage.cpu_seconds(server.process) - cpu
    return MappingFigures(
        RECORDS / seconds, spent / RECORDS * 1e6, _idle(server, lambda_, dynamodb)
    )


def _idle(server: Server, lambda_: Any, dynamodb: Any) -> float:
    functions = IDLE_MAPPINGS // IDLE_TABLES
    for number in range(1, functions):
        deploy(lambda_, number)
    streams = [streamed(dynamodb, f"bench-idle-{number}") for number in range(IDLE_TABLES)]
    for stream in streams:
        for number in range(functions):
            lambda_.create_event_source_mapping(
                EventSourceArn=stream, FunctionName=name_of(number), StartingPosition="LATEST"
            )
    time.sleep(IDLE_SECONDS / 4)
    before = usage.cpu_seconds(server.process)
    time.sleep(IDLE_SECONDS)
    return (usage.cpu_seconds(server.process) - before) / IDLE_SECONDS


def _await(server: Server) -> None:
    end = time.monotonic() + WAIT_SECONDS_MAX
    while _invoked(server) < RECORDS:
        if time.monotonic() > end:
            raise NeverThrough(f"the function was given {_invoked(server)} of {RECORDS} records")
        time.sleep(PAUSE_SECONDS)


def _invoked(server: Server) -> int:
    with urlopen(f"{server.endpoint}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("headwater_mapping_invoked_total{")]
    return sum(int(float(line.rpartition(" ")[2])) for line in found)


def _write(dynamodb: Any) -> None:
    def put(first: int) -> None:
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": f"key-{number}"}, "text": {"S": "x" * 100}}}}
            for number in range(first, first + _PUTS_MAX)
        ]
        dynamodb.batch_write_item(RequestItems={"bench-mapping": puts})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(0, RECORDS, _PUTS_MAX)))


def streamed(dynamodb: Any, name: str) -> str:
    made = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    dynamodb.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    return str(made["TableDescription"]["LatestStreamArn"])


def name_of(number: int) -> str:
    return f"bench-empty-{number}"


def deploy(lambda_: Any, number: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", "def handler(event, context):\n    return None\n")
    lambda_.create_function(
        FunctionName=name_of(number),
        Runtime="python3.11",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/benchmark",
        Code={"ZipFile": archive.getvalue()},
    )
