from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    IdempotentParameterMismatchException,
    ResourceNotFoundException,
    TransactionCanceledException,
    ValidationException,
)
from headwater.storage import keyspace
from headwater.tables.schema import Table
from tests.item_store import ItemStore, new_index, new_table

INVALID = "One or more parameter values were invalid: "


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> Table:
    return store.add_table(new_table(indexes=[new_index("ByGenre", "genre")]))


def song(name: str, **more: str) -> dict[str, Any]:
    attributes = {"artist": "Nina", "song": name, **more}
    return {name: {"S": value} for name, value in attributes.items()}


def put(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "Music", "Item": item, **more}}


def check(name: str, condition: str, **more: Any) -> dict[str, Any]:
    return {"ConditionCheck": by_key(name, ConditionExpression=condition, **more)}


def play(name: str) -> dict[str, Any]:
    return {
        "Update": by_key(
            name,
            UpdateExpression="ADD plays :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    }


def by_key(name: str, **more: Any) -> dict[str, Any]:
    return {"TableName": "Music", "Key": song(name), **more}


def transact(store: ItemStore, *actions: Any, **more: Any) -> Any:
    return store.call("TransactWriteItems", TransactItems=list(actions), **more)


def cancellation(store: ItemStore, *actions: Any, **more: Any) -> TransactionCanceledException:
    with pytest.raises(TransactionCanceledException) as raised:
        transact(store, *actions, **more)
    return raised.value


def reasons(error: TransactionCanceledException) -> list[dict[str, Any]]:
    told = error.members["CancellationReasons"]
    assert isinstance(told, list)
    return told


def refusal(store: ItemStore, *actions: Any) -> str | None:
    with pytest.raises(ValidationException) as raised:
        transact(store, *actions)
    return raised.value.message


def stored(store: ItemStore) -> list[Any]:
    items: list[Any] = store.call("Scan", TableName="Music")["Items"]
    return items


def test_a_transaction_does_all_its_actions(store: ItemStore) -> None:
    for name in ("b", "c"):
        store.call("PutItem", TableName="Music", Item=song(name))

    answer = transact(
        store,
        put(song("a")),
        play("b"),
        {"Delete": by_key("c")},
        check("d", "attribute_not_exists(artist)"),
    )

    assert answer == {}
    assert stored(store) == [song("a"), {**song("b"), "plays": {"N": "1"}}]


def test_a_failed_condition_cancels_everything(store: ItemStore) -> None:
    error = cancellation(
        store,
        put(song("a")),
        check("b", "attribute_exists(artist)"),
        {"Delete": by_key("c", ConditionExpression="attribute_exists(artist)")},
    )

    assert stored(store) == []
    assert error.message == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, ConditionalCheckFailed]"
    )
    failed = {
        "Code": "ConditionalCheckFailed",
        "Message": "The conditional request failed",
    }
    assert error.members == {"CancellationReasons": [{"Code": "None"}, failed, failed]}


def test_a_reason_shows_the_item_when_its_action_asks(store: ItemStore) -> None:
    for name in ("a", "b"):
        store.call("PutItem", TableName="Music", Item=song(name))
    unmet = "attribute_not_exists(artist)"

    error = cancellation(
        store,
        put(song("a"), ConditionExpression=unmet, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        put(song("b"), ConditionExpression=unmet),
    )

    first, second = reasons(error)
    assert first["Item"] == song("a")
    assert "Item" not in second


def test_only_the_first_invalid_action_is_told(store: ItemStore) -> None:
    for name in ("a", "b"):
        store.call("PutItem", TableName="Music", Item=song(name, plays="many"))

    error = cancellation(store, play("a"), play("b"), put(song("c")))

    first, second, third = reasons(error)
    assert first == {
        "Code": "ValidationError",
        "Message": "An operand in the update expression has an incorrect data type",
    }
    assert second == third == {"Code": "None"}


def test_an_index_key_made_invalid_by_an_update_cancels(store: ItemStore) -> None:
    error = cancellation(
        store,
        {
            "Update": by_key(
                "a",
                UpdateExpression="SET genre = :g",
                ExpressionAttributeValues={":g": {"N": "1"}},
            )
        },
    )

    (reason,) = reasons(error)
    assert reason["Message"] == (
        f"{INVALID}Type mismatch for Index Key genre Expected: S Actual: N IndexName: ByGenre"
    )


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (
            [put(song("a")), {"Delete": by_key("a")}],
            "Transaction request cannot include multiple operations on one item",
        ),
        (
            [{**put(song("a")), "Delete": by_key("b")}],
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ),
        ([{}], "TransactItems can only contain one of Check, Put, Update or Delete"),
    ],
)
def test_a_faulty_action_refuses_the_whole_request(
    store: ItemStore, actions: list[Any], message: str
) -> None:
    assert refusal(store, *actions) == message
    assert stored(store) == []


