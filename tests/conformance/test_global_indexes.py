"""Global secondary indexes: their entries, their life on a table with items."""

import pytest

from tests.conformance.definition import attributes, index
from tests.conformance.expectation import VALUES, invalid, refused
from tests.conftest import LOOKS_MAX


@pytest.fixture
def query(dynamodb, indexed):
    """Queries an index of the shared table by colour."""

    def call(name, colour, **options):
        return dynamodb.query(
            TableName=indexed,
            IndexName=name,
            KeyConditionExpression="colour = :c",
            ExpressionAttributeValues={":c": {"S": colour}},
            **options,
        )

    return call


@pytest.fixture
def eventually(query):
    """The items of a query once there are as many as expected: such reads may be behind."""

    def call(name, colour, count):
        for _ in range(LOOKS_MAX):
            items = query(name, colour)["Items"]
            if len(items) == count:
                return items
        raise AssertionError(f"{len(items)} items in {name}, not {count}")

    return call


def item(key, sort="a", **others):
    return {"pk": {"S": key}, "sk": {"S": sort}, **others}


def coloured(key, sort="a", grade="1", **others):
    """An item in every index, its colour being its partition key."""
    return item(key, sort, colour={"S": key}, grade={"N": grade}, **others)


def test_entry_projects_everything(dynamodb, indexed, key, eventually):
    stored = coloured(key, note={"S": "n"}, other={"S": "o"})

    dynamodb.put_item(TableName=indexed, Item=stored)

    assert eventually("by_colour", key, 1) == [stored]


def test_entry_projects_keys_only(dynamodb, indexed, key, eventually):
    dynamodb.put_item(TableName=indexed, Item=coloured(key, note={"S": "n"}, other={"S": "o"}))

    assert eventually("colour_keys", key, 1) == [coloured(key)]


def test_entry_projects_keys_and_included_attributes(dynamodb, indexed, key, eventually):
    dynamodb.put_item(TableName=indexed, Item=coloured(key, note={"S": "n"}, other={"S": "o"}))

    assert eventually("colour_some", key, 1) == [
        item(key, colour={"S": key}, note={"S": "n"}),
    ]


def test_item_without_an_index_key_is_not_in_the_index(dynamodb, indexed, key, eventually):
    dynamodb.put_item(TableName=indexed, Item=item(key, "a", colour={"S": key}))
    dynamodb.put_item(TableName=indexed, Item=coloured(key, "b"))

    assert [found["sk"]["S"] for found in eventually("by_colour", key, 1)] == ["b"]
    assert len(eventually("colour_some", key, 2)) == 2


def test_entries_are_ordered_by_the_index_sort_key(dynamodb, indexed, key, eventually):
    for sort, grade in (("a", "10"), ("b", "-3"), ("c", "2.5")):
        dynamodb.put_item(TableName=indexed, Item=coloured(key, sort, grade))

    found = eventually("by_colour", key, 3)

    assert [each["grade"]["N"] for each in found] == ["-3", "2.5", "10"]


def test_items_may_share_index_keys(dynamodb, indexed, key, eventually):
    for sort in "abc":
        dynamodb.put_item(TableName=indexed, Item=coloured(key, sort))

    assert {found["sk"]["S"] for found in eventually("by_colour", key, 3)} == {"a", "b", "c"}


def test_changed_index_key_moves_the_entry(dynamodb, indexed, key, eventually):
    dynamodb.put_item(TableName=indexed, Item=coloured(key))

    dynamodb.update_item(
        TableName=indexed,
        Key=item(key),
        UpdateExpression="SET colour = :c",
        ExpressionAttributeValues={":c": {"S": key + "-new"}},
    )

    assert len(eventually("by_colour", key + "-new", 1)) == 1
    assert eventually("by_colour", key, 0) == []


@pytest.mark.parametrize("attribute", ["colour", "grade"])
def test_removed_index_key_removes_the_entry(dynamodb, indexed, key, eventually, attribute):
    dynamodb.put_item(TableName=indexed, Item=coloured(key))

    dynamodb.update_item(TableName=indexed, Key=item(key), UpdateExpression=f"REMOVE {attribute}")

    assert eventually("by_colour", key, 0) == []


