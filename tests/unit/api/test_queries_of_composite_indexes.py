"""Global indexes whose keys have several attributes."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.tables.schema import ProjectionType
from tests.item_store import ItemStore, new_index, new_table
from tests.unit.api.partiql import run

PLACE = new_index(
    "Place",
    "country+city year+day+hall",
    types={"year": "N", "day": "N"},
    projection=ProjectionType.KEYS_ONLY,
)
MISSED = "Query condition missed key schema element: "
UNSUPPORTED = "Query key condition not supported"
CONCERTS = [
    ("1", "DE", "Berlin", 1999, 5, "A"),
    ("2", "DE", "Berlin", 1999, 10, "A"),
    ("3", "DE", "Berlin", 1999, 10, "Ab"),
    ("4", "DE", "Berlin", 1999, 10, "B"),
    ("5", "DE", "Berlin", 2001, 1, "A"),
    ("6", "DE", "Bonn", 1999, 10, "A"),
    ("7", "FR", "Berlin", 1999, 10, "A"),
]
VALUES = {
    ":c": {"S": "DE"},
    ":t": {"S": "Berlin"},
    ":y": {"N": "1999"},
    ":d": {"N": "10"},
    ":e": {"N": "5"},
    ":h": {"S": "A"},
}


def concert(number: str, country: str, city: str, year: int, day: int, hall: str) -> dict[str, Any]:
    return {
        "artist": {"S": "Nina"},
        "song": {"S": number},
        "country": {"S": country},
        "city": {"S": city},
        "year": {"N": str(year)},
        "day": {"N": str(day)},
        "hall": {"S": hall},
    }


@pytest.fixture(autouse=True)
def concerts(store: ItemStore) -> None:
    store.add_table(new_table(indexes=[PLACE]))
    for each in CONCERTS:
        store.call("PutItem", TableName="Music", Item={**concert(*each), "note": {"S": "n"}})


def query(store: ItemStore, condition: str, **more: Any) -> Any:
    condition = condition.replace("year", "#y").replace("day", "#d")
    names = {f"#{name[0]}": name for name in ("year", "day") if f"#{name[0]}" in condition}
    used = {name: value for name, value in VALUES.items() if name in condition}
    if names:
        more["ExpressionAttributeNames"] = names
    return store.call(
        "Query",
        TableName="Music",
        IndexName="Place",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=used,
        **more,
    )


def numbers(answer: Any) -> str:
    return "".join(item["song"]["S"] for item in answer["Items"])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", "12345"),
        (" AND year = :y", "1234"),
        (" AND year > :y", "5"),
        (" AND year = :y AND day = :d", "234"),
        (" AND year = :y AND day < :d", "1"),
        (" AND year = :y AND day BETWEEN :e AND :d", "1234"),
        (" AND day = :d AND begins_with(hall, :h) AND year = :y", "23"),
        (" AND year = :y AND day = :d AND hall > :h", "34"),
        (" AND year = :y AND day = :d AND hall = :h", "2"),
    ],
)
def test_sort_attributes_are_limited_from_the_left(
    store: ItemStore, condition: str, expected: str
) -> None:
    answer = query(store, f"country = :c AND city = :t{condition}")

    assert numbers(answer) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("country = :c", f"{MISSED}city"),
        ("city = :t", f"{MISSED}country"),
        ("country = :c AND year = :y", f"{MISSED}city"),
        ("country = :c AND city > :t", UNSUPPORTED),
        ("country = :c AND city = :t AND day = :d", f"{MISSED}year"),
        ("country = :c AND city = :t AND year = :y AND hall = :h", f"{MISSED}day"),
        ("country = :c AND city = :t AND year > :y AND day = :d", UNSUPPORTED),
        ("country = :c AND city = :t AND note = :h", f"{MISSED}year"),
        (
            "country = :c AND city = :t AND year = :y AND day = :d AND hall = :h AND note = :h",
            "Conditions can be of length 1 or 5 only",
        ),
    ],
)
def test_a_condition_that_skips_is_refused(store: ItemStore, condition: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        query(store, condition)

    assert refused.value.message == message


def test_legacy_conditions_mean_the_same(store: ItemStore) -> None:
    equal = {"country": "DE", "city": "Berlin"}
    conditions: dict[str, Any] = {
        name: {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": value}]}
        for name, value in equal.items()
    }
    conditions["year"] = {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1999"}]}

    answer = store.call("Query", TableName="Music", IndexName="Place", KeyConditions=conditions)

    assert numbers(answer) == "5"


@pytest.mark.parametrize("is_forward", [True, False])
def test_pages_join_and_their_last_keys_have_every_key(store: ItemStore, is_forward: bool) -> None:
    found = ""
    start: dict[str, Any] = {}
    while True:
        answer = query(
            store,
            "country = :c AND city = :t",
            Limit=2,
            ScanIndexForward=is_forward,
            **start,
        )
        found += numbers(answer)
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        assert set(answer["LastEvaluatedKey"]) == {*PLACE.keys.names(), "artist", "song"}

    assert found == ("12345" if is_forward else "54321")


def test_entries_hold_every_key_of_both(store: ItemStore) -> None:
    answer = query(store, "country = :c AND city = :t AND year > :y")

    assert answer["Items"] == [concert(*CONCERTS[4])]


@pytest.mark.parametrize("name", ["country", "city", "year", "day", "hall"])
def test_an_item_without_one_of_the_keys_is_not_in_the_index(store: ItemStore, name: str) -> None:
    store.call(
        "UpdateItem",
        TableName="Music",
        Key={"artist": {"S": "Nina"}, "song": {"S": "1"}},
        UpdateExpression="REMOVE #n",
        ExpressionAttributeNames={"#n": name},
    )

    assert numbers(query(store, "country = :c AND city = :t")) == "2345"


def test_a_key_of_the_wrong_type_is_refused_by_name(store: ItemStore) -> None:
    item = {**concert(*CONCERTS[0]), "day": {"S": "5"}}

    with pytest.raises(ValidationException) as refused:
        store.call("PutItem", TableName="Music", Item=item)

    assert refused.value.message == (
        "One or more parameter values were invalid: Type mismatch for Index Key day "
        "Expected: N Actual: S IndexName: Place"
    )


def test_a_filter_cannot_be_about_any_of_the_keys(store: ItemStore) -> None:
    with pytest.raises(ValidationException) as refused:
        query(store, "country = :c AND city = :t", FilterExpression="hall = :c")

    assert refused.value.message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: hall"
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("country = 'DE' AND city = 'Berlin'", "12345"),
        ("country = 'DE' AND city = 'Berlin' AND year > 1999", "5"),
        ("country = 'DE' AND city = 'Berlin' AND year = 1999 AND day = 10", "234"),
        ("country = 'DE' AND city = 'Berlin' AND hall = 'A'", "125"),
        ("country = 'FR'", "7"),
        ("country IN ['DE', 'FR'] AND city = 'Bonn'", "6"),
        ("country = 'DE' AND city = 'Berlin' ORDER BY year DESC, day DESC", "54321"),
    ],
)
def test_statements_select_from_it(store: ItemStore, where: str, expected: str) -> None:
    answer = run(store, f'SELECT * FROM "Music"."Place" WHERE {where}')

    assert numbers(answer) == expected


@pytest.mark.parametrize("order", ["day", "year DESC, day", "year, hall"])
def test_statements_can_be_ordered_only_as_the_index_is(store: ItemStore, order: str) -> None:
    where = "country = 'DE' AND city = 'Berlin'"

    with pytest.raises(ValidationException):
        run(store, f'SELECT * FROM "Music"."Place" WHERE {where} ORDER BY {order}')