def test_a_request_of_more_than_four_megabytes_is_refused(store: ItemStore) -> None:
    actions = [put(song(f"{number}", text="x" * 400_000)) for number in range(11)]

    assert refusal(store, *actions) == (
        "Transaction size has exceeded the maximum allowed size of 4194304 bytes"
    )


def test_a_table_that_is_not_there_refuses_the_request(store: ItemStore) -> None:
    with pytest.raises(ResourceNotFoundException):
        transact(store, put(song("a")), {"Delete": {"TableName": "Nowhere", "Key": song("a")}})

    assert stored(store) == []


def test_a_token_makes_a_transaction_happen_once(store: ItemStore) -> None:
    first = transact(store, play("a"), ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")
    second = transact(store, play("a"), ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")

    assert stored(store) == [{**song("a"), "plays": {"N": "1"}}]
    assert first["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}
    ]
    assert second["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    ]


def test_a_token_is_for_one_request(store: ItemStore) -> None:
    transact(store, play("a"), ClientRequestToken="once")

    with pytest.raises(IdempotentParameterMismatchException):
        transact(store, play("b"), ClientRequestToken="once")


def test_a_cancelled_transaction_leaves_its_token_free(store: ItemStore) -> None:
    unmet = check("b", "attribute_exists(artist)")
    cancellation(store, play("a"), unmet, ClientRequestToken="once")
    store.call("PutItem", TableName="Music", Item=song("b"))

    transact(store, play("a"), unmet, ClientRequestToken="once")

    assert stored(store)[0] == {**song("a"), "plays": {"N": "1"}}


def test_a_token_is_forgotten_after_ten_minutes(store: ItemStore) -> None:
    transact(store, play("a"), ClientRequestToken="once")

    store.clock.advance(599)
    transact(store, play("a"), ClientRequestToken="once")
    store.clock.advance(1)
    transact(store, play("a"), ClientRequestToken="once")

    assert stored(store) == [{**song("a"), "plays": {"N": "2"}}]


def test_a_transaction_planned_before_the_stream_was_on_is_logged(
    store: ItemStore, music: Table
) -> None:
    store.call("PutItem", TableName="Music", Item=song("z"))
    table = store.switch_stream(music, "label")

    transact(store, put(song("a")), play("z"))

    logged = 0
    for partition in table.partitions:
        assert partition.shard_id is not None
        prefix = keyspace.log_prefix(table.table_id, partition.shard_id)
        logged += len(store.entries((prefix, prefix + b"\xff" * 9)))
    assert logged == 2


def test_a_transaction_counts_twice_with_its_index_entries(store: ItemStore) -> None:
    answer = transact(
        store,
        put(song("a", genre="jazz")),
        check("b", "attribute_not_exists(artist)"),
        ReturnConsumedCapacity="INDEXES",
    )

    units = {"CapacityUnits": 4.0, "WriteCapacityUnits": 4.0}
    two = {"CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}
    assert answer["ConsumedCapacity"] == [
        {
            "TableName": "Music",
            "CapacityUnits": 6.0,
            "WriteCapacityUnits": 6.0,
            "Table": units,
            "GlobalSecondaryIndexes": {"ByGenre": two},
        }
    ]


def test_a_transaction_reads_in_the_order_asked(store: ItemStore) -> None:
    for name in ("a", "b"):
        store.call("PutItem", TableName="Music", Item=song(name, genre="jazz"))

    answer = store.call(
        "TransactGetItems",
        TransactItems=[
            {"Get": by_key("b")},
            {"Get": by_key("nothing")},
            {"Get": by_key("a", ProjectionExpression="genre")},
        ],
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer == {
        "Responses": [
            {"Item": song("b", genre="jazz")},
            {},
            {"Item": {"genre": {"S": "jazz"}}},
        ],
        "ConsumedCapacity": [
            {"TableName": "Music", "CapacityUnits": 6.0, "ReadCapacityUnits": 6.0}
        ],
    }


def test_a_transaction_reads_an_item_once(store: ItemStore) -> None:
    gets = [{"Get": by_key("a")}, {"Get": by_key("a")}]

    with pytest.raises(ValidationException) as raised:
        store.call("TransactGetItems", TransactItems=gets)

    assert raised.value.message == (
        "Transaction request cannot include multiple operations on one item"
    )
