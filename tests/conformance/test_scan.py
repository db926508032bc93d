"""Scan: whole tables and indexes, pages, segments."""

from typing import Any

import pytest

from tests.conformance.definition import keys
from tests.conformance.expectation import at_least, at_most, fault, invalid, missing
from tests.conftest import LOOKS_MAX


@pytest.fixture(scope="module")
def scanned(dynamodb, lasting_tables):
    """A table of 20 partitions with three items each, `n` counting from 0."""
    name = lasting_tables.make(**keys(("pk", "S"), ("sk", "N")))["TableName"]
    items = [
        {"pk": {"S": f"p{number // 3}"}, "sk": {"N": str(number)}, "n": {"N": str(number)}}
        for number in range(60)
    ]
    for start in range(0, 60, 20):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 20]]
        dynamodb.batch_write_item(RequestItems={name: requests})
    return name


@pytest.fixture
def scan(dynamodb, scanned):
    def call(**options):
        return dynamodb.scan(TableName=scanned, ConsistentRead=True, **options)

    return call


@pytest.fixture
def scan_all(scan):
    """Every item of a scan, page by page."""

    def call(**options):
        items: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            page = scan(**options, **start)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    return call


def numbers(items):
    return [int(item["n"]["N"]) for item in items]


def test_scan_finds_everything(scan):
    page = scan()

    assert sorted(numbers(page["Items"])) == list(range(60))
    assert (page["Count"], page["ScannedCount"]) == (60, 60)


@pytest.mark.parametrize("limit", [1, 7, 60])
def test_pages_join_to_the_whole(scan, scan_all, limit):
    assert numbers(scan_all(Limit=limit)) == numbers(scan()["Items"])


def test_items_of_a_partition_are_together_and_in_order(scan):
    found = numbers(scan()["Items"])

    for partition in range(20):
        first = found.index(partition * 3)
        assert found[first : first + 3] == [partition * 3 + step for step in range(3)]


def test_full_page_has_a_last_key_even_at_the_end(scan):
    page = scan(Limit=60)

    assert set(page["LastEvaluatedKey"]) == {"pk", "sk"}
    assert scan(ExclusiveStartKey=page["LastEvaluatedKey"])["Items"] == []


@pytest.mark.parametrize("total", [1, 2, 3, 16])
def test_segments_share_the_items(scan_all, total):
    segments = [scan_all(TotalSegments=total, Segment=segment, Limit=4) for segment in range(total)]

    assert sorted(number for items in segments for number in numbers(items)) == list(range(60))


def test_partition_is_in_one_segment(scan_all):
    partitions = [
        {item["pk"]["S"] for item in scan_all(TotalSegments=4, Segment=segment)}
        for segment in range(4)
    ]

    assert sum(len(each) for each in partitions) == len(set.union(*partitions)) == 20


def test_filter_is_applied_after_counting(scan):
    page = scan(FilterExpression="n < :n", ExpressionAttributeValues={":n": {"N": "10"}})

    assert sorted(numbers(page["Items"])) == list(range(10))
    assert (page["Count"], page["ScannedCount"]) == (10, 60)


def test_filter_may_use_keys(scan):
    page = scan(FilterExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p1"}})

    assert numbers(page["Items"]) == [3, 4, 5]


def test_count_gives_no_items(scan):
    page = scan(Select="COUNT")

    assert "Items" not in page
    assert page["Count"] == 60


def test_projection_keeps_what_it_names(scan):
    assert set(scan(ProjectionExpression="n", Limit=1)["Items"][0]) == {"n"}


def test_empty_table_has_no_items(dynamodb, make_table):
    page = dynamodb.scan(TableName=make_table()["TableName"])

    assert page["Items"] == []
    assert "LastEvaluatedKey" not in page


def test_page_ends_at_one_megabyte(dynamodb, make_table):
    name = make_table()["TableName"]
    for number in range(12):
        dynamodb.put_item(
            TableName=name, Item={"pk": {"S": str(number)}, "fill": {"S": "x" * 100_000}}
        )

    page = dynamodb.scan(TableName=name, Select="COUNT")
    rest = dynamodb.scan(TableName=name, Select="COUNT", ExclusiveStartKey=page["LastEvaluatedKey"])

    assert 10 <= page["Count"] <= 11
    assert page["Count"] + rest["Count"] == 12


def test_index_can_be_scanned(dynamodb, indexed, key):
    dynamodb.put_item(
        TableName=indexed,
        Item={
            "pk": {"S": key},
            "sk": {"S": "a"},
            "colour": {"S": key},
            "grade": {"N": "1"},
            "note": {"S": "n"},
        },
    )

    for _ in range(LOOKS_MAX):
        found = [
            item
            for item in dynamodb.scan(TableName=indexed, IndexName="colour_keys")["Items"]
            if item["pk"]["S"] == key
        ]
        if found:
            break

    assert set(found[0]) == {"pk", "sk", "colour", "grade"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"Segment": 0},
            (
                "The TotalSegments parameter is required but was not present in the request when "
                "Segment parameter is present"
            ),
        ),
        (
            {"TotalSegments": 1},
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
        ({"Segment": 0, "TotalSegments": 0}, fault(0, "totalSegments", at_least(1))),
        (
            {"Segment": 0, "TotalSegments": 1_000_001},
            fault(1_000_001, "totalSegments", at_most(1_000_000)),
        ),
        ({"Segment": -1, "TotalSegments": 1}, fault(-1, "segment", at_least(0))),
        ({"Limit": 0}, fault(0, "limit", at_least(1))),
        ({"IndexName": "unknown"}, "The table does not have the specified index: unknown"),
    ],
)
def test_faulty_request_is_refused(dynamodb, scanned, options, message):
    with invalid(message):
        dynamodb.scan(TableName=scanned, **options)


def test_start_of_another_segment_is_refused(scan, scan_all):
    segment = next(number for number in range(2) if scan_all(TotalSegments=2, Segment=number))
    item = scan_all(TotalSegments=2, Segment=segment)[0]
    other = 1 - segment

    with invalid(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
        "ExclusiveStartKey with correct Segment. "
        f"TotalSegments: 2 Segment: {other}"
    ):
        scan(
            TotalSegments=2,
            Segment=other,
            ExclusiveStartKey={"pk": item["pk"], "sk": item["sk"]},
        )


def test_start_that_is_no_key_is_refused(scan):
    with invalid() as refusal:
        scan(ExclusiveStartKey={"pk": {"S": "a"}})

    assert refusal.message.startswith("The provided starting key is invalid")


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.scan(TableName=unique_name("unknown"))
