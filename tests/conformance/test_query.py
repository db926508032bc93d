"""Query: order, pages, counts and what it refuses; its expressions have files of their own."""

from typing import Any

import pytest

from tests.conformance.expectation import at_least, fault, invalid, missing


@pytest.fixture
def partition(dynamodb, composite, key):
    """A partition of five items, `a` to `e`, whose attribute `n` is 1 to 5."""
    dynamodb.batch_write_item(
        RequestItems={
            composite: [
                {
                    "PutRequest": {
                        "Item": {"pk": {"S": key}, "sk": {"S": sort}, "n": {"N": str(number)}}
                    }
                }
                for number, sort in enumerate("abcde", 1)
            ]
        }
    )
    return key


@pytest.fixture
def query(dynamodb, composite):
    """Queries a partition of the composite table, consistently."""

    def call(partition, condition="pk = :p", values=None, **options):
        return dynamodb.query(
            **{
                "TableName": composite,
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": {":p": {"S": partition}, **(values or {})},
                "ConsistentRead": True,
            }
            | options
        )

    return call


def sorts(page):
    return "".join(item["sk"]["S"] for item in page["Items"])


def test_items_come_in_the_order_of_the_sort_key(query, partition):
    assert sorts(query(partition)) == "abcde"


def test_order_can_be_reversed(query, partition):
    assert sorts(query(partition, ScanIndexForward=False)) == "edcba"


def test_eventual_read_is_allowed(query, partition):
    assert query(partition, ConsistentRead=False)["ScannedCount"] <= 5


def test_empty_partition_has_no_items(query, key):
    page = query(key)

    assert page["Items"] == []
    assert (page["Count"], page["ScannedCount"]) == (0, 0)
    assert "LastEvaluatedKey" not in page


@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_join_to_the_whole(query, partition, is_forward, limit):
    found = ""
    start: dict[str, Any] = {}
    while True:
        page = query(partition, Limit=limit, ScanIndexForward=is_forward, **start)
        assert len(page["Items"]) <= limit
        found += sorts(page)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    assert found == ("abcde" if is_forward else "edcba")


def test_last_key_is_that_of_the_last_item(query, partition):
    page = query(partition, Limit=2)

    assert page["LastEvaluatedKey"] == {"pk": {"S": partition}, "sk": {"S": "b"}}


def test_page_that_the_limit_fills_exactly_has_a_last_key(query, partition):
    page = query(partition, Limit=5)

    assert page["LastEvaluatedKey"] == {"pk": {"S": partition}, "sk": {"S": "e"}}
    assert query(partition, ExclusiveStartKey=page["LastEvaluatedKey"])["Items"] == []


def test_start_need_not_exist(query, partition):
    start = {"pk": {"S": partition}, "sk": {"S": "bb"}}

    assert sorts(query(partition, ExclusiveStartKey=start)) == "cde"


def test_limit_counts_what_is_evaluated_before_the_filter(query, partition):
    page = query(partition, values={":n": {"N": "3"}}, FilterExpression="n >= :n", Limit=3)

    assert sorts(page) == "c"
    assert (page["Count"], page["ScannedCount"]) == (1, 3)
    assert page["LastEvaluatedKey"]["sk"] == {"S": "c"}


def test_count_gives_no_items(query, partition):
    page = query(partition, Select="COUNT")

    assert "Items" not in page
    assert (page["Count"], page["ScannedCount"]) == (5, 5)


def test_projection_keeps_what_it_names(query, partition):
    page = query(partition, ProjectionExpression="n", Limit=1)

    assert page["Items"] == [{"n": {"N": "1"}}]


def test_page_ends_at_one_megabyte(dynamodb, composite, key, query):
    for number in range(12):
        dynamodb.put_item(
            TableName=composite,
            Item={"pk": {"S": key}, "sk": {"S": f"{number:02}"}, "fill": {"S": "x" * 100_000}},
        )

    page = query(key, ProjectionExpression="sk")
    rest = query(key, ProjectionExpression="sk", ExclusiveStartKey=page["LastEvaluatedKey"])

    assert 10 <= page["Count"] <= 11
    assert page["Count"] + rest["Count"] == 12
    assert "LastEvaluatedKey" not in rest


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        (["", "a"], None),
        (["A", "Z", "a", "z", "ä", "\uffff", "\U00010000"], "text by its UTF-8 bytes"),
        (["a", "a\x00", "a\x00\x00", "a\x01", "aa"], "prefixes first, zero bytes too"),
    ],
    ids=["", "UTF-8", "zero bytes"],
)
def test_strings_are_ordered_by_their_bytes(dynamodb, composite, key, query, values, ordered):
    for value in reversed(values):
        if value:
            dynamodb.put_item(TableName=composite, Item={"pk": {"S": key}, "sk": {"S": value}})

    found = [item["sk"]["S"] for item in query(key)["Items"]]

    assert found == [value for value in values if value]


def test_binaries_are_ordered_as_unsigned_bytes(dynamodb, binary, key):
    values = [b"\x00", b"\x00\x00", b"\x00\xff", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\x00"]
    for value in reversed(values):
        dynamodb.put_item(TableName=binary, Item={"pk": {"S": key}, "sk": {"B": value}})

    found = dynamodb.query(
        TableName=binary,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": key}},
        ConsistentRead=True,
    )["Items"]

    assert [item["sk"]["B"] for item in found] == values


def test_keys_with_a_common_beginning_are_partitions_of_their_own(dynamodb, composite, key, query):
    for partition in (key, key + "\x00", key + "a"):
        dynamodb.put_item(TableName=composite, Item={"pk": {"S": partition}, "sk": {"S": "s"}})

    assert query(key)["Count"] == 1


def test_query_needs_a_condition(dynamodb, composite):
    with invalid(
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request."
    ):
        dynamodb.query(TableName=composite)


def test_unknown_table_is_not_found(query, unique_name):
    with missing():
        query("a", TableName=unique_name("unknown"))


def test_unknown_index_is_named(query):
    with invalid("The table does not have the specified index: unknown"):
        query("a", IndexName="unknown")


def test_limit_of_nought_is_refused(query):
    with invalid(fault(0, "limit", at_least(1))):
        query("a", Limit=0)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param({"pk": {"S": "a"}}, id="no sort key"),
        pytest.param({"pk": {"S": "a"}, "sk": {"N": "1"}}, id="wrong type"),
        pytest.param({"pk": {"S": "a"}, "sk": {"S": "a"}, "x": {"S": "a"}}, id="too many"),
    ],
)
def test_start_that_is_no_key_is_refused(query, start):
    with invalid() as refusal:
        query("a", ExclusiveStartKey=start)

    assert refusal.message.startswith("The provided starting key is invalid")


@pytest.mark.parametrize(
    ("condition", "values", "start"),
    [
        pytest.param("pk = :p", {}, ("other", "a"), id="another partition"),
        pytest.param("pk = :p AND sk > :s", {":s": {"S": "c"}}, (None, "b"), id="before"),
    ],
)
def test_start_outside_the_condition_is_refused(query, partition, condition, values, start):
    with invalid() as refusal:
        query(
            partition,
            condition,
            values,
            ExclusiveStartKey={"pk": {"S": start[0] or partition}, "sk": {"S": start[1]}},
        )

    assert refusal.message.startswith("The provided starting key ")


@pytest.mark.parametrize("select", ["ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"])
def test_selection_that_does_not_fit_is_refused(query, select):
    with invalid():
        query("a", Select=select)


def test_count_with_a_projection_is_refused(query):
    with invalid():
        query("a", Select="COUNT", ProjectionExpression="n")
