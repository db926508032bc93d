"""Local secondary indexes."""

import pytest

from tests.conformance.definition import attributes, index, schema
from tests.conformance.expectation import invalid


@pytest.fixture
def graded(dynamodb, indexed, key):
    """A partition of three items, whose grades run against their sort keys."""
    for sort, grade in (("a", "3"), ("b", "2"), ("c", "1")):
        dynamodb.put_item(
            TableName=indexed,
            Item={"pk": {"S": key}, "sk": {"S": sort}, "grade": {"N": grade}, "x": {"S": "x"}},
        )
    return key


@pytest.fixture
def query(dynamodb, indexed):
    def call(partition, condition="pk = :p", values=None, **options):
        return dynamodb.query(
            TableName=indexed,
            IndexName="by_grade",
            KeyConditionExpression=condition,
            ExpressionAttributeValues={":p": {"S": partition}, **(values or {})},
            **options,
        )

    return call


def test_consistent_read_is_ordered_by_the_index(query, graded):
    found = query(graded, ConsistentRead=True)["Items"]

    assert [item["grade"]["N"] for item in found] == ["1", "2", "3"]
    assert all(item["x"] == {"S": "x"} for item in found)


def test_key_condition_is_on_the_index_sort_key(query, graded):
    found = query(
        graded,
        "pk = :p AND #r > :r",
        {":r": {"N": "1"}},
        ExpressionAttributeNames={"#r": "grade"},
        ConsistentRead=True,
    )["Items"]

    assert [item["sk"]["S"] for item in found] == ["b", "a"]


def test_item_without_the_index_key_is_not_in_the_index(dynamodb, indexed, query, graded):
    dynamodb.put_item(TableName=indexed, Item={"pk": {"S": graded}, "sk": {"S": "d"}})

    assert query(graded, ConsistentRead=True)["Count"] == 3


def test_last_key_has_the_keys_of_index_and_table(query, graded):
    page = query(graded, Limit=1, ConsistentRead=True)

    assert page["LastEvaluatedKey"] == {
        "pk": {"S": graded},
        "sk": {"S": "c"},
        "grade": {"N": "1"},
    }


def test_wrong_type_of_index_key_is_refused(dynamodb, indexed, key):
    with invalid() as refusal:
        dynamodb.put_item(
            TableName=indexed,
            Item={"pk": {"S": key}, "sk": {"S": "a"}, "grade": {"S": "1"}},
        )

    assert "Type mismatch for Index Key grade Expected: N Actual: S IndexName: " in refusal.message


def test_write_tells_the_size_of_the_item_collection(dynamodb, indexed, key):
    answer = dynamodb.put_item(
        TableName=indexed,
        Item={"pk": {"S": key}, "sk": {"S": "a"}},
        ReturnItemCollectionMetrics="SIZE",
    )

    metrics = answer["ItemCollectionMetrics"]
    assert metrics["ItemCollectionKey"] == {"pk": {"S": key}}
    assert len(metrics["SizeEstimateRangeGB"]) == 2


def test_table_without_local_indexes_has_no_item_collections(dynamodb, composite, key):
    answer = dynamodb.put_item(
        TableName=composite,
        Item={"pk": {"S": key}, "sk": {"S": "a"}},
        ReturnItemCollectionMetrics="SIZE",
    )

    assert "ItemCollectionMetrics" not in answer


@pytest.fixture(scope="module")
def narrow(dynamodb, lasting_tables):
    """A table with one item and a local index of its keys only."""
    name = lasting_tables.make(
        KeySchema=schema("pk", "sk"),
        **attributes(("pk", "S"), ("sk", "S"), ("n", "N")),
        LocalSecondaryIndexes=[index("by_n", "pk", "n", ProjectionType="KEYS_ONLY")],
    )["TableName"]
    dynamodb.put_item(
        TableName=name,
        Item={"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1"}, "x": {"S": "x"}},
    )
    return name


KEYS = {"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1"}}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, KEYS),
        ({"Select": "ALL_PROJECTED_ATTRIBUTES"}, KEYS),
        ({"Select": "ALL_ATTRIBUTES"}, KEYS | {"x": {"S": "x"}}),
        ({"ProjectionExpression": "x, n"}, {"n": {"N": "1"}, "x": {"S": "x"}}),
    ],
    ids=["default", "projected", "all", "projection"],
)
def test_query_fetches_from_the_table_what_is_not_projected(dynamodb, narrow, options, found):
    page = dynamodb.query(
        TableName=narrow,
        IndexName="by_n",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "a"}},
        ConsistentRead=True,
        **options,
    )

    assert page["Items"] == [found]
