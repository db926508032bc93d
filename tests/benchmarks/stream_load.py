"""What streams cost: pages of large records, shards that are idle, and trimming beside puts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from headwater.limits import trim_seconds
from tests.benchmarks import mappings, usage
from tests.benchmarks.filling import fill_log
from tests.benchmarks.load import Figures, run_wrk
from tests.benchmarks.servers import CREDENTIALS, Server, data_folder, start_headwater
from tests.benchmarks.wire import send_all, wires
from tests.benchmarks.workload import BATCH_ITEMS, DYNAMODB, STREAMS, Body, pool, prepare

RECORD_BYTES = 1_000
PAGED_RECORDS = 6_000  # a page of 1 MB from each of a table's four shards
TRIM_SECONDS_MAX = 3_600
SHARDS = 1_000
IDLE_SECONDS = 10.0
LAB = "Headwater_20261123"


def measure_stream_load(wrk: Path, seconds: float, trimmed: int) -> dict[str, float]:
    """Figures by name; see `figures.py`. trimmed: how many entries are to be trimmed."""
    with data_folder() as folder:
        with start_headwater(folder) as started:
            server = Server("headwater", started.endpoint, started.process.pid)
            figures = _pages(server, wrk, seconds)
            client = server.client("dynamodb")
            stream = mappings.streamed(client, "bench-trim")
            client.close()
        print(f"logging {trimmed:,} changes ...")
        fill_log(folder / "data", CREDENTIALS.region, "bench-trim", trimmed)
        with start_headwater(folder, "--lab") as started:
            server = Server("headwater", started.endpoint, started.process.pid)
            figures |= _trim_beside(server, wrk, seconds, (stream, trimmed))
    options = ("--initial-partitions", str(SHARDS))
    with data_folder() as folder, start_headwater(folder, *options) as started:
        server = Server("headwater", started.endpoint, started.process.pid)
        return figures | {"idle_shards_core": _idle_core(server)}


def _pages(server: Server, wrk: Path, seconds: float) -> dict[str, float]:
    """Pages of records of 1 KB, from the start of each shard."""
    client = server.client("dynamodb")
    stream = mappings.streamed(client, "bench-pages")
    client.close()
    send_all(server, _batches(server, "bench-pages", PAGED_RECORDS, RECORD_BYTES))
    requests = [
        server.signer().request(f"{STREAMS}.GetRecords", body) for body in _reads(server, stream)
    ]
    with wires(server, 1) as (wire,):
        counts = [len(json.loads(wire.ask(request))["Records"]) for request in requests]
    run = run_wrk(wrk, server.endpoint, server.process, requests, seconds)
    of_page = sum(counts) / len(counts)
    return {
        "page_records": of_page,
        "page_records_per_cpu_second": of_page / run.cpu_us * 1e6,
    }


def _reads(server: Server, stream: str) -> Iterator[Body]:
    client = server.client("dynamodbstreams")
    shards = client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    for shard in shards:
        iterator = client.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        yield {"ShardIterator": iterator["ShardIterator"], "Limit": 1_000}
    client.close()


def _batches(server: Server, table: str, count: int, size: int) -> Iterator[bytes]:
    signer = server.signer()
    for first in range(0, count, BATCH_ITEMS):
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": f"key-{number}"}, "text": {"S": "x" * size}}}}
            for number in range(first, min(first + BATCH_ITEMS, count))
        ]
        yield signer.request(f"{DYNAMODB}.BatchWriteItem", {"RequestItems": {table: puts}})


def _trim_beside(
    server: Server, wrk: Path, seconds: float, log: tuple[str, int]
) -> dict[str, float]:
    """Puts with a stream, before and while the log of another table is trimmed.

    log: its stream, and how many entries it has.
    """
    stream, entries = log
    prepare(server, frozenset({"put_stream"}))

    def puts(mark: str) -> Figures:
        requests = pool(server, "put_stream", mark)
        return run_wrk(wrk, server.endpoint, server.process, requests, seconds)

    before = puts("before")
    with ThreadPoolExecutor(1) as thread:
        trimmed = thread.submit(_trim, server, stream)
        beside = puts("beside")
        took = trimmed.result()
    return {
        "trimmed_entries": entries,
        "trim_entries_per_second": entries / took,
        "before_trim_put_p99_ms": before.p99_ms,
        "beside_trim_put_p99_ms": beside.p99_ms,
        "beside_trim_put_p99_in_before": beside.p99_ms / before.p99_ms,
    }


def _trim(server: Server, stream: str) -> float:
    """Trim all there is in a stream; the seconds until the room has been given back."""
    began = time.perf_counter()
    ask: Callable[[str, dict[str, Any]], bytes] = server.signer().request
    with wires(server, 1) as (wire,):
        wire.ask(ask(f"{LAB}.TrimStream", {"StreamArn": stream}))
        # The next round is due, and the answer comes when it is over.
        wire.ask(
            ask(
                f"{LAB}.AdvanceClock",
                {"Seconds": trim_seconds + 1, "TimeoutSeconds": TRIM_SECONDS_MAX},
            )
        )
    return time.perf_counter() - began


def _idle_core(server: Server) -> float:
    """The part of a core that a mapping over so many shards takes when nothing is written."""
    aws_lambda, dynamodb = server.client("lambda"), server.client("dynamodb")
    stream = mappings.streamed(dynamodb, "bench-shards")
    mappings.deploy(aws_lambda, 0)
    aws_lambda.create_event_source_mapping(
        EventSourceArn=stream, FunctionName=mappings.name_of(0), StartingPosition="LATEST"
    )
    time.sleep(IDLE_SECONDS / 2)
    usage.await_idle(server.process)
    before = usage.cpu_seconds(server.process)
    time.sleep(IDLE_SECONDS)
    return (usage.cpu_seconds(server.process) - before) / IDLE_SECONDS
