"""How large an item collection may be, on a server of its own that allows little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.conformance.definition import attributes, index, schema
from tests.conformance.expectation import refused
from tests.conftest import CLIENT
from tests.server_process import ServerProcess

EXCEEDED = "Collection size exceeded."


@pytest.fixture(scope="module")
def narrow() -> Iterator[Any]:
    """A client of a server whose item collections hold 1,000 bytes."""
    with ServerProcess.serve("--memory", "--item-collection-bytes-max", "1000") as server:
        client = boto3.client(
            "dynamodb",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=CLIENT,
        )
        yield client
        client.close()


@pytest.fixture
def table(narrow, unique_name) -> str:
    name = unique_name("table")
    narrow.create_table(
        TableName=name,
        KeySchema=schema("pk", "sk"),
        **attributes(("pk", "S"), ("sk", "S"), ("grade", "S")),
        LocalSecondaryIndexes=[index("by_grade", "pk", "grade")],
        BillingMode="PAY_PER_REQUEST",
    )
    narrow.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    return str(name)


def item(sort, size, **more):
    return {"pk": {"S": "a"}, "sk": {"S": sort}, "f": {"S": "x" * size}, **more}


def test_a_write_beyond_the_limit_is_refused(narrow, table):
    narrow.put_item(TableName=table, Item=item("1", 500))

    with refused("ItemCollectionSizeLimitExceededException", EXCEEDED):
        narrow.put_item(TableName=table, Item=item("2", 500))


def test_entries_of_local_indexes_count(narrow, table):
    with refused("ItemCollectionSizeLimitExceededException", EXCEEDED):
        narrow.put_item(TableName=table, Item=item("1", 500, grade={"S": "g"}))


def test_a_transaction_tells_the_reason(narrow, table):
    with refused("TransactionCanceledException") as refusal:
        narrow.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item("1", 2000)}}]
        )

    assert refusal.body["CancellationReasons"] == [
        {"Code": "ItemCollectionSizeLimitExceeded", "Message": EXCEEDED}
    ]