def test_deleted_item_leaves_the_index(dynamodb, indexed, key, eventually):
    dynamodb.put_item(TableName=indexed, Item=coloured(key))

    dynamodb.delete_item(TableName=indexed, Key=item(key))

    assert eventually("by_colour", key, 0) == []
    assert eventually("colour_keys", key, 0) == []


def test_changed_attribute_is_seen_in_the_index(dynamodb, indexed, key, eventually, query):
    dynamodb.put_item(TableName=indexed, Item=coloured(key, note={"S": "old"}))

    dynamodb.put_item(TableName=indexed, Item=coloured(key, note={"S": "new"}))

    for _ in range(LOOKS_MAX):
        (found,) = eventually("colour_some", key, 1)
        if found["note"] == {"S": "new"}:
            break
    assert found["note"] == {"S": "new"}


def test_last_key_has_the_keys_of_index_and_table(dynamodb, indexed, key, eventually, query):
    for sort in "ab":
        dynamodb.put_item(TableName=indexed, Item=coloured(key, sort, other={"S": "o"}))
    eventually("by_colour", key, 2)

    first = query("by_colour", key, Limit=1)
    second = query("by_colour", key, ExclusiveStartKey=first["LastEvaluatedKey"])

    assert first["LastEvaluatedKey"] == coloured(key, first["Items"][0]["sk"]["S"])
    assert {each["sk"]["S"] for each in first["Items"] + second["Items"]} == {"a", "b"}


def test_consistent_read_is_refused(query, key):
    with invalid("Consistent reads are not supported on global secondary indexes"):
        query("by_colour", key, ConsistentRead=True)


def test_all_attributes_of_a_partial_index_are_refused(query, key):
    with invalid():
        query("colour_keys", key, Select="ALL_ATTRIBUTES")


def test_unknown_index_is_named(query, key):
    with invalid("The table does not have the specified index: unknown"):
        query("unknown", key)


def test_index_key_of_wrong_type_is_refused(dynamodb, indexed, key):
    with invalid() as refusal:
        dynamodb.put_item(TableName=indexed, Item=coloured(key) | {"colour": {"N": "1"}})

    assert refusal.message.startswith(
        VALUES + "Type mismatch for Index Key colour Expected: S Actual: N IndexName: "
    )


def test_update_to_an_index_key_of_wrong_type_is_refused(dynamodb, indexed, key):
    with invalid():
        dynamodb.update_item(
            TableName=indexed,
            Key=item(key),
            UpdateExpression="SET colour = :c",
            ExpressionAttributeValues={":c": {"N": "1"}},
        )


def test_empty_index_key_is_refused(dynamodb, indexed, key):
    with invalid() as refusal:
        dynamodb.put_item(TableName=indexed, Item=coloured(key) | {"colour": {"S": ""}})

    assert refusal.message.startswith(
        "One or more parameter values are not valid. A value specified for a secondary index "
        "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
        "string value. IndexName: "
    )
    assert refusal.message.endswith(", IndexKey: colour")


@pytest.fixture
def add_index(dynamodb, wait_for_indexes):
    """Adds an index by the number `n` to a table and returns the table once it is active."""

    def call(table, name="by_n", **others):
        dynamodb.update_table(
            TableName=table["TableName"],
            **attributes(("pk", "S"), ("n", "N")),
            GlobalSecondaryIndexUpdates=[{"Create": index(name, "n") | others}],
        )
        return wait_for_indexes(table["TableName"])

    return call


@pytest.fixture
def wait_for_indexes(dynamodb, tables):
    """The table's description once it and every index of it is active."""

    def call(name):
        for _ in range(LOOKS_MAX):
            table = tables.wait(name)
            indexes = table.get("GlobalSecondaryIndexes", [])
            if all(each["IndexStatus"] == "ACTIVE" for each in indexes):
                return table
        raise AssertionError(f"indexes of {name} are not active")

    return call


