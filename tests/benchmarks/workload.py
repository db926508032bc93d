"""The tables, and for each operation the pool of requests that measures it.

Items are of 300 bytes as DynamoDB counts them. A pool of puts goes round: its second half writes
every key of the first half anew with other content, so that each put changes something and each has
its stream record.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.benchmarks.servers import Server

ITEM_BYTES = 300
KEYS = 5_000
PARTITIONS = 500
ITEMS_OF_PARTITION = 10
# Enough for a first page of 1,000 in each of the four shards that a table starts with.
RECORDS = 6_000
BATCH_ITEMS = 25

DYNAMODB = "DynamoDB_20120810"
STREAMS = "DynamoDBStreams_20120810"

Body = dict[str, Any]
Item = dict[str, dict[str, str]]

TABLES = {"put": False, "put_stream": True, "items": False, "query": False, "records": True}


class PreparationFailed(Exception):
    """A server refused what a measurement needs; the text is its answer."""


def item(pk: str, mark: str, sk: str | None = None) -> Item:
    """An item of 300 bytes. mark: tells one version of it from another."""
    attributes: Item = {"pk": {"S": pk}, "mark": {"S": mark}, "visits": {"N": "0"}}
    if sk is not None:
        attributes["sk"] = {"S": sk}
    size = sum(len(name) + len(value.get("S", "12")) for name, value in attributes.items())
    return attributes | {"payload": {"S": "x" * (ITEM_BYTES - len("payload") - size)}}


def keys(count: int = KEYS) -> list[str]:
    return [f"customer-{number:06}" for number in range(count)]


def prepare(server: Server, operations: frozenset[str]) -> None:
    """Create the tables that some operations need and fill those which are read or updated."""
    needs = {"update": "items", "get": "items", "get_records": "records"}
    client = server.client("dynamodb")
    for table in sorted({needs.get(operation, operation) for operation in operations}):
        client.create_table(**_table(table))
        client.get_waiter("table_exists").wait(
            TableName=f"bench-{table}", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )
        _fill(server, table)
    client.close()


def _table(name: str) -> Body:
    key = [{"AttributeName": "pk", "KeyType": "HASH"}]
    if name == "query":
        key.append({"AttributeName": "sk", "KeyType": "RANGE"})
    table: Body = {
        "TableName": f"bench-{name}",
        "KeySchema": key,
        "AttributeDefinitions": [
            {"AttributeName": part["AttributeName"], "AttributeType": "S"} for part in key
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if TABLES[name]:
        view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        table["StreamSpecification"] = view
    return table


def _fill(server: Server, table: str) -> None:
    contents = {
        "items": lambda: [item(key, "first") for key in keys()],
        "records": lambda: [item(key, "first") for key in keys(RECORDS)],
        "query": lambda: [
            item(key, "first", f"order-{number:04}")
            for key in keys(PARTITIONS)
            for number in range(ITEMS_OF_PARTITION)
        ],
    }
    items = contents[table]() if table in contents else []
    signer = server.signer()
    connection = http.client.HTTPConnection(server.host, timeout=60)
    for start in range(0, len(items), BATCH_ITEMS):
        puts = [{"PutRequest": {"Item": each}} for each in items[start : start + BATCH_ITEMS]]
        body = {"RequestItems": {f"bench-{table}": puts}}
        _send(connection, signer.request(f"{DYNAMODB}.BatchWriteItem", body))
    connection.close()


def _send(connection: http.client.HTTPConnection, request: bytes) -> None:
    """Send a request that is ready as bytes and insist on a 200."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    connection.request("POST", "/", body, dict(line.split(": ", 1) for line in lines))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise PreparationFailed(f"{answer.status}: {content[:500].decode()}")


def pool(server: Server, operation: str, mark: str) -> list[bytes]:
    """The signed requests of one measurement. mark: makes its puts unlike those of any other."""
    signer = server.signer()
    target, bodies = POOLS[operation]
    return [signer.request(target, body) for body in bodies(server, mark)]


def _puts(table: str) -> Callable[[Server, str], Iterator[Body]]:
    def bodies(_server: Server, mark: str) -> Iterator[Body]:
        for half in ("a", "b"):
            for key in keys():
                yield {"TableName": f"bench-{table}", "Item": item(key, f"{mark}-{half}")}

    return bodies


def _updates(_server: Server, mark: str) -> Iterator[Body]:
    for key in keys():
        yield {
            "TableName": "bench-items",
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "SET visits = visits + :one, mark = :mark",
            "ConditionExpression": "attribute_exists(pk) AND visits >= :zero",
            "ExpressionAttributeValues": {
                ":one": {"N": "1"},
                ":zero": {"N": "0"},
                ":mark": {"S": mark},
            },
        }


def _gets(_server: Server, _mark: str) -> Iterator[Body]:
    for key in keys():
        yield {"TableName": "bench-items", "Key": {"pk": {"S": key}}}


def _queries(_server: Server, _mark: str) -> Iterator[Body]:
    for key in keys(PARTITIONS):
        yield {
            "TableName": "bench-query",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": key}},
        }


def _pages(server: Server, _mark: str) -> Iterator[Body]:
    for iterator in shard_iterators(server):
        yield {"ShardIterator": iterator, "Limit": 1_000}


POOLS: dict[str, tuple[str, Callable[[Server, str], Iterator[Body]]]] = {
    "put": (f"{DYNAMODB}.PutItem", _puts("put")),
    "put_stream": (f"{DYNAMODB}.PutItem", _puts("put_stream")),
    "update": (f"{DYNAMODB}.UpdateItem", _updates),
    "get": (f"{DYNAMODB}.GetItem", _gets),
    "query": (f"{DYNAMODB}.Query", _queries),
    "get_records": (f"{STREAMS}.GetRecords", _pages),
}


def shard_iterators(server: Server) -> Sequence[str]:
    """An iterator at the start of each shard of the stream that is read."""
    client = server.client("dynamodbstreams")
    stream = client.list_streams(TableName="bench-records")["Streams"][0]["StreamArn"]
    shards = client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    iterators = [
        client.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in shards
    ]
    client.close()
    return iterators


def records_of_page(server: Server) -> float:
    """How many records the pages hold that `get_records` reads; 1,000 but for a short shard."""
    client = server.client("dynamodbstreams")
    sizes = [
        len(client.get_records(ShardIterator=iterator, Limit=1_000)["Records"])
        for iterator in shard_iterators(server)
    ]
    client.close()
    return sum(sizes) / len(sizes)
