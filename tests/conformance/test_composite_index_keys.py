"""Global indexes whose partition and sort keys have several attributes."""

from __future__ import annotations

import pytest

from tests.conformance.definition import attributes
from tests.conformance.expectation import VALUES, invalid

NAMES = [f"h{number}" for number in range(5)] + [f"r{number}" for number in range(5)]


def composite(*elements):
    """A table with an index of these key attributes: HASH those that begin with h, RANGE others."""
    kinds = {"h": "HASH", "r": "RANGE"}
    return {
        **attributes(("pk", "S"), *((name, "S") for name in dict.fromkeys(elements))),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "several",
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kinds[name[0]]} for name in elements
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    }


@pytest.fixture(scope="module")
def table(lasting_tables):
    """A table with an index of two partition and two sort attributes."""
    return lasting_tables.make(**composite("h0", "h1", "r0", "r1"))


def test_four_attributes_of_each_kind_are_described_as_given(tables):
    wanted = composite(*NAMES[:4], *NAMES[5:9])

    described = tables.make(**wanted)

    (index,) = described["GlobalSecondaryIndexes"]
    assert index["KeySchema"] == wanted["GlobalSecondaryIndexes"][0]["KeySchema"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:5], "The KeySchema exceeds the maximum allowed number of HASH key attributes"),
        (
            ["h0", *NAMES[5:]],
            "The KeySchema exceeds the maximum allowed number of RANGE key attributes",
        ),
        (
            ["h0", "r0", "h1"],
            "All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ),
        (
            ["h0", "h1", "h1"],
            "The KeySchema contains multiple key attributes with the same name",
        ),
    ],
)
def test_other_schemas_are_refused(tables, names, message):
    with invalid(f"{VALUES}{message}"):
        tables.make(**composite(*names))


def test_a_table_key_has_one_attribute_of_each_kind(tables):
    three = composite("h0", "r0", "r1")["GlobalSecondaryIndexes"][0]["KeySchema"]

    with invalid() as refusal:
        tables.make(KeySchema=three, **attributes(("h0", "S"), ("r0", "S"), ("r1", "S")))

    assert refusal.message.endswith(
        "at 'keySchema' failed to satisfy constraint: "
        "Member must have length less than or equal to 2"
    )


def test_items_are_found_by_all_partition_and_leading_sort_attributes(dynamodb, table, key):
    for number, (first, second) in enumerate([("a", "x"), ("a", "y"), ("b", "x")]):
        dynamodb.put_item(
            TableName=table["TableName"],
            Item={
                "pk": {"S": f"{key}{number}"},
                "h0": {"S": key},
                "h1": {"S": "h"},
                "r0": {"S": first},
                "r1": {"S": second},
            },
        )

    answer = dynamodb.query(
        TableName=table["TableName"],
        IndexName="several",
        KeyConditionExpression="h0 = :k AND h1 = :h AND r0 = :a AND r1 > :x",
        ExpressionAttributeValues={
            ":k": {"S": key},
            ":h": {"S": "h"},
            ":a": {"S": "a"},
            ":x": {"S": "x"},
        },
    )

    assert [item["pk"]["S"] for item in answer["Items"]] == [f"{key}1"]
    with invalid("Query condition missed key schema element: h1"):
        dynamodb.query(
            TableName=table["TableName"],
            IndexName="several",
            KeyConditionExpression="h0 = :k",
            ExpressionAttributeValues={":k": {"S": key}},
        )
