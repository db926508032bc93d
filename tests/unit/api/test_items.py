from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    ConditionalCheckFailedException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.tables.schema import ProjectionType
from tests.item_store import ItemStore, new_index, new_table

SONG = {"artist": {"S": "Nina"}, "song": {"S": "Sinnerman"}, "plays": {"N": "1"}}
KEY = {"artist": {"S": "Nina"}, "song": {"S": "Sinnerman"}}
INVALID = "One or more parameter values were invalid: "


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    store.add_table(new_table())


def refusal(store: ItemStore, operation: str, **request: Any) -> str | None:
    with pytest.raises(ValidationException) as raised:
        store.call(operation, **{"TableName": "Music", **request})
    return raised.value.message


def put(store: ItemStore, item: dict[str, Any] = SONG, **request: Any) -> Any:
    return store.call("PutItem", TableName="Music", Item=item, **request)


def get(store: ItemStore, **request: Any) -> Any:
    return store.call("GetItem", TableName="Music", Key=KEY, **request)


def update(store: ItemStore, expression: str | None = None, **request: Any) -> Any:
    if expression is not None:
        request["UpdateExpression"] = expression
    return store.call("UpdateItem", TableName="Music", Key=KEY, **request)


def test_an_item_put_is_got(store: ItemStore) -> None:
    answer = put(store)

    assert answer == {}
    assert get(store) == {"Item": SONG}


def test_getting_no_item_answers_nothing(store: ItemStore) -> None:
    answer = get(store)

    assert answer == {}


def test_numbers_are_got_in_canonical_form(store: ItemStore) -> None:
    put(store, {**SONG, "plays": {"N": "1.50e1"}})

    assert get(store)["Item"]["plays"] == {"N": "15"}


def test_an_item_is_found_by_another_spelling_of_its_number(store: ItemStore) -> None:
    store.add_table(new_table("Numbers", "n", types={"n": "N"}, number=2))
    store.call("PutItem", TableName="Numbers", Item={"n": {"N": "1e3"}})

    answer = store.call("GetItem", TableName="Numbers", Key={"n": {"N": "1000.0"}})

    assert answer == {"Item": {"n": {"N": "1000"}}}


def test_a_projection_selects_what_is_got(store: ItemStore) -> None:
    put(store, {**SONG, "tags": {"L": [{"S": "a"}, {"S": "b"}]}})

    answer = get(
        store, ProjectionExpression="#t[1], absent", ExpressionAttributeNames={"#t": "tags"}
    )

    assert answer == {"Item": {"tags": {"L": [{"S": "b"}]}}}


def test_a_put_returns_the_old_item_where_there_was_one(store: ItemStore) -> None:
    first = put(store, ReturnValues="ALL_OLD")
    second = put(store, {**SONG, "plays": {"N": "2"}}, ReturnValues="ALL_OLD")

    assert first == {}
    assert second == {"Attributes": SONG}


def test_a_removal_returns_what_it_removed(store: ItemStore) -> None:
    put(store)

    answer = store.call("DeleteItem", TableName="Music", Key=KEY, ReturnValues="ALL_OLD")

    assert answer == {"Attributes": SONG}
    assert get(store) == {}


def test_removing_no_item_succeeds(store: ItemStore) -> None:
    answer = store.call("DeleteItem", TableName="Music", Key=KEY, ReturnValues="ALL_OLD")

    assert answer == {}


@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_puts_and_removals_return_nothing_but_the_old_item(
    store: ItemStore, operation: str
) -> None:
    what: dict[str, Any] = {"Item": SONG} if operation == "PutItem" else {"Key": KEY}

    assert (
        refusal(store, operation, **what, ReturnValues="ALL_NEW")
        == "ReturnValues can only be ALL_OLD or NONE"
    )


def test_an_update_creates_the_item(store: ItemStore) -> None:
    answer = update(store, "ADD plays :n", ExpressionAttributeValues={":n": {"N": "5"}})

    assert answer == {}
    assert get(store) == {"Item": {**KEY, "plays": {"N": "5"}}}


def test_an_update_without_actions_creates_an_item_of_keys(store: ItemStore) -> None:
    update(store)

    assert get(store) == {"Item": KEY}


