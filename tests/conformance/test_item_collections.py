"""How large an item collection may be, on a server of its own that allows little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.conformance.definition import attributes, index, schema
from tests.conformance.expectation import refused
from tests.conftest import CLIENT, LOOKS_MAX
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
        TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
    )
    return str(name)


def item(sort, size, **more):
    return {"pk": {"S": "a"}, "sk": {"S": sort}, "f": {"S": "x" * size}, **more}


@pytest.mark.local_only
def test_a_write_beyond_the_limit_is_refused(narrow, table):
    narrow.put_item(TableName=table, Item=item("1", 500))

    with refused("ItemCollectionSizeLimitExceededException", EXCEEDED):
        narrow.put_item(TableName=table, Item=item("2", 500))


@pytest.mark.local_only
def test_entries_of_local_indexes_count(narrow, table):
    with refused("ItemCollectionSizeLimitExceededException", EXCEEDED):
        narrow.put_item(TableName=table, Item=item("1", 500, grade={"S": "g"}))


@pytest.mark.local_only
def test_a_transaction_tells_the_reason(narrow, table):
    with refused("TransactionCanceledException") as refusal:
        narrow.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item("1", 2000)}}]
        )

    assert refusal.body["CancellationReasons"] == [
        {"Code": "ItemCollectionSizeLimitExceeded", "Message": EXCEEDED}
    ]


def test_every_write_tells_of_the_collections_it_met(dynamodb, indexed, simple, key):
    whole = {"pk": {"S": key}, "sk": {"S": "a"}}
    asked = {"TableName": indexed, "ReturnItemCollectionMetrics": "SIZE"}
    met = {"ItemCollectionKey": {"pk": {"S": key}}, "SizeEstimateRangeGB": [0.0, 1.0]}

    single = [
        dynamodb.put_item(Item=whole, **asked),
        dynamodb.update_item(Key=whole, UpdateExpression="REMOVE a", **asked),
        dynamodb.delete_item(Key=whole, **asked),
    ]
    second = whole | {"sk": {"S": "b"}}
    other = {"PutRequest": {"Item": {"pk": {"S": key}}}}
    batch = dynamodb.batch_write_item(
        RequestItems={
            indexed: [{"PutRequest": {"Item": whole}}, {"DeleteRequest": {"Key": second}}],
            simple: [other],
        },
        ReturnItemCollectionMetrics="SIZE",
    )
    transaction = dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": indexed, "Item": whole}},
            {"Delete": {"TableName": indexed, "Key": second}},
            {"Put": {"TableName": simple, "Item": {"pk": {"S": key}}}},
        ],
        ReturnItemCollectionMetrics="SIZE",
    )

    assert [answer["ItemCollectionMetrics"] for answer in single] == [met] * 3
    assert batch["ItemCollectionMetrics"] == {indexed: [met]}
    assert transaction["ItemCollectionMetrics"] == {indexed: [met]}


def test_tables_without_local_indexes_have_no_collections(dynamodb, simple, key):
    answer = dynamodb.put_item(
        TableName=simple, Item={"pk": {"S": key}}, ReturnItemCollectionMetrics="SIZE"
    )

    assert "ItemCollectionMetrics" not in answer