def by_n(dynamodb, table, value, **options):
    return dynamodb.query(
        TableName=table["TableName"],
        IndexName="by_n",
        KeyConditionExpression="n = :n",
        ExpressionAttributeValues={":n": {"N": value}},
        **options,
    )["Items"]


def test_new_index_holds_what_was_there(dynamodb, make_table, add_index):
    table = make_table()
    for number in range(30):
        dynamodb.put_item(
            TableName=table["TableName"],
            Item={"pk": {"S": str(number)}, "n": {"N": str(number % 3)}},
        )

    add_index(table)

    assert len(by_n(dynamodb, table, "0")) == 10
    assert dynamodb.scan(TableName=table["TableName"], IndexName="by_n")["Count"] == 30


def test_new_index_skips_items_of_wrong_type(dynamodb, make_table, add_index):
    table = make_table()
    for key, value in (("a", {"N": "1"}), ("b", {"S": "1"}), ("c", {"NULL": True})):
        dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": key}, "n": value})
    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "d"}})

    add_index(table)

    found = dynamodb.scan(TableName=table["TableName"], IndexName="by_n")["Items"]
    assert [each["pk"]["S"] for each in found] == ["a"]


def test_new_index_follows_later_writes(dynamodb, make_table, add_index):
    table = make_table()
    add_index(table)

    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "a"}, "n": {"N": "1"}})

    for _ in range(LOOKS_MAX):
        if found := by_n(dynamodb, table, "1"):
            break
    assert found == [{"pk": {"S": "a"}, "n": {"N": "1"}}]


def test_index_being_created_is_shown(dynamodb, make_table, wait_for_indexes):
    table = make_table()

    answer = dynamodb.update_table(
        TableName=table["TableName"],
        **attributes(("pk", "S"), ("n", "N")),
        GlobalSecondaryIndexUpdates=[{"Create": index("by_n", "n")}],
    )["TableDescription"]

    assert answer["TableStatus"] == "UPDATING"
    (shown,) = answer["GlobalSecondaryIndexes"]
    assert shown["IndexStatus"] == "CREATING"
    assert shown["Backfilling"] in (False, True)
    described = wait_for_indexes(table["TableName"])
    assert {each["AttributeName"] for each in described["AttributeDefinitions"]} == {"pk", "n"}
    (made,) = described["GlobalSecondaryIndexes"]
    assert made["IndexStatus"] == "ACTIVE"
    assert "Backfilling" not in made


def test_existing_index_is_refused(dynamodb, make_table, add_index):
    table = add_index(make_table())

    with invalid() as refusal:
        add_index(table)

    assert "Attempting to create an index which already exists" in refusal.message


def test_deleted_index_is_gone(dynamodb, make_table, add_index, tables):
    table = add_index(make_table())

    dynamodb.update_table(
        TableName=table["TableName"],
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_n"}}],
    )

    for _ in range(LOOKS_MAX):
        described = tables.wait(table["TableName"])
        if "GlobalSecondaryIndexes" not in described:
            break
    assert "GlobalSecondaryIndexes" not in described
    with invalid("The table does not have the specified index: by_n"):
        by_n(dynamodb, table, "1")


def test_recreated_index_holds_what_is_there(dynamodb, make_table, add_index, tables):
    table = add_index(make_table())
    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    dynamodb.update_table(
        TableName=table["TableName"],
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_n"}}],
    )
    for _ in range(LOOKS_MAX):
        if "GlobalSecondaryIndexes" not in tables.wait(table["TableName"]):
            break
    dynamodb.delete_item(TableName=table["TableName"], Key={"pk": {"S": "a"}})
    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "b"}, "n": {"N": "1"}})

    add_index(table)

    assert by_n(dynamodb, table, "1") == [{"pk": {"S": "b"}, "n": {"N": "1"}}]


def test_index_of_unknown_name_cannot_be_deleted(dynamodb, simple):
    with refused("ResourceNotFoundException"):
        dynamodb.update_table(
            TableName=simple,
            GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "unknown"}}],
        )
