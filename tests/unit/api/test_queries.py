from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.tables.schema import IndexStatus, ProjectionType
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


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    store.add_table(new_table(indexes=INDEXES))
    for item in SONGS:
        store.call("PutItem", TableName="Music", Item=item)


def query(store: ItemStore, **request: Any) -> Any:
    return store.call("Query", TableName="Music", **request)


def scan(store: ItemStore, **request: Any) -> Any:
    return store.call("Scan", TableName="Music", **request)


def names(answer: Any) -> list[str]:
    return [item["song"]["S"] for item in answer["Items"]]


def range_query(store: ItemStore, expression: str, *bounds: str, **more: Any) -> list[str]:
    values = {f":{number}": {"S": bound} for number, bound in enumerate(bounds)}
    request = {
        "KeyConditionExpression": f"artist = :a AND {expression}",
        "ExpressionAttributeValues": {":a": {"S": "Nina"}, **values},
        **more,
    }
    return names(query(store, **request))


def pages(store: ItemStore, operation: str, **request: Any) -> list[Any]:
    answers = [store.call(operation, TableName="Music", **request)]
    while (last := answers[-1].get("LastEvaluatedKey")) is not None:
        answers.append(store.call(operation, TableName="Music", **request, ExclusiveStartKey=last))
    return answers


def refusal(store: ItemStore, operation: str, **request: Any) -> str | None:
    with pytest.raises(ValidationException) as raised:
        store.call(operation, TableName="Music", **request)
    return raised.value.message


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


def test_a_starting_key_of_an_index_has_the_keys_of_both(store: ItemStore) -> None:
    start = {"artist": {"S": "Nina"}, "song": {"S": "a"}}

    assert refusal(store, "Scan", IndexName="Genres", ExclusiveStartKey=start) == START


def test_a_scan_keeps_each_partition_together_and_in_order(store: ItemStore) -> None:
    answer = scan(store)

    artists = [item["artist"]["S"] for item in answer["Items"]]
    assert answer["Count"] == answer["ScannedCount"] == len(SONGS)
    assert sorted(artists) == ["Billie", "Miles", "Nina", "Nina", "Nina", "Nina"]
    at = artists.index("Nina")
    assert names(answer)[at : at + 4] == ["a", "ab", "b", "c"]


@pytest.mark.parametrize("total", [1, 2, 7, 1_000])
def test_segments_of_a_scan_are_its_items_once_each(store: ItemStore, total: int) -> None:
    whole = scan(store)

    parts = [scan(store, Segment=segment, TotalSegments=total) for segment in range(total)]

    assert [item for part in parts for item in part["Items"]] == whole["Items"]


def test_pages_of_a_scan_join_without_gap(store: ItemStore) -> None:
    whole = scan(store)

    answers = pages(store, "Scan", Limit=2)

    assert [item for answer in answers for item in answer["Items"]] == whole["Items"]


def test_an_index_is_scanned(store: ItemStore) -> None:
    answer = scan(store, IndexName="ByGenre")

    assert answer["Count"] == len(SONGS)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Segment": 0},
            (
                "The TotalSegments parameter is required but was not present in the request when "
                "Segment parameter is present"
            ),
        ),
        (
            {"TotalSegments": 2},
            (
                "The Segment parameter is required but was not present in the request when "
                "parameter TotalSegments is present"
            ),
        ),
        (
            {"Segment": 4, "TotalSegments": 4},
            (
                "The Segment parameter is zero-based and must be less than parameter "
                "TotalSegments: Segment: 4 is not less than TotalSegments: 4"
            ),
        ),
    ],
)
def test_segments_that_make_no_sense_are_refused(
    store: ItemStore, request_: dict[str, Any], message: str
) -> None:
    assert refusal(store, "Scan", **request_) == message


def test_a_starting_key_belongs_to_its_segment(store: ItemStore) -> None:
    keys = {"artist": {"S": "Nina"}, "song": {"S": "a"}}
    counts = [scan(store, Segment=each, TotalSegments=50)["Count"] for each in range(50)]
    empty = counts.index(0)

    message = refusal(store, "Scan", Segment=empty, TotalSegments=50, ExclusiveStartKey=keys)

    assert message == (
        f"{START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
        f"TotalSegments: 50 Segment: {empty}"
    )


def test_a_scan_counts_units_by_what_it_evaluated(store: ItemStore) -> None:
    for number in range(3):
        item = song("Long", str(number), 1, text="x" * 5000)
        store.call("PutItem", TableName="Music", Item=item)

    answer = scan(store, ReturnConsumedCapacity="TOTAL", ConsistentRead=True)

    assert answer["ConsumedCapacity"] == {"TableName": "Music", "CapacityUnits": 4.0}