def test_an_update_that_only_removes_creates_nothing(store: ItemStore) -> None:
    update(store, "REMOVE plays")

    assert get(store) == {}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("NONE", {}),
        ("ALL_OLD", {"Attributes": {**SONG, "m": {"M": {"a": {"N": "1"}, "b": {"N": "2"}}}}}),
        ("UPDATED_OLD", {"Attributes": {"m": {"M": {"a": {"N": "1"}}}}}),
        ("ALL_NEW", {"Attributes": {**SONG, "m": {"M": {"a": {"N": "9"}, "b": {"N": "2"}}}}}),
        ("UPDATED_NEW", {"Attributes": {"m": {"M": {"a": {"N": "9"}}}}}),
    ],
)
def test_an_update_returns_what_is_asked_of_it(
    store: ItemStore, wanted: str, expected: dict[str, Any]
) -> None:
    put(store, {**SONG, "m": {"M": {"a": {"N": "1"}, "b": {"N": "2"}}}})

    answer = update(
        store,
        "SET m.a = :nine",
        ExpressionAttributeValues={":nine": {"N": "9"}},
        ReturnValues=wanted,
    )

    assert answer == expected


def test_removed_attributes_are_not_among_the_updated_new_ones(store: ItemStore) -> None:
    put(store)

    answer = update(store, "REMOVE plays", ReturnValues="UPDATED_NEW")

    assert answer == {}


def test_an_update_that_changes_nothing_returns_what_it_touched(store: ItemStore) -> None:
    put(store)

    answer = update(
        store,
        "SET plays = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )

    assert answer == {"Attributes": {"plays": {"N": "1"}}}


def test_a_condition_that_fails_leaves_the_item(store: ItemStore) -> None:
    put(store)

    with pytest.raises(ConditionalCheckFailedException) as raised:
        put(
            store,
            {**SONG, "plays": {"N": "2"}},
            ConditionExpression="attribute_not_exists(artist)",
        )

    assert raised.value.message == "The conditional request failed"
    assert raised.value.members == {}
    assert get(store) == {"Item": SONG}


def test_a_failed_condition_shows_the_item_when_asked(store: ItemStore) -> None:
    put(store)

    with pytest.raises(ConditionalCheckFailedException) as raised:
        store.call(
            "DeleteItem",
            TableName="Music",
            Key=KEY,
            ConditionExpression="plays > :n",
            ExpressionAttributeValues={":n": {"N": "5"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert raised.value.members == {"Item": SONG}


def test_a_table_that_is_not_there_is_not_named(store: ItemStore) -> None:
    with pytest.raises(ResourceNotFoundException) as raised:
        store.call("GetItem", TableName="Nowhere", Key=KEY)

    assert raised.value.message == "Requested resource not found"


def test_a_table_is_found_by_its_arn(store: ItemStore) -> None:
    put(store)

    answer = store.call(
        "GetItem",
        TableName="arn:aws:dynamodb:us-east-1:000000000000:table/Music",
        Key=KEY,
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer["Item"] == SONG
    assert answer["ConsumedCapacity"]["TableName"].startswith("arn:")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"artist": {"S": "Nina"}}, "The provided key element does not match the schema"),
        ({**SONG}, "The provided key element does not match the schema"),
        (
            {"artist": {"N": "1"}, "song": {"S": "x"}},
            "The provided key element does not match the schema",
        ),
    ],
)
@pytest.mark.parametrize("operation", ["GetItem", "DeleteItem", "UpdateItem"])
def test_a_key_that_does_not_fit_the_table_is_refused(
    store: ItemStore, operation: str, key: dict[str, Any], message: str
) -> None:
    assert refusal(store, operation, Key=key) == message


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"artist": {"S": "Nina"}}, f"{INVALID}Missing the key song in the item"),
        (
            {"artist": {"N": "1"}, "song": {"S": "x"}},
            f"{INVALID}Type mismatch for key artist expected: S actual: N",
        ),
        (
            {**SONG, "long": {"S": "x" * 409_600}},
            "Item size has exceeded the maximum allowed size",
        ),
        (
            {**SONG, "set": {"SS": []}},
            f"{INVALID}An string set  may not be empty",
        ),
    ],
)
def test_an_item_that_cannot_be_stored_is_refused(
    store: ItemStore, item: dict[str, Any], message: str
) -> None:
    assert refusal(store, "PutItem", Item=item) == message


def test_a_fault_of_the_item_is_told_before_a_missing_table(store: ItemStore) -> None:
    with pytest.raises(ValidationException):
        store.call("PutItem", TableName="Nowhere", Item={**SONG, "plays": {"N": "many"}})


def test_an_update_cannot_grow_an_item_beyond_its_limit(store: ItemStore) -> None:
    put(store, {**SONG, "a": {"S": "x" * 250_000}})

    message = refusal(
        store,
        "UpdateItem",
        Key=KEY,
        UpdateExpression="SET b = :b",
        ExpressionAttributeValues={":b": {"S": "x" * 250_000}},
    )

    assert message == "Item size to update has exceeded the maximum allowed size"


