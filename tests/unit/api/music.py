"""A few songs and their table, queried and scanned by the tests of this folder."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.tables.schema import ProjectionType
from tests.item_store import ItemStore, new_index, new_table

INVALID = "One or more parameter values were invalid: "
START = "The provided starting key is invalid"
OF_NINA = {
    "KeyConditionExpression": "artist = :a",
    "ExpressionAttributeValues": {":a": {"S": "Nina"}},
}
INDEXES = [
    new_index("ByGenre", "genre year", types={"year": "N"}),
    new_index("Genres", "genre", projection=ProjectionType.INCLUDE, attributes=("label",)),
    new_index(
        "ByYear",
        "artist year",
        is_global=False,
        types={"year": "N"},
        projection=ProjectionType.KEYS_ONLY,
    ),
]


def song(artist: str, name: str, year: int, **more: str) -> dict[str, Any]:
    strings = {"artist": artist, "song": name, "genre": "jazz", **more}
    return {name: {"S": value} for name, value in strings.items()} | {"year": {"N": str(year)}}


SONGS = [
    song("Nina", "a", 1965, label="Philips"),
    song("Nina", "ab", 1966),
    song("Nina", "b", 1958, genre="soul", text="Ne me quitte pas"),
    song("Nina", "c", 1967),
    song("Billie", "a", 1939),
    song("Miles", "z", 1959),
]


def query(store: ItemStore, **request: Any) -> Any:
    return store.call("Query", TableName="Music", **request)


def scan(store: ItemStore, **request: Any) -> Any:
    return store.call("Scan", TableName="Music", **request)


def names(answer: Any) -> list[str]:
    return [item["song"]["S"] for item in answer["Items"]]


def pages(store: ItemStore, operation: str, **request: Any) -> list[Any]:
    answers = [store.call(operation, TableName="Music", **request)]
    while (last := answers[-1].get("LastEvaluatedKey")) is not None:
        answers.append(store.call(operation, TableName="Music", **request, ExclusiveStartKey=last))
    return answers


def refusal(store: ItemStore, operation: str, **request: Any) -> str | None:
    with pytest.raises(ValidationException) as raised:
        store.call(operation, TableName="Music", **request)
    return raised.value.message


def add_music(store: ItemStore) -> None:
    store.add_table(new_table(indexes=INDEXES))
    for item in SONGS:
        store.call("PutItem", TableName="Music", Item=item)
