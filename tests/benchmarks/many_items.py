"""A table of many small items beside one of few: what put, get, Query, Scan and deleting cost.

Both tables are of one server and measured in turn, so that what differs is their size. An item
takes about a hundred bytes; a hundred share a partition key, as a customer's orders do.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.item import size as item_size
from headwater.values.number import size as number_size
from headwater.values.order import escape, partition_hash
from tests.benchmarks import usage
from tests.benchmarks.filling import Row, fill
from tests.benchmarks.load import Figures, cpu_ratio, run_wrk
from tests.benchmarks.servers import CREDENTIALS, Server, data_folder, start_headwater
from tests.benchmarks.signing import Signer
from tests.benchmarks.wire import send_all, wires
from tests.benchmarks.workload import BATCH_ITEMS, DYNAMODB, Body, Item

FEW = 10_000
ITEMS_OF_CUSTOMER = 100
POOL = 20_000
QUERIES_ALONE = 1_000
SCANNED_MAX = 1_000_000
_BODY = '{"amount":{"N":"%s"},"mark":{"S":"first"},"pk":{"S":"%s"},"sk":{"S":"%s"}}'
OPERATIONS = ("put", "get", "query")


@dataclass(frozen=True)
class Filled:
    """A table of so many items."""

    name: str
    size: int

    def item(self, number: int, mark: str) -> Item:
        return self.key(number) | {"mark": {"S": mark}, "amount": {"N": str(number)}}

    def rows(self, table: Table) -> Iterator[Row]:
        """All items as the table stores them, in the order of their keys.

        Written down without being made as items, which takes ten times as long.
        """
        sorts = [f"order-{order:04}" for order in range(ITEMS_OF_CUSTOMER)]
        ends = [escape(sort.encode()) for sort in sorts]
        size = item_size(self.item(0, "first")) - number_size("0")
        for customer in self._customers():
            name = f"customer-{customer:08}".encode()
            start = table.items_prefix + partition_hash(name) + escape(name)
            first = customer * ITEMS_OF_CUSTOMER
            for number in range(first, min(first + ITEMS_OF_CUSTOMER, self.size)):
                amount, order = str(number), number - first
                body = _BODY % (amount, name.decode(), sorts[order])
                yield start + ends[order], codec.join(body.encode(), size + number_size(amount))

    def _customers(self) -> list[int]:
        """In the order in which a table keeps them."""
        customers = range((self.size - 1) // ITEMS_OF_CUSTOMER + 1)
        return sorted(customers, key=lambda each: partition_hash(b"customer-%08d" % each))

    def key(self, number: int) -> Item:
        customer, order = divmod(number, ITEMS_OF_CUSTOMER)
        return {"pk": {"S": f"customer-{customer:08}"}, "sk": {"S": f"order-{order:04}"}}


def measure_many_items(wrk: Path, size: int, rounds: int, seconds: float) -> dict[str, float]:
    """Figures by name; see `figures.py`."""
    few, many = Filled("bench-few", FEW), Filled("bench-many", size)
    with data_folder() as folder:
        with start_headwater(folder) as started:
            server = Server("headwater", started.endpoint, started.process.pid)
            for table in (few, many):
                _create(server, table)
            figures = _fill_by_requests(server, few)
        print(f"filling {many.name} with {many.size:,} items ...")
        fill(folder / "data", CREDENTIALS.region, many.name, many)
        with start_headwater(folder) as started:
            server = Server("headwater", started.endpoint, started.process.pid)
            figures |= _compare(server, wrk, (few, many), rounds, seconds)
            figures["many_disk_mib"] = usage.disk_read_bytes(server.process) / 2**20
            figures["many_query_alone_ms"] = _query_alone_ms(server, many)
            figures |= _scan(server, many)
            figures |= _delete_beside(server, wrk, (few, many), seconds)
            figures["many_memory_mib"] = usage.peak_bytes(server.process) / 2**20
    return {"many_items": size} | figures


def _create(server: Server, table: Filled) -> None:
    client = server.client("dynamodb")
    client.create_table(
        TableName=table.name,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(
        TableName=table.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    client.close()


def _fill_by_requests(server: Server, table: Filled) -> dict[str, float]:
    cpu = usage.cpu_seconds(server.process)
    send_all(server, _batches(server, table))
    cpu = usage.cpu_seconds(server.process) - cpu
    return {"batched_put_cpu_us": cpu / table.size * 1e6}


def _batches(server: Server, table: Filled) -> Iterator[bytes]:
    signer = server.signer()
    for start in range(0, table.size, BATCH_ITEMS):
        numbers = range(start, min(start + BATCH_ITEMS, table.size))
        puts = [{"PutRequest": {"Item": table.item(number, "first")}} for number in numbers]
        yield signer.request(f"{DYNAMODB}.BatchWriteItem", {"RequestItems": {table.name: puts}})


def _compare(
    server: Server, wrk: Path, tables: Sequence[Filled], rounds: int, seconds: float
) -> dict[str, float]:
    """The same operations on both tables, in turn."""
    taken: dict[str, list[Figures]] = {}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds} ...")
        for operation in OPERATIONS:
            for table in tables:
                requests = list(_pool(server.signer(), table, operation, f"round-{number}"))
                run = run_wrk(wrk, server.endpoint, server.process, requests, seconds)
                taken.setdefault(f"{table.name.removeprefix('bench-')}_{operation}", []).append(run)
                usage.await_idle(server.process)
    figures = {f"{name}_cpu_us": median(run.cpu_us for run in runs) for name, runs in taken.items()}
    for operation in OPERATIONS:
        figures[f"many_{operation}_in_few"] = cpu_ratio(
            taken[f"many_{operation}"], taken[f"few_{operation}"]
        )
    return figures


def _pool(signer: Signer, table: Filled, operation: str, mark: str) -> Iterator[bytes]:
    target, body = BODIES[operation]
    chance = random.Random(f"{table.name} {mark}")  # the same keys in each run
    for _ in range(POOL):
        yield signer.request(f"{DYNAMODB}.{target}", body(table, chance, mark))


def _put(table: Filled, chance: random.Random, mark: str) -> Body:
    changed = f"{mark}-{chance.getrandbits(32):08x}"
    return {"TableName": table.name, "Item": table.item(chance.randrange(table.size), changed)}


def _get(table: Filled, chance: random.Random, _mark: str) -> Body:
    return {"TableName": table.name, "Key": table.key(chance.randrange(table.size))}


def _query(table: Filled, chance: random.Random, _mark: str) -> Body:
    return {
        "TableName": table.name,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": table.key(chance.randrange(table.size))["pk"]},
    }


BODIES: dict[str, tuple[str, Callable[[Filled, random.Random, str], Body]]] = {
    "put": ("PutItem", _put),
    "get": ("GetItem", _get),
    "query": ("Query", _query),
}


def _query_alone_ms(server: Server, table: Filled) -> float:
    """The median of Queries one after the other: what one takes, not how long many queue."""
    waits = []
    with wires(server, 1) as (wire,):
        for request in islice(_pool(server.signer(), table, "query", "alone"), QUERIES_ALONE):
            began = time.perf_counter()
            wire.ask(request)
            waits.append((time.perf_counter() - began) * 1000)
    return median(waits)


def _scan(server: Server, table: Filled) -> dict[str, float]:
    print("scanning ...")
    signer = server.signer()
    body: dict[str, Any] = {"TableName": table.name}
    count = 0
    cpu, began = usage.cpu_seconds(server.process), time.perf_counter()
    with wires(server, 1) as (wire,):
        while count < SCANNED_MAX:
            page = wire.ask(signer.request(f"{DYNAMODB}.Scan", body))
            tail = json.loads(b"{" + page[page.rindex(b'"Count"') :])
            count += tail["Count"]
            if "LastEvaluatedKey" not in tail:
                break
            body["ExclusiveStartKey"] = tail["LastEvaluatedKey"]
    cpu, took = usage.cpu_seconds(server.process) - cpu, time.perf_counter() - began
    return {"scan_items_per_cpu_second": count / cpu, "scan_items_per_second": count / took}


def _delete_beside(
    server: Server, wrk: Path, tables: Sequence[Filled], seconds: float
) -> dict[str, float]:
    """Puts to the table of few items, before and while the table of many is deleted."""
    few, many = tables
    runs = []
    client = server.client("dynamodb")
    for mark in ("before", "beside"):
        print(f"puts {mark} the deletion ...")
        if mark == "beside":
            client.delete_table(TableName=many.name)
        requests = list(_pool(server.signer(), few, "put", mark))
        runs.append(run_wrk(wrk, server.endpoint, server.process, requests, seconds))
    client.close()
    before, beside = runs
    return {
        "before_delete_put_p99_ms": before.p99_ms,
        "beside_delete_put_p99_ms": beside.p99_ms,
    }
