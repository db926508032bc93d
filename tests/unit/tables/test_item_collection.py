"""Sizes of item collections, kept by writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import (
    ItemCollectionSizeLimitExceededException,
    TransactionCanceledException,
)
from headwater.storage.keyspace import index_prefix
from headwater.tables import item_collection, keys
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values.order import after_prefix
from tests.item_store import ItemStore, new_index, new_table

LOCAL = new_index("ByYear", "artist year", is_global=False)
GLOBAL = new_index("ByGenre", "genre")
TABLE = new_table(indexes=[LOCAL, GLOBAL], collection_bytes_max=1000)
NINA = {"artist": {"S": "Nina"}}


@pytest.fixture
def store() -> Iterator[ItemStore]:
    with ItemStore().running() as store:
        store.add_table(TABLE)
        yield store


def song(name: str, size: int = 0, **more: Any) -> dict[str, Any]:
    return {**NINA, "song": {"S": name}, "text": {"S": "x" * size}, **more}


def put(store: ItemStore, item: dict[str, Any], **more: Any) -> Any:
    return store.call("PutItem", TableName="Music", Item=item, **more)


def counted(store: ItemStore, table: Table, artist: str) -> int:
    key = keys.of_key(table, {"artist": {"S": artist}, "song": {"S": "any"}})
    (stored,) = store.run(store.engine.get([item_collection.size_key(table, key.stored)]))
    return item_collection.size_of(stored)


def measured(store: ItemStore, table: Table, artist: str) -> int:
    """The size of a collection by reading it."""
    prefixes = [table.items_prefix, index_prefix(table.table_id, LOCAL.index_id)]
    size = 0
    for prefix in prefixes:
        for _, value in store.entries((prefix, after_prefix(prefix))):
            if codec.decode(value)["artist"] == {"S": artist}:
                size += codec.size(value)
    return size


def test_a_collection_grows_by_item_and_local_entry(store: ItemStore) -> None:
    put(store, song("a", 100))
    without_entry = counted(store, TABLE, "Nina")

    put(store, song("a", 100, year={"S": "1965"}, genre={"S": "jazz"}))

    assert without_entry == measured_item(song("a", 100))
    assert counted(store, TABLE, "Nina") == measured(store, TABLE, "Nina") > 2 * without_entry


def measured_item(item: dict[str, Any]) -> int:
    return sum(len(name) + len(value["S"]) for name, value in item.items())


def test_a_collection_without_items_has_no_number(store: ItemStore) -> None:
    put(store, song("a"))

    store.call("DeleteItem", TableName="Music", Key={**NINA, "song": {"S": "a"}})

    assert store.entries((TABLE.collections_prefix, after_prefix(TABLE.collections_prefix))) == []


def test_what_makes_a_collection_too_large_is_refused_and_leaves_nothing(store: ItemStore) -> None:
    put(store, song("a", 600))

    with pytest.raises(ItemCollectionSizeLimitExceededException) as refused:
        put(store, song("b", 400))

    assert refused.value.message == "Collection size exceeded."
    assert store.call("Scan", TableName="Music")["Count"] == 1
    put(store, {**song("b", 400), "artist": {"S": "Billie"}})


def test_what_makes_a_collection_smaller_is_taken(store: ItemStore) -> None:
    put(store, song("a", 600))
    put(store, song("b", 300))
    store.change_table(TABLE, [], lambda _, table: replace(table, collection_bytes_max=100))

    put(store, song("a", 500))
    store.call("DeleteItem", TableName="Music", Key={**NINA, "song": {"S": "b"}})

    with pytest.raises(ItemCollectionSizeLimitExceededException):
        put(store, song("a", 501))


def test_a_transaction_is_told_which_action_was_too_much(store: ItemStore) -> None:
    puts = [{"Put": {"TableName": "Music", "Item": song(name, 400)}} for name in "abc"]

    with pytest.raises(TransactionCanceledException) as cancelled:
        store.call("TransactWriteItems", TransactItems=puts)

    assert cancelled.value.members["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "None"},
        {"Code": "ItemCollectionSizeLimitExceeded", "Message": "Collection size exceeded."},
    ]
    assert counted(store, TABLE, "Nina") == 0


def test_a_statement_of_a_batch_is_told(store: ItemStore) -> None:
    text = "x" * 1000

    answer = store.call(
        "BatchExecuteStatement",
        Statements=[
            {
                "Statement": "INSERT INTO Music VALUE {'artist': 'Nina', 'song': 'a', 'text': ?}",
                "Parameters": [{"S": text}],
            }
        ],
    )

    assert answer["Responses"][0]["Error"] == {
        "Code": "ItemCollectionSizeLimitExceeded",
        "Message": "Collection size exceeded.",
    }


def test_tables_without_local_indexes_have_no_collections(store: ItemStore) -> None:
    other = store.add_table(new_table("Other", indexes=[GLOBAL], number=2))

    answer = store.call(
        "PutItem", TableName="Other", Item=song("a", 2000), ReturnItemCollectionMetrics="SIZE"
    )

    assert answer == {}
    assert store.entries((other.collections_prefix, after_prefix(other.collections_prefix))) == []


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["Nina", "Billie"]),
        st.sampled_from("abc"),
        st.one_of(st.none(), st.integers(0, 200)),
        st.sampled_from([None, "1958", "1965"]),
    ),
    max_size=25,
)


@given(WRITES)
def test_sizes_are_those_of_what_is_stored(
    writes: list[tuple[str, str, int | None, str | None]],
) -> None:
    table = new_table(indexes=[LOCAL, GLOBAL], collection_bytes_max=500)
    with ItemStore().running() as store:
        store.add_table(table)
        for artist, name, size, year in writes:
            key = {"artist": {"S": artist}, "song": {"S": name}}
            if size is None:
                store.call("DeleteItem", TableName="Music", Key=key)
                continue
            item = {**key, "text": {"S": "x" * size}}
            if year is not None:
                item["year"] = {"S": year}
            try:
                put(store, item)
            except ItemCollectionSizeLimitExceededException:
                continue

        for artist in ("Nina", "Billie"):
            assert counted(store, table, artist) == measured(store, table, artist) <= 500
