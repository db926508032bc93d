"""Global indexes whose partition and sort keys have several attributes: their life and entries."""

from __future__ import annotations

import pytest

from tests.conformance.concerts import CONCERTS, KEYS, PLACES, TYPES, concert, without
from tests.conformance.definition import attributes, index
from tests.conformance.expectation import VALUES, invalid
from tests.conformance.stream_reading import Follower
from tests.conftest import LOOKS_MAX

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
def concerts(lasting_tables):
    """The description of a table of concerts."""
    return lasting_tables.make(**CONCERTS)


@pytest.fixture(scope="module")
def table(concerts):
    return concerts["TableName"]


@pytest.fixture
def held(dynamodb, table, key):
    """What an index holds of a test's own items, once there are as many as expected."""

    def call(name, count):
        for _ in range(LOOKS_MAX):
            items = dynamodb.scan(
                TableName=table,
                IndexName=name,
                FilterExpression="begins_with(pk, :k)",
                ExpressionAttributeValues={":k": {"S": key}},
            )["Items"]
            if len(items) == count:
                return items
        raise AssertionError(f"{len(items)} items in {name}, not {count}")

    return call


@pytest.mark.parametrize(
    ("partition_count", "sort_count"), [(1, 2), (1, 4), (2, 0), (3, 1), (4, 4)]
)
def test_one_to_four_attributes_of_a_kind_are_described_as_given(
    tables, partition_count, sort_count
):
    wanted = composite(*NAMES[:partition_count], *NAMES[5 : 5 + sort_count])

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


def test_a_local_index_has_one_attribute_of_each_kind(tables):
    local = index("local", "pk", "r0")
    local["KeySchema"].append({"AttributeName": "r1", "KeyType": "RANGE"})

    with invalid() as refusal:
        tables.make(
            KeySchema=index("table", "pk", "sk")["KeySchema"],
            **attributes(("pk", "S"), ("sk", "S"), ("r0", "S"), ("r1", "S")),
            LocalSecondaryIndexes=[local],
        )

    assert refusal.message.endswith("Member must have length less than or equal to 2")


def test_an_attribute_without_a_definition_is_refused(tables):
    wanted = composite("h0", "h1", "r0")
    del wanted["AttributeDefinitions"][2]

    with invalid(
        f"{VALUES}Some index key attributes are not defined in AttributeDefinitions. "
        "Keys: [h0, h1, r0], AttributeDefinitions: [pk, h0, r0]"
    ):
        tables.make(**wanted)


def test_projections_hold_all_keys_and_what_they_name(dynamodb, table, key, held):
    item = {**concert(key, 1), "title": {"S": "t"}, "other": {"S": "o"}}

    dynamodb.put_item(TableName=table, Item=item)

    assert held("places", 1) == [item]
    assert held("halls", 1) == [without(item, "hall", "other")]
    assert held("keys", 1) == [without(item, "city", "hall", "title", "other")]


@pytest.mark.parametrize("name", KEYS)
def test_an_item_is_only_in_indexes_whose_keys_it_has_all(dynamodb, table, key, held, name):
    dynamodb.put_item(TableName=table, Item=concert(key, 1))

    dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": f"{key}1"}},
        UpdateExpression="REMOVE #n",
        ExpressionAttributeNames={"#n": name},
    )

    held("places", 0)
    held("halls", int(name == "hall"))
    held("keys", int(name in ("city", "hall")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", {"S": "x"}),
        ("city", {"S": "x"}),
        ("year", {"N": "7"}),
        ("day", {"N": "-1"}),
        ("hall", {"B": b"\x00"}),
    ],
)
def test_a_key_that_changes_moves_the_entry(dynamodb, table, key, held, name, value):
    dynamodb.put_item(TableName=table, Item=concert(key, 1))

    dynamodb.put_item(TableName=table, Item={**concert(key, 1), name: value})

    for _ in range(LOOKS_MAX):
        found = held("places", 1)
        if found[0][name] == value:
            break
    assert found == [{**concert(key, 1), name: value}]


