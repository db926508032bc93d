from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    IdempotentParameterMismatchException,
    ResourceNotFoundException,
    TransactionCanceledException,
    ValidationException,
)
from tests.item_store import ItemStore
from tests.unit.api.music import SONGS, add_music

MIXED = "The statements of a request must be either all reads or all writes"
OF_A = "artist = 'Nina' AND song = 'a'"
OF_B = "artist = 'Nina' AND song = 'b'"
INSERT_X = "INSERT INTO Music VALUE {'artist': 'X', 'song': 'y'}"
DUPLICATE = "INSERT INTO Music VALUE {'artist': 'Nina', 'song': 'a'}"


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def statements(*texts: str | dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Statement": text} if isinstance(text, str) else text for text in texts]


def batch(store: ItemStore, *texts: str | dict[str, Any], **more: Any) -> Any:
    return store.call("BatchExecuteStatement", Statements=statements(*texts), **more)


def transact(store: ItemStore, *texts: str | dict[str, Any], **more: Any) -> Any:
    return store.call("ExecuteTransaction", TransactStatements=statements(*texts), **more)


def refusal(call: Any, store: ItemStore, *texts: str | dict[str, Any]) -> str:
    with pytest.raises(ValidationException) as caught:
        call(store, *texts)
    assert caught.value.message is not None
    return caught.value.message


def reasons(store: ItemStore, *texts: str | dict[str, Any]) -> Any:
    with pytest.raises(TransactionCanceledException) as caught:
        transact(store, *texts)
    return caught.value.members["CancellationReasons"]


def stored(store: ItemStore, artist: str = "Nina", song: str = "a") -> Any:
    key = {"artist": {"S": artist}, "song": {"S": song}}
    return store.call("GetItem", TableName="Music", Key=key).get("Item")


# --- BatchExecuteStatement


def test_batch_of_reads_answers_in_order(store: ItemStore) -> None:
    answer = batch(
        store,
        f"SELECT * FROM Music WHERE {OF_B}",
        "SELECT * FROM Music WHERE artist = 'X' AND song = 'y'",
        {
            "Statement": "SELECT label FROM Music WHERE artist = ? AND song = ? AND year > 1",
            "Parameters": [{"S": "Nina"}, {"S": "a"}],
            "ConsistentRead": True,
        },
        f"SELECT * FROM Music WHERE {OF_A} AND year = 1",
    )

    assert answer == {
        "Responses": [
            {"TableName": "Music", "Item": SONGS[2]},
            {"TableName": "Music"},
            {"TableName": "Music", "Item": {"label": {"S": "Philips"}}},
            {"TableName": "Music"},
        ]
    }


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM Music WHERE artist = 'Nina'",
        "SELECT * FROM Music WHERE artist = 'Nina' AND song IN ['a']",
        f"""SELECT * FROM "Music"."ByYear" WHERE {OF_A}""",
    ],
)
def test_read_of_a_batch_names_one_item(store: ItemStore, text: str) -> None:
    (response,) = batch(store, text)["Responses"]

    assert response["Error"] == {
        "Code": "ValidationError",
        "Message": "Select statements within BatchExecuteStatement must specify the primary key in "
        "the where clause.",
    }


def test_writes_of_a_batch_stand_for_themselves(store: ItemStore) -> None:
    answer = batch(
        store,
        INSERT_X,
        DUPLICATE,
        {
            "Statement": f"UPDATE Music SET x = 1 WHERE {OF_A} AND year = 1",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
        f"DELETE FROM Music WHERE {OF_B} RETURNING ALL OLD *",
        "DELETE FROM Nope WHERE a = 1",
        "SLECT",
    )

    assert answer["Responses"] == [
        {"TableName": "Music"},
        {
            "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
            "TableName": "Music",
        },
        {
            "Error": {
                "Code": "ConditionalCheckFailed",
                "Message": "The conditional request failed",
                "Item": SONGS[0],
            },
            "TableName": "Music",
        },
        {"TableName": "Music", "Item": SONGS[2]},
        {
            "Error": {"Code": "ResourceNotFound", "Message": "Requested resource not found"},
            "TableName": "Nope",
        },
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Statement wasn't well formed, can't be processed: "
                "Expected data manipulation",
            }
        },
    ]
    assert stored(store, "X", "y") is not None
    assert stored(store, song="b") is None


@pytest.mark.parametrize("call", [batch, transact])
def test_reads_and_writes_do_not_mix(store: ItemStore, call: Any) -> None:
    assert refusal(call, store, f"SELECT * FROM Music WHERE {OF_A}", INSERT_X) == MIXED
    assert stored(store, "X", "y") is None


def test_exists_is_not_for_batches(store: ItemStore) -> None:
    (response,) = batch(store, f"EXISTS(SELECT * FROM Music WHERE {OF_A})")["Responses"]

    assert response["Error"]["Message"] == "EXISTS is supported in ExecuteTransaction only"


def test_capacity_of_a_batch(store: ItemStore) -> None:
    read = batch(
        store,
        f"SELECT * FROM Music WHERE {OF_A}",
        {"Statement": f"SELECT * FROM Music WHERE {OF_B}", "ConsistentRead": True},
        ReturnConsumedCapacity="TOTAL",
    )
    written = batch(store, INSERT_X, DUPLICATE, ReturnConsumedCapacity="TOTAL")

    assert read["ConsumedCapacity"] == [{"TableName": "Music", "CapacityUnits": 1.5}]
    assert written["ConsumedCapacity"] == [{"TableName": "Music", "CapacityUnits": 1.0}]


