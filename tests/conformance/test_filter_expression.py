"""FilterExpression in Query and Scan."""

import pytest

from tests.conformance.expectation import invalid


@pytest.fixture
def query(dynamodb, composite, key):
    """Queries three items of the test's partition through a filter."""
    for sort, number in (("a", "1"), ("b", "2"), ("c", "3")):
        dynamodb.put_item(
            TableName=composite,
            Item={
                "pk": {"S": key},
                "sk": {"S": sort},
                "n": {"N": number},
                "m": {"M": {"l": {"L": [{"N": number}]}}},
            },
        )

    def call(expression, values=None, names=None, **options):
        if names:
            options["ExpressionAttributeNames"] = names
        return dynamodb.query(
            TableName=composite,
            KeyConditionExpression="pk = :p",
            FilterExpression=expression,
            ExpressionAttributeValues={":p": {"S": key}, **(values or {})},
            ConsistentRead=True,
            **options,
        )

    return call


@pytest.mark.parametrize(
    ("expression", "values", "found"),
    [
        ("n > :v", {":v": {"N": "1"}}, "bc"),
        ("n IN (:v, :w)", {":v": {"N": "1"}, ":w": {"N": "3"}}, "ac"),
        ("n BETWEEN :v AND :w", {":v": {"N": "1"}, ":w": {"N": "2"}}, "ab"),
        ("m.l[0] = :v", {":v": {"N": "2"}}, "b"),
        ("NOT n = :v", {":v": {"N": "2"}}, "ac"),
        ("attribute_exists(gone)", {}, ""),
        ("n = :v OR size(m) = :v", {":v": {"N": "1"}}, "abc"),
    ],
)
def test_filter_lets_through_what_it_holds_for(query, expression, values, found):
    page = query(expression, values)

    assert "".join(item["sk"]["S"] for item in page["Items"]) == found
    assert (page["Count"], page["ScannedCount"]) == (len(found), 3)


def test_filter_sees_what_the_projection_leaves_out(query):
    page = query("n = :v", {":v": {"N": "2"}}, ProjectionExpression="sk")

    assert page["Items"] == [{"sk": {"S": "b"}}]


@pytest.mark.parametrize(
    ("expression", "name"),
    [("pk = :p", "pk"), ("sk = :p", "sk"), ("n = :p AND size(sk) = :p", "sk")],
)
def test_filter_of_a_query_must_not_use_keys(query, expression, name):
    with invalid(
        "Filter Expression can only contain non-primary key attributes: "
        f"Primary key attribute: {name}"
    ):
        query(expression)


def test_filter_of_an_index_query_must_not_use_its_keys(dynamodb, indexed):
    with invalid(
        "Filter Expression can only contain non-primary key attributes: "
        "Primary key attribute: colour"
    ):
        dynamodb.query(
            TableName=indexed,
            IndexName="by_colour",
            KeyConditionExpression="colour = :c",
            FilterExpression="colour <> :c",
            ExpressionAttributeValues={":c": {"S": "red"}},
        )


def test_filter_of_an_index_query_may_use_the_keys_of_the_table(dynamodb, indexed, key):
    page = dynamodb.query(
        TableName=indexed,
        IndexName="by_colour",
        KeyConditionExpression="colour = :c",
        FilterExpression="pk <> :c",
        ExpressionAttributeValues={":c": {"S": key}},
    )

    assert page["Items"] == []
