"""Provisioned capacity enforced, on a server of its own that was asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.conformance.definition import keys
from tests.conformance.expectation import refused
from tests.conftest import LOOKS_MAX
from tests.server_process import ServerProcess

pytestmark = pytest.mark.local_only
EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
LIMIT_EXCEEDED = "Throughput exceeds the maximum OnDemandThroughput configured on table or index."
LARGE = {"S": "x" * 300_000}


@pytest.fixture(scope="module")
def throttled() -> Iterator[Any]:
    """A client of a server that enforces what is provisioned; it does not try again."""
    with ServerProcess.serve("--memory", "--enforce-throughput") as server:
        client = boto3.client(
            "dynamodb",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield client
        client.close()


@pytest.fixture
def table(throttled, unique_name) -> str:
    name = unique_name("table")
    throttled.create_table(
        TableName=name,
        **keys(("pk", "S")),
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    throttled.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
    )
    return str(name)


def test_a_put_beyond_the_capacity_is_refused(throttled, table):
    with refused("ProvisionedThroughputExceededException", EXCEEDED):
        throttled.put_item(TableName=table, Item={"pk": {"S": "a"}, "f": LARGE})


def test_a_batch_returns_what_was_throttled(throttled, table):
    small = {"PutRequest": {"Item": {"pk": {"S": "small"}}}}
    large = {"PutRequest": {"Item": {"pk": {"S": "large"}, "f": LARGE}}}

    answer = throttled.batch_write_item(RequestItems={table: [small, large]})

    assert answer["UnprocessedItems"] == {table: [large]}


def test_a_transaction_tells_the_reason(throttled, table):
    put = {"Put": {"TableName": table, "Item": {"pk": {"S": "a"}, "f": LARGE}}}

    with refused("TransactionCanceledException") as refusal:
        throttled.transact_write_items(TransactItems=[put])

    assert refusal.body["CancellationReasons"] == [
        {"Code": "ProvisionedThroughputExceeded", "Message": EXCEEDED}
    ]


@pytest.fixture
def on_demand(throttled, unique_name):
    """Makes a table on demand and returns its name."""

    def make(**members: Any) -> str:
        name = unique_name("table")
        throttled.create_table(
            TableName=name, **keys(("pk", "S")), BillingMode="PAY_PER_REQUEST", **members
        )
        throttled.get_waiter("table_exists").wait(
            TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
        )
        return str(name)

    return make


def test_a_table_on_demand_is_not_limited(throttled, on_demand):
    name = on_demand()

    for number in range(20):
        throttled.put_item(TableName=name, Item={"pk": {"S": str(number)}, "f": LARGE})


def test_a_table_on_demand_is_held_to_its_limit(throttled, on_demand):
    name = on_demand(OnDemandThroughput={"MaxWriteRequestUnits": 1})

    with refused("ThrottlingException", LIMIT_EXCEEDED) as refusal:
        throttled.put_item(TableName=name, Item={"pk": {"S": "a"}, "f": LARGE})

    assert refusal.body["throttlingReasons"] == [
        {
            "reason": "TableWriteMaxOnDemandThroughputExceeded",
            "resource": f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}",
        }
    ]


def test_reads_are_not_held_to_the_limit_of_writes(throttled, on_demand):
    name = on_demand(OnDemandThroughput={"MaxWriteRequestUnits": 1})

    for _ in range(700):  # more than a limit of one unit a second would let pass
        throttled.get_item(TableName=name, Key={"pk": {"S": "a"}})


def test_a_batch_and_a_transaction_are_held_to_the_limit(throttled, on_demand):
    name = on_demand(OnDemandThroughput={"MaxWriteRequestUnits": 1})
    small = {"PutRequest": {"Item": {"pk": {"S": "small"}}}}
    large = {"PutRequest": {"Item": {"pk": {"S": "large"}, "f": LARGE}}}

    answer = throttled.batch_write_item(RequestItems={name: [small, large]})
    with refused("TransactionCanceledException") as refusal:
        throttled.transact_write_items(
            TransactItems=[{"Put": {"TableName": name, **large["PutRequest"]}}]
        )

    assert answer["UnprocessedItems"] == {name: [large]}
    assert refusal.body["CancellationReasons"] == [
        {"Code": "ThrottlingError", "Message": LIMIT_EXCEEDED}
    ]