def test_batch_has_25_statements_at_most(store: ItemStore) -> None:
    message = refusal(batch, store, *[f"SELECT * FROM Music WHERE {OF_A}"] * 26)

    assert message.endswith("Member must have length less than or equal to 25")


# --- ExecuteTransaction


def test_transaction_of_reads(store: ItemStore) -> None:
    answer = transact(
        store,
        f"SELECT year FROM Music WHERE {OF_B}",
        "SELECT * FROM Music WHERE artist = 'X' AND song = 'y'",
        ReturnConsumedCapacity="TOTAL",
        ClientRequestToken="t",
    )

    assert answer["Responses"] == [{"Item": {"year": {"N": "1958"}}}, {}]
    assert answer["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    ]


def test_read_of_a_transaction_names_one_item(store: ItemStore) -> None:
    message = refusal(transact, store, "SELECT * FROM Music WHERE artist = 'Nina'")

    assert message == (
        "Select statements within ExecuteTransaction must specify the primary key in the where "
        "clause."
    )


def test_transaction_of_writes(store: ItemStore) -> None:
    answer = transact(
        store,
        "EXISTS(SELECT * FROM Music WHERE artist = 'Nina' AND song = 'ab' AND label IS MISSING)",
        {
            "Statement": "INSERT INTO Music VALUE {'artist': ?, 'song': 'y'}",
            "Parameters": [{"S": "X"}],
        },
        f"UPDATE Music SET x = 1 WHERE {OF_A}",
        f"DELETE FROM Music WHERE {OF_B}",
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer["ConsumedCapacity"][0]["TableName"] == "Music"
    assert "WriteCapacityUnits" in answer["ConsumedCapacity"][0]
    assert stored(store, "X", "y") is not None
    assert stored(store)["x"] == {"N": "1"}
    assert stored(store, song="b") is None


def test_cancelled_transaction_tells_its_reasons(store: ItemStore) -> None:
    told = reasons(
        store,
        DUPLICATE,
        INSERT_X,
        {
            "Statement": f"DELETE FROM Music WHERE {OF_B} AND year = 1",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
        "UPDATE Music SET x = absent WHERE artist = 'Nina' AND song = 'c'",
        "EXISTS(SELECT * FROM Music WHERE artist = 'X' AND song = 'z')",
    )

    assert told == [
        {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": SONGS[2],
        },
        {
            "Code": "ValidationError",
            "Message": "The provided expression refers to an attribute that does not exist in the "
            "item",
        },
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
    ]
    assert stored(store, "X", "y") is None


def test_condition_of_exists_must_hold(store: ItemStore) -> None:
    (told,) = reasons(store, f"EXISTS(SELECT * FROM Music WHERE {OF_A} AND year > 2000)")

    assert told["Code"] == "ConditionalCheckFailed"


def test_transaction_is_made_once_for_its_token(store: ItemStore) -> None:
    update = "UPDATE Music SET plays = plays + 1 WHERE "
    transact(store, f"UPDATE Music SET plays = 0 WHERE {OF_A}")

    transact(store, update + OF_A, ClientRequestToken="t")
    transact(store, update + OF_A, ClientRequestToken="t")
    with pytest.raises(IdempotentParameterMismatchException):
        transact(store, update + OF_B, ClientRequestToken="t")

    assert stored(store)["plays"] == {"N": "1"}


def test_repeated_transaction_costs_a_read(store: ItemStore) -> None:
    transact(store, INSERT_X, ClientRequestToken="t")

    again = transact(store, INSERT_X, ClientRequestToken="t", ReturnConsumedCapacity="TOTAL")

    assert again["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    ]


@pytest.mark.parametrize("text", ["SELECT * FROM Music WHERE ", "DELETE FROM Music WHERE "])
def test_item_is_named_once(store: ItemStore, text: str) -> None:
    message = refusal(transact, store, text + OF_A, text + OF_A)

    assert message == "Transaction request cannot include multiple operations on one item"


def test_transaction_returns_nothing_of_writes(store: ItemStore) -> None:
    assert transact(store, INSERT_X) == {}
    assert refusal(transact, store, f"DELETE FROM Music WHERE {OF_A} RETURNING ALL OLD *") == (
        "RETURNING is not supported in ExecuteTransaction"
    )


def test_malformed_statement_is_a_fault_of_the_transaction(store: ItemStore) -> None:
    assert refusal(transact, store, INSERT_X, "SLECT").startswith("Statement wasn't well formed")
    assert stored(store, "X", "y") is None


def test_unknown_table_is_a_fault_of_the_transaction(store: ItemStore) -> None:
    with pytest.raises(ResourceNotFoundException):
        transact(store, INSERT_X, "DELETE FROM Nope WHERE a = 1")


def test_large_transaction_is_refused(store: ItemStore) -> None:
    large = [
        {
            "Statement": f"UPDATE Music SET x = ? WHERE artist = 'Nina' AND song = '{number}'",
            "Parameters": [{"S": "x" * 399_000}],
        }
        for number in range(11)
    ]

    message = refusal(transact, store, *large)

    assert message == "Transaction size has exceeded the maximum allowed size of 4194304 bytes"
