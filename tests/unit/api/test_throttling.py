"""Provisioned capacity enforced, on a clock that stands still until told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from headwater.errors import (
    ConditionalCheckFailedException,
    ProvisionedThroughputExceededException,
    TransactionCanceledException,
)
from headwater.limits import KB
from headwater.storage import keyspace
from headwater.tables.override import Override, Reads
from headwater.tables.schema import Table, Throughput
from tests.item_store import ItemStore, new_index, new_table

GENRE = replace(new_index("genre", "genre"), throughput=Throughput(1, 1))
TABLE = replace(new_table(indexes=[GENRE]), throughput=Throughput(2, 4))
ON_DEMAND = new_table("Free", number=2)
WRITE_REASON = {
    "reason": "TableWriteProvisionedThroughputExceeded",
    "resource": "arn:aws:dynamodb:us-east-1:000000000000:table/Music",
}


@pytest.fixture
def store() -> Iterator[ItemStore]:
    with ItemStore(enforces_throughput=True).running() as store:
        store.add_table(replace(TABLE, created_at=store.clock.now()))
        store.add_table(ON_DEMAND)
        yield store


def song(number: int, **attributes: Any) -> dict[str, Any]:
    return {"artist": {"S": "Nina"}, "song": {"S": str(number)}, **attributes}


def put(store: ItemStore, number: int, table: Table = TABLE, **attributes: Any) -> None:
    store.call("PutItem", TableName=table.name, Item=song(number, **attributes))


def drain_writes(store: ItemStore) -> None:
    for number in range(4):
        put(store, number)


def drain_reads(store: ItemStore) -> None:
    for _ in range(4):
        get(store, 0)


def get(store: ItemStore, number: int) -> Any:
    return store.call("GetItem", TableName="Music", Key=song(number))


def test_a_write_beyond_the_capacity_is_refused_with_its_reason(store: ItemStore) -> None:
    drain_writes(store)

    with pytest.raises(ProvisionedThroughputExceededException) as refused:
        put(store, 4)

    assert refused.value.message == (
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API."
    )
    assert refused.value.members == {"ThrottlingReasons": [WRITE_REASON]}


def test_a_refused_write_leaves_neither_item_nor_record(store: ItemStore) -> None:
    table = store.switch_stream(TABLE, "2026-01-01T00:00:00.000")
    drain_writes(store)
    log = [
        keyspace.log_prefix(table.table_id, part.shard_id)
        for part in table.partitions
        if part.shard_id is not None
    ]

    with pytest.raises(ProvisionedThroughputExceededException):
        put(store, 4)

    assert get(store, 4) == {}
    assert sum(len(store.entries((prefix, prefix + b"\xff"))) for prefix in log) == 4


def test_capacity_comes_back_with_time(store: ItemStore) -> None:
    drain_writes(store)

    store.clock.advance(0.25)

    put(store, 4)
    with pytest.raises(ProvisionedThroughputExceededException):
        put(store, 5)


def test_five_minutes_of_unused_capacity_are_kept(store: ItemStore) -> None:
    drain_writes(store)
    store.clock.advance(10_000)

    for number in range(4 * 300):
        put(store, number)

    with pytest.raises(ProvisionedThroughputExceededException):
        put(store, 0)


def test_a_large_item_costs_its_size(store: ItemStore) -> None:
    put(store, 0, text={"S": "x" * (3 * KB)})

    with pytest.raises(ProvisionedThroughputExceededException):
        put(store, 1)


def test_a_failed_condition_costs_what_the_item_does(store: ItemStore) -> None:
    put(store, 0, text={"S": "x" * KB})

    with pytest.raises(ConditionalCheckFailedException):
        store.call(
            "PutItem",
            TableName="Music",
            Item=song(0),
            ConditionExpression="attribute_not_exists(song)",
        )

    with pytest.raises(ProvisionedThroughputExceededException):
        put(store, 1)


def test_tables_on_demand_are_not_limited(store: ItemStore) -> None:
    for number in range(50):
        put(store, number, ON_DEMAND)


def test_an_index_that_is_short_refuses_the_write(store: ItemStore) -> None:
    put(store, 0, genre={"S": "jazz"})

    with pytest.raises(ProvisionedThroughputExceededException) as refused:
        put(store, 1, genre={"S": "jazz"})
    put(store, 2)

    assert refused.value.members["ThrottlingReasons"] == [
        {
            "reason": "IndexWriteProvisionedThroughputExceeded",
            "resource": "arn:aws:dynamodb:us-east-1:000000000000:table/Music/index/genre",
        }
    ]


def test_a_replica_has_the_reads_that_it_overrides(store: ItemStore) -> None:
    """Half as many units: half as many reads, which cost half a unit each."""
    own = {TABLE.region: Override(Reads(provisioned=1))}
    store.change_table(TABLE, (), lambda _, table: table.changed(overrides=own))
    get(store, 0)
    get(store, 0)

    with pytest.raises(ProvisionedThroughputExceededException):
        get(store, 0)


def test_a_read_beyond_the_capacity_is_refused(store: ItemStore) -> None:
    drain_reads(store)

    with pytest.raises(ProvisionedThroughputExceededException):
        get(store, 0)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("Scan", {}),
        (
            "Query",
            {
                "KeyConditionExpression": "artist = :a",
                "ExpressionAttributeValues": {":a": {"S": "Nina"}},
            },
        ),
    ],
)
def test_queries_and_scans_are_refused_when_nothing_is_left(
    store: ItemStore, operation: str, request_: dict[str, Any]
) -> None:
    drain_reads(store)

    with pytest.raises(ProvisionedThroughputExceededException):
        store.call(operation, TableName="Music", **request_)


def test_a_scan_that_read_more_than_there_was_leaves_a_debt(store: ItemStore) -> None:
    store.clock.advance(600)
    for number in range(5):
        put(store, number, text={"S": "x" * (100 * KB)})
    for _ in range(1190):
        get(store, 99)

    store.call("Scan", TableName="Music")

    store.clock.advance(5)
    with pytest.raises(ProvisionedThroughputExceededException):
        store.call("Scan", TableName="Music")


def test_a_scan_of_an_index_takes_from_the_index(store: ItemStore) -> None:
    drain_reads(store)

    store.call("Scan", TableName="Music", IndexName="genre")
    store.call("Scan", TableName="Music", IndexName="genre")

    with pytest.raises(ProvisionedThroughputExceededException):
        store.call("Scan", TableName="Music", IndexName="genre")


def test_a_batch_of_writes_gives_back_what_was_throttled(store: ItemStore) -> None:
    requests = [{"PutRequest": {"Item": song(number)}} for number in range(6)]

    answer = store.call("BatchWriteItem", RequestItems={"Music": requests})

    assert len(answer["UnprocessedItems"]["Music"]) == 2
    with pytest.raises(ProvisionedThroughputExceededException):
        store.call("BatchWriteItem", RequestItems=answer["UnprocessedItems"])


def test_a_batch_of_reads_gives_back_what_was_throttled(store: ItemStore) -> None:
    wanted = {"Keys": [song(number) for number in range(6)], "ConsistentRead": True}

    answer = store.call("BatchGetItem", RequestItems={"Music": wanted})

    unprocessed = answer["UnprocessedKeys"]["Music"]
    assert unprocessed == {"Keys": [song(2), song(3), song(4), song(5)], "ConsistentRead": True}
    with pytest.raises(ProvisionedThroughputExceededException):
        store.call("BatchGetItem", RequestItems=answer["UnprocessedKeys"])


def test_a_transaction_of_writes_is_cancelled_and_takes_nothing(store: ItemStore) -> None:
    actions = [{"Put": {"TableName": "Music", "Item": song(number)}} for number in range(3)]

    with pytest.raises(TransactionCanceledException) as cancelled:
        store.call("TransactWriteItems", TransactItems=actions)

    assert cancelled.value.members["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "None"},
        {
            "Code": "ProvisionedThroughputExceeded",
            "Message": ProvisionedThroughputExceededException.default_message,
        },
    ]
    assert get(store, 0) == {}
    drain_writes(store)


def test_a_transaction_of_reads_is_cancelled_and_takes_nothing(store: ItemStore) -> None:
    gets = [{"Get": {"TableName": "Music", "Key": song(number)}} for number in range(2)]

    with pytest.raises(TransactionCanceledException) as cancelled:
        store.call("TransactGetItems", TransactItems=gets)

    reasons = cancelled.value.members["CancellationReasons"]
    assert isinstance(reasons, list)
    assert [reason["Code"] for reason in reasons] == ["None", "ProvisionedThroughputExceeded"]
    drain_reads(store)


def test_statements_are_throttled_as_the_operations_they_are(store: ItemStore) -> None:
    drain_writes(store)
    drain_reads(store)
    select = "SELECT * FROM Music WHERE artist = 'Nina'"

    for statement in (
        select,
        f"{select} AND song = '1'",
        "INSERT INTO Music VALUE {'artist': 'Nina', 'song': '9'}",
    ):
        with pytest.raises(ProvisionedThroughputExceededException):
            store.call("ExecuteStatement", Statement=statement)


def test_a_batch_of_statements_tells_which_were_throttled(store: ItemStore) -> None:
    drain_reads(store)

    answer = store.call(
        "BatchExecuteStatement",
        Statements=[{"Statement": "SELECT * FROM Music WHERE artist = 'Nina' AND song = '1'"}],
    )

    (response,) = answer["Responses"]
    assert response["Error"] == {
        "Code": "ProvisionedThroughputExceeded",
        "Message": ProvisionedThroughputExceededException.default_message,
    }


def test_a_transaction_of_statements_is_cancelled(store: ItemStore) -> None:
    drain_reads(store)

    with pytest.raises(TransactionCanceledException):
        store.call(
            "ExecuteTransaction",
            TransactStatements=[
                {"Statement": "SELECT * FROM Music WHERE artist = 'Nina' AND song = '1'"}
            ],
        )
