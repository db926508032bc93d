from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.errors import ValidationException
from headwater.tables.schema import IndexStatus
from tests.item_store import ItemStore, new_index, new_table
from tests.unit.api.music import (
    INVALID,
    OF_NINA,
    SONGS,
    START,
    add_music,
    names,
    pages,
    query,
    refusal,
    scan,
)


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def test_the_last_key_of_an_index_page_has_the_keys_of_both(store: ItemStore) -> None:
    answer = query(
        store,
        IndexName="ByGenre",
        KeyConditionExpression="genre = :g",
        ExpressionAttributeValues={":g": {"S": "jazz"}},
        Limit=1,
    )

    assert answer["LastEvaluatedKey"] == {
        "genre": {"S": "jazz"},
        "year": {"N": "1939"},
        "artist": {"S": "Billie"},
        "song": {"S": "a"},
    }


@pytest.mark.parametrize("index", ["ByGenre", "Genres"])
def test_pages_of_an_index_join_without_gap(store: ItemStore, index: str) -> None:
    request = {
        "IndexName": index,
        "KeyConditionExpression": "genre = :g",
        "ExpressionAttributeValues": {":g": {"S": "jazz"}},
    }

    whole = query(store, **request)
    answers = pages(store, "Query", **request, Limit=2)

    assert whole["Count"] == 5
    assert [item for answer in answers for item in answer["Items"]] == whole["Items"]


def test_an_index_is_in_the_order_of_its_own_sort_key(store: ItemStore) -> None:
    answer = query(
        store,
        IndexName="ByGenre",
        KeyConditionExpression="genre = :g AND #y BETWEEN :from AND :to",
        ExpressionAttributeNames={"#y": "year"},
        ExpressionAttributeValues={
            ":g": {"S": "jazz"},
            ":from": {"N": "1950"},
            ":to": {"N": "1966"},
        },
    )

    assert names(answer) == ["z", "a", "ab"]


def test_a_local_index_fetches_what_it_does_not_hold(store: ItemStore) -> None:
    request = {
        **OF_NINA,
        "IndexName": "ByYear",
        "ReturnConsumedCapacity": "INDEXES",
        "ConsistentRead": True,
    }

    held = query(store, **request)
    whole = query(store, **request, Select="ALL_ATTRIBUTES")

    assert held["Items"][0] == {
        "artist": {"S": "Nina"},
        "song": {"S": "b"},
        "year": {"N": "1958"},
    }
    assert whole["Items"] == [SONGS[2], SONGS[0], SONGS[1], SONGS[3]]
    assert held["ConsumedCapacity"]["CapacityUnits"] == 1.0
    assert whole["ConsumedCapacity"] == {
        "TableName": "Music",
        "CapacityUnits": 5.0,
        "Table": {"CapacityUnits": 4.0},
        "LocalSecondaryIndexes": {"ByYear": {"CapacityUnits": 1.0}},
    }


def test_a_local_index_filters_by_what_it_does_not_hold(store: ItemStore) -> None:
    answer = query(
        store,
        IndexName="ByYear",
        KeyConditionExpression="artist = :a",
        FilterExpression="genre = :g",
        ExpressionAttributeValues={":a": {"S": "Nina"}, ":g": {"S": "soul"}},
    )

    assert names(answer) == ["b"]


def test_a_global_index_answers_only_what_it_holds(store: ItemStore) -> None:
    request = {
        "IndexName": "Genres",
        "KeyConditionExpression": "genre = :g",
        "ExpressionAttributeValues": {":g": {"S": "soul"}},
    }

    answer = query(store, **request)

    assert answer["Items"] == [
        {"genre": {"S": "soul"}, "artist": {"S": "Nina"}, "song": {"S": "b"}}
    ]
    assert refusal(store, "Query", **request, ConsistentRead=True) == (
        "Consistent reads are not supported on global secondary indexes"
    )
    assert refusal(store, "Query", **request, Select="ALL_ATTRIBUTES") == (
        f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index Genres "
        "because its projection type is not ALL"
    )
    assert refusal(store, "Query", **request, ProjectionExpression="artist, lyrics") == (
        f"{INVALID}Global secondary index Genres does not project [lyrics]"
    )


def test_an_index_in_the_making_is_not_read(store: ItemStore) -> None:
    being_made = replace(new_index("ByGenre", "genre"), status=IndexStatus.CREATING)
    store.add_table(new_table("Making", indexes=[being_made], number=2))

    with pytest.raises(ValidationException) as raised:
        store.call("Scan", TableName="Making", IndexName="ByGenre")

    assert raised.value.message == ("Cannot read from backfilling global secondary index: ByGenre")


def test_a_query_of_an_index_may_filter_by_the_tables_keys(store: ItemStore) -> None:
    answer = query(
        store,
        IndexName="Genres",
        KeyConditionExpression="genre = :g",
        FilterExpression="artist = :a",
        ExpressionAttributeValues={":g": {"S": "jazz"}, ":a": {"S": "Miles"}},
    )

    assert names(answer) == ["z"]


def test_an_index_that_is_not_there_is_refused(store: ItemStore) -> None:
    assert refusal(store, "Scan", IndexName="ByMood") == (
        "The table does not have the specified index: ByMood"
    )


def test_a_starting_key_of_an_index_has_the_keys_of_both(store: ItemStore) -> None:
    start = {"artist": {"S": "Nina"}, "song": {"S": "a"}}

    assert refusal(store, "Scan", IndexName="Genres", ExclusiveStartKey=start) == START


def test_an_index_is_scanned(store: ItemStore) -> None:
    answer = scan(store, IndexName="ByGenre")

    assert answer["Count"] == len(SONGS)