def test_key_attributes_cannot_be_updated(store: ItemStore) -> None:
    message = refusal(
        store,
        "UpdateItem",
        Key=KEY,
        UpdateExpression="SET song = :s",
        ExpressionAttributeValues={":s": {"S": "x"}},
    )

    assert message == f"{INVALID}Cannot update attribute song. This attribute is part of the key"


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        (
            "GetItem",
            {"ExpressionAttributeNames": {"#a": "a"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            "GetItem",
            {"ProjectionExpression": "b", "ExpressionAttributeNames": {"#a": "a"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
        ),
        (
            "UpdateItem",
            {
                "UpdateExpression": "REMOVE b",
                "ExpressionAttributeValues": {":a": {"S": "a"}},
            },
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}",
        ),
        (
            "UpdateItem",
            {"UpdateExpression": "REMOVE b", "Expected": {"a": {"Exists": False}}},
            (
                "Can not use both expression and non-expression parameters in the same request: "
                "Non-expression parameters: {Expected} Expression parameters: {UpdateExpression}"
            ),
        ),
    ],
)
def test_expression_parameters_that_do_not_go_together_are_refused(
    store: ItemStore, operation: str, parameters: dict[str, Any], message: str
) -> None:
    assert refusal(store, operation, Key=KEY, **parameters) == message


def test_an_index_key_of_another_type_is_refused_before_the_condition(store: ItemStore) -> None:
    index = new_index("ByGenre", "genre", projection=ProjectionType.KEYS_ONLY)
    store.add_table(new_table("Indexed", indexes=[index], number=2))

    message = refusal(
        store,
        "PutItem",
        TableName="Indexed",
        Item={**SONG, "genre": {"N": "1"}},
        ConditionExpression="attribute_exists(artist)",
    )

    assert message == (
        f"{INVALID}Type mismatch for Index Key genre Expected: S Actual: N IndexName: ByGenre"
    )


@pytest.mark.parametrize(
    ("consistent", "plays", "units"),
    [(False, 10, 0.5), (True, 10, 1.0), (True, 5000, 2.0), (False, 9000, 1.5)],
)
def test_a_read_counts_units_of_four_kilobytes(
    store: ItemStore, consistent: bool, plays: int, units: float
) -> None:
    put(store, {**SONG, "text": {"S": "x" * plays}})

    answer = get(store, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")

    assert answer["ConsumedCapacity"] == {"TableName": "Music", "CapacityUnits": units}


def test_reading_no_item_counts_as_the_least_read(store: ItemStore) -> None:
    answer = get(store, ReturnConsumedCapacity="INDEXES")

    assert answer == {
        "ConsumedCapacity": {
            "TableName": "Music",
            "CapacityUnits": 0.5,
            "Table": {"CapacityUnits": 0.5},
        }
    }


def test_a_write_counts_its_index_entries(store: ItemStore) -> None:
    indexes = [
        new_index("ByGenre", "genre"),
        new_index("ByPlays", "artist plays", is_global=False, types={"plays": "N"}),
    ]
    store.add_table(new_table("Indexed", indexes=indexes, number=2))
    item = {**SONG, "genre": {"S": "jazz"}}
    store.call("PutItem", TableName="Indexed", Item=item)

    answer = store.call(
        "PutItem",
        TableName="Indexed",
        Item={**item, "genre": {"S": "soul"}},
        ReturnConsumedCapacity="INDEXES",
    )

    assert answer["ConsumedCapacity"] == {
        "TableName": "Indexed",
        "CapacityUnits": 4.0,
        "Table": {"CapacityUnits": 1.0},
        "LocalSecondaryIndexes": {"ByPlays": {"CapacityUnits": 1.0}},
        "GlobalSecondaryIndexes": {"ByGenre": {"CapacityUnits": 2.0}},
    }


def test_collections_are_measured_for_tables_with_a_local_index(store: ItemStore) -> None:
    index = new_index("ByPlays", "artist plays", is_global=False, types={"plays": "N"})
    store.add_table(new_table("Indexed", indexes=[index], number=2))

    answer = store.call(
        "PutItem", TableName="Indexed", Item=SONG, ReturnItemCollectionMetrics="SIZE"
    )

    assert answer == {
        "ItemCollectionMetrics": {
            "ItemCollectionKey": {"artist": {"S": "Nina"}},
            "SizeEstimateRangeGB": [0.0, 1.0],
        }
    }
    assert put(store, ReturnItemCollectionMetrics="SIZE") == {}


def test_an_item_without_an_index_key_is_not_in_the_index(store: ItemStore) -> None:
    store.add_table(new_table("Indexed", indexes=[new_index("ByGenre", "genre")], number=2))

    answer = store.call("PutItem", TableName="Indexed", Item=SONG, ReturnConsumedCapacity="TOTAL")

    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1.0