@pytest.mark.parametrize(
    ("name", "value", "expected"), [("day", "1", "N"), ("hall", "a", "B"), ("year", "1", "N")]
)
def test_a_key_of_another_type_is_refused(dynamodb, table, key, name, value, expected):
    with invalid() as refusal:
        dynamodb.put_item(TableName=table, Item={**concert(key, 1), name: {"S": value}})

    assert refusal.message.startswith(
        f"{VALUES}Type mismatch for Index Key {name} Expected: {expected} Actual: S IndexName: "
    )


@pytest.mark.parametrize(
    ("name", "value", "kind"), [("city", {"S": ""}, "string"), ("hall", {"B": b""}, "binary")]
)
def test_an_empty_key_is_refused(dynamodb, table, key, name, value, kind):
    with invalid() as refusal:
        dynamodb.put_item(TableName=table, Item={**concert(key, 1), name: value})

    assert refusal.message.startswith(
        "One or more parameter values are not valid. A value specified for a secondary index key "
        f"is not supported. The AttributeValue for a key attribute cannot contain an empty {kind} "
        "value. IndexName: "
    )
    assert refusal.message.endswith(f", IndexKey: {name}")


def test_the_stream_tells_of_items_and_not_of_index_keys(dynamodb, dynamodbstreams, concerts, key):
    follower = Follower(dynamodbstreams, concerts["LatestStreamArn"])
    item = concert(key, 1)

    dynamodb.put_item(TableName=concerts["TableName"], Item=item)

    (record,) = follower.records(f"{key}1", 1)
    assert record["dynamodb"]["Keys"] == {"pk": item["pk"]}
    assert record["dynamodb"]["NewImage"] == item


def test_capacity_is_told_of_each_index(dynamodb, table, key):
    answer = dynamodb.put_item(
        TableName=table, Item=concert(key, 1), ReturnConsumedCapacity="INDEXES"
    )

    capacity = answer["ConsumedCapacity"]
    assert capacity["CapacityUnits"] == 4
    assert {
        name: told["CapacityUnits"] for name, told in capacity["GlobalSecondaryIndexes"].items()
    } == {"places": 1, "halls": 1, "keys": 1}


def test_an_index_made_on_a_table_with_items_holds_those_that_fit(dynamodb, tables, key):
    name = tables.make()["TableName"]
    for item in (
        concert(key, 1),
        {**concert(key, 2), "day": {"S": "no number"}},
        without(concert(key, 3), "city"),
        {**concert(key, 4), "city": {"S": ""}},
    ):
        dynamodb.put_item(TableName=name, Item=item)

    dynamodb.update_table(
        TableName=name, **attributes(*TYPES), GlobalSecondaryIndexUpdates=[{"Create": PLACES}]
    )

    for _ in range(LOOKS_MAX):
        (made,) = tables.wait(name)["GlobalSecondaryIndexes"]
        if made["IndexStatus"] == "ACTIVE":
            break
    assert made["KeySchema"] == PLACES["KeySchema"]
    assert dynamodb.scan(TableName=name, IndexName="places")["Items"] == [concert(key, 1)]


@pytest.mark.local_only
def test_a_restored_table_has_the_indexes(dynamodb, tables, unique_name, key):
    source = tables.make(**CONCERTS)["TableName"]
    dynamodb.put_item(TableName=source, Item=concert(key, 1))
    dynamodb.update_continuous_backups(
        TableName=source, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    target = unique_name("restored")

    dynamodb.restore_table_to_point_in_time(
        SourceTableName=source, TargetTableName=target, UseLatestRestorableTime=True
    )

    described = tables.wait(target)["GlobalSecondaryIndexes"]
    assert {each["IndexName"]: each["KeySchema"] for each in described} == {
        each["IndexName"]: each["KeySchema"] for each in CONCERTS["GlobalSecondaryIndexes"]
    }
    assert dynamodb.scan(TableName=target, IndexName="places")["Items"] == [concert(key, 1)]
    dynamodb.delete_table(TableName=target)
