from __future__ import annotations

from typing import Any

import pytest

from tests.item_store import ItemStore
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
    song,
)


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def range_query(store: ItemStore, expression: str, *bounds: str, **more: Any) -> list[str]:
    values = {f":{number}": {"S": bound} for number, bound in enumerate(bounds)}
    request = {
        "KeyConditionExpression": f"artist = :a AND {expression}",
        "ExpressionAttributeValues": {":a": {"S": "Nina"}, **values},
        **more,
    }
    return names(query(store, **request))


def test_a_query_answers_a_partition_in_order(store: ItemStore) -> None:
    answer = query(store, **OF_NINA)

    assert answer == {"Items": SONGS[:4], "Count": 4, "ScannedCount": 4}


def test_a_query_can_go_backward(store: ItemStore) -> None:
    answer = query(store, **OF_NINA, ScanIndexForward=False)

    assert names(answer) == ["c", "b", "ab", "a"]


@pytest.mark.parametrize(
    ("expression", "bounds", "expected"),
    [
        ("song = :0", ["ab"], ["ab"]),
        ("song < :0", ["ab"], ["a"]),
        ("song <= :0", ["ab"], ["a", "ab"]),
        ("song > :0", ["ab"], ["b", "c"]),
        ("song >= :0", ["ab"], ["ab", "b", "c"]),
        ("song BETWEEN :0 AND :1", ["ab", "b"], ["ab", "b"]),
        ("begins_with(song, :0)", ["a"], ["a", "ab"]),
        ("song = :0", ["nothing"], []),
    ],
)
def test_a_query_takes_a_range_of_sort_keys(
    store: ItemStore, expression: str, bounds: list[str], expected: list[str]
) -> None:
    forward = range_query(store, expression, *bounds)
    backward = range_query(store, expression, *bounds, ScanIndexForward=False)

    assert forward == expected
    assert backward == expected[::-1]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_of_a_query_join_without_gap(store: ItemStore, forward: bool) -> None:
    answers = pages(store, "Query", **OF_NINA, Limit=1, ScanIndexForward=forward)

    joined = [name for answer in answers for name in names(answer)]
    assert joined == (["a", "ab", "b", "c"] if forward else ["c", "b", "ab", "a"])
    assert [answer["Count"] for answer in answers] == [1, 1, 1, 1, 0]


def test_a_filter_is_applied_after_the_limit(store: ItemStore) -> None:
    request = {
        "KeyConditionExpression": "artist = :a",
        "FilterExpression": "genre = :g",
        "ExpressionAttributeValues": {":a": {"S": "Nina"}, ":g": {"S": "soul"}},
    }

    first = query(store, **request, Limit=2)
    whole = query(store, **request)

    assert (first["Count"], first["ScannedCount"]) == (0, 2)
    assert first["LastEvaluatedKey"] == {"artist": {"S": "Nina"}, "song": {"S": "ab"}}
    assert (whole["Count"], whole["ScannedCount"], names(whole)) == (1, 4, ["b"])


def test_a_projection_narrows_the_items(store: ItemStore) -> None:
    answer = query(
        store,
        **OF_NINA,
        ProjectionExpression="#y",
        ExpressionAttributeNames={"#y": "year"},
        Limit=1,
    )

    assert answer["Items"] == [{"year": {"N": "1965"}}]


def test_a_count_answers_no_items(store: ItemStore) -> None:
    answer = query(store, **OF_NINA, Select="COUNT")

    assert answer == {"Count": 4, "ScannedCount": 4}


def test_a_filtered_count_counts_what_matches(store: ItemStore) -> None:
    answer = scan(
        store,
        Select="COUNT",
        FilterExpression="genre = :g",
        ExpressionAttributeValues={":g": {"S": "jazz"}},
    )

    assert answer == {"Count": 5, "ScannedCount": 6}


def test_a_page_ends_when_a_megabyte_has_been_read(store: ItemStore) -> None:
    text = "x" * 300_000
    for number in range(6):
        store.call("PutItem", TableName="Music", Item=song("Long", f"{number}", 1, text=text))
    request = {
        "KeyConditionExpression": "artist = :a",
        "ExpressionAttributeValues": {":a": {"S": "Long"}},
        "Select": "COUNT",
    }

    answers = pages(store, "Query", **request)

    assert [answer["ScannedCount"] for answer in answers] == [4, 2]


def test_many_small_items_fit_on_one_page(store: ItemStore) -> None:
    for number in range(1200):
        store.call("PutItem", TableName="Music", Item=song("Many", f"{number:04}", 1))

    answer = query(
        store,
        KeyConditionExpression="artist = :a",
        ExpressionAttributeValues={":a": {"S": "Many"}},
    )

    assert names(answer) == [f"{number:04}" for number in range(1200)]
    assert "LastEvaluatedKey" not in answer


def test_a_query_needs_a_key_condition(store: ItemStore) -> None:
    assert refusal(store, "Query") == (
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request."
    )


def test_a_query_must_name_the_partition_key(store: ItemStore) -> None:
    message = refusal(
        store,
        "Query",
        KeyConditionExpression="song = :s",
        ExpressionAttributeValues={":s": {"S": "a"}},
    )

    assert message == "Query condition missed key schema element: artist"


def test_a_query_cannot_filter_by_its_keys(store: ItemStore) -> None:
    message = refusal(store, "Query", **OF_NINA, FilterExpression="song <> :a")

    assert message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: song"
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            f"{INVALID}ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            (
                f"{INVALID}Must specify the AttributesToGet or ProjectionExpression when choosing "
                "to get SPECIFIC_ATTRIBUTES"
            ),
        ),
        (
            {"Select": "COUNT", "ProjectionExpression": "genre"},
            (
                f"{INVALID}Cannot specify the ProjectionExpression when choosing to get only the "
                "Count"
            ),
        ),
    ],
)
def test_a_select_that_does_not_fit_is_refused(
    store: ItemStore, request_: dict[str, Any], message: str
) -> None:
    assert refusal(store, "Scan", **request_) == message


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            {"artist": {"S": "Nina"}},
            f"{START}: The provided key element does not match the schema",
        ),
        (
            {"artist": {"S": "Miles"}, "song": {"S": "z"}},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            {"artist": {"S": "Nina"}, "song": {"S": "c"}},
            "The provided starting key does not match the range key predicate",
        ),
        (
            {"artist": {"S": "Nina"}, "song": {"N": "x"}},
            f"{START}: The parameter cannot be converted to a numeric value: x",
        ),
    ],
)
def test_a_query_starts_only_where_it_could_have_ended(
    store: ItemStore, start: dict[str, Any], message: str
) -> None:
    refused = refusal(
        store,
        "Query",
        KeyConditionExpression="artist = :a AND song < :s",
        ExpressionAttributeValues={":a": {"S": "Nina"}, ":s": {"S": "c"}},
        ExclusiveStartKey=start,
    )

    assert refused == message
