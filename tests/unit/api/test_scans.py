from __future__ import annotations

from typing import Any

import pytest

from tests.item_store import ItemStore
from tests.unit.api.music import SONGS, START, add_music, names, pages, refusal, scan, song


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


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
