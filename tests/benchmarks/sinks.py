"""How many changes a second a sink takes to its destination, and how soon a change is there.

Changes are written first, to items that each change twice; then every sink begins with the oldest,
and is alone until it has passed them all. Delays are of one change at a time, from its commit until
the destination has it for good, as the server tells them. Batches are as large as is usual for the
kind, and none waits for its window.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from headwater.testing.wire import Wire
from tests.benchmarks import usage
from tests.benchmarks.mappings import streamed
from tests.benchmarks.servers import CREDENTIALS, Server, data_folder
from tests.mail_server import mail_server
from tests.postgres_server import NoPostgres, postgres_server
from tests.scenarios.java_program import NoProgram
from tests.scenarios.search_node import search_node
from tests.server_process import ServerProcess
from tests.webhook_receiver import receiver

CHANGES: Final = 20_000
ITEMS: Final = CHANGES // 2
DELAYS: Final = 20
WAIT_SECONDS_MAX: Final = 300.0
PAUSE_SECONDS: Final = 0.02
TABLE: Final = "bench-sinks"
_PUTS_MAX: Final = 25
_ITEM_TEXT: Final = "x" * 200

# name in the figures: kind and settings
SINKS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "json": ("lake", {"location": "file:json/bench"}),
    "parquet": ("lake", {"location": "file:parquet/bench", "format": "parquet"}),
    "duckdb": ("warehouse", {}),
    "postgres": ("warehouse", {}),
    "search": ("search", {"index": "bench"}),
    "table": ("table", {"table": "bench-derived"}),
    "webhook": ("webhook", {}),
    "email": ("email", {"security": "none", "sender": "a@b.example", "recipients": "c@d.example"}),
    "sqs": ("sqs", {"queue": f"arn:aws:sqs:{CREDENTIALS.region}:000000000000:{TABLE}"}),
}


class NeverThrough(Exception):
    """A sink had not written all changes in time."""


def measure_sinks() -> dict[str, float]:
    """The figures of every sink whose destination can be had here, by name."""
    figures: dict[str, float] = {}
    with data_folder() as folder:
        options = ("--data", folder / "data", "--durability", "strict")
        with ServerProcess.serve(*options) as started:
            server = Server("headwater", started.endpoint, started.process.pid)
            dynamodb = server.client("dynamodb")
            for name in (TABLE, "bench-derived"):
                streamed(dynamodb, name)
            server.client("sqs").create_queue(QueueName=TABLE)
            _write(dynamodb)
            for name, (kind, settings) in SINKS.items():
                try:
                    with _destination(name) as more:
                        asked = {"Kind": kind, "Settings": {**settings, **more}}
                        figures |= _measure(server, dynamodb, name, asked)
                except (NoPostgres, NoProgram) as error:
                    print(f"{name} is left out: {error}")
    return figures


@contextmanager
def _destination(name: str) -> Iterator[dict[str, Any]]:
    """What has to be there for a sink, and the settings that tell of it."""
    if name == "postgres":
        with postgres_server("fsync=on") as database:
            yield {"database": database.address}
    elif name == "search":
        with data_folder() as folder, search_node(folder) as node:
            yield {"endpoint": node.endpoint}
    elif name == "email":
        with mail_server() as mailbox:
            yield {"host": "127.0.0.1", "port": str(mailbox.port), "hello": "localhost"}
    elif name == "webhook":
        with receiver() as posted:
            yield {"url": posted.url}
    else:
        yield {}


def _measure(server: Server, dynamodb: Any, name: str, asked: dict[str, Any]) -> dict[str, float]:
    wire = Wire(server.endpoint, CREDENTIALS.region)
    began, cpu = time.perf_counter(), usage.cpu_seconds(server.process)
    wire.call(
        "headwater",
        "CreateSink",
        **{"Name": name, "Table": TABLE, "Start": "TRIM_HORIZON", "BatchWindowSeconds": 0, **asked},
    )
    written = _until_written(wire, name, CHANGES)["Counts"]["Written"]
    seconds = time.perf_counter() - began
    spent = usage.cpu_seconds(server.process) - cpu
    delays = []
    for number in range(DELAYS):
        _put(dynamodb, number)
        written += 1
        delays.append(_until_written(wire, name, written)["LagSeconds"] * 1e3)
    wire.call("headwater", "DeleteSink", Name=name)
    wire.close()
    return {
        f"sink_{name}_per_second": CHANGES / seconds,
        f"sink_{name}_cpu_us": spent / CHANGES * 1e6,
        f"sink_{name}_delay_p50_ms": statistics.median(delays),
    }


def _until_written(wire: Wire, name: str, count: int) -> dict[str, Any]:
    """What is told of a sink once it has written so many changes."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while (told := wire.call("headwater", "DescribeSink", Name=name))["Counts"]["Written"] < count:
        if time.monotonic() > end:
            raise NeverThrough(f"{name}: {told}")
        time.sleep(PAUSE_SECONDS)
    return told


def _write(dynamodb: Any) -> None:
    def put(first: int) -> None:
        puts = [{"PutRequest": {"Item": _item(first + number)}} for number in range(_PUTS_MAX)]
        dynamodb.batch_write_item(RequestItems={TABLE: puts})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(0, CHANGES, _PUTS_MAX)))


def _put(dynamodb: Any, number: int) -> None:
    item = _item(number) | {"changed": {"N": str(time.monotonic_ns())}}  # else nothing changes
    dynamodb.put_item(TableName=TABLE, Item=item)


def _item(number: int) -> dict[str, Any]:
    return {
        "pk": {"S": f"key-{number % ITEMS}"},
        "number": {"N": str(number)},
        "text": {"S": _ITEM_TEXT},
        "tags": {"SS": ["some", "tags"]},
    }
