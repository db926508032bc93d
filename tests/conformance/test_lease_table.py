"""The lease table of the Kinesis Client Library: every call its lease refresher makes.

Versions 1, 2 and 3 all write leases with Expected and AttributeUpdates. Source: the library's
DynamoDBLeaseRefresher and DynamoDBLeaseSerializer.
"""

from typing import Any

import pytest

from tests.conformance.definition import attributes, index, schema
from tests.conformance.expectation import missing
from tests.conftest import LOOKS_MAX

INDEX = "LeaseOwnerToLeaseKeyIndex"
HASH_KEY_MAX = str(2**128 - 1)


@pytest.fixture(scope="module")
def leases(lasting_tables):
    """A lease table, made as the library makes it."""
    return lasting_tables.make(
        KeySchema=schema("leaseKey"),
        **attributes(("leaseKey", "S")),
        DeletionProtectionEnabled=False,
        Tags=[],
    )["TableName"]


@pytest.fixture
def lease(key):
    """A lease nobody holds, as the library writes it first."""
    return {
        "leaseKey": {"S": key},
        "leaseCounter": {"N": "0"},
        "ownerSwitchesSinceCheckpoint": {"N": "0"},
        "checkpoint": {"S": "TRIM_HORIZON"},
        "checkpointSubSequenceNumber": {"N": "0"},
        "parentShardId": {"SS": ["shardId-000000000000"]},
        "startingHashKey": {"S": "0"},
        "endingHashKey": {"S": HASH_KEY_MAX},
    }


@pytest.fixture
def create(dynamodb, leases, lease):
    def call(**changes):
        item = lease | changes
        dynamodb.put_item(TableName=leases, Item=item, Expected={"leaseKey": {"Exists": False}})
        return item

    return call


@pytest.fixture
def update(dynamodb, leases, key):
    def call(updates, expected, **options):
        return dynamodb.update_item(
            TableName=leases,
            Key={"leaseKey": {"S": key}},
            AttributeUpdates=updates,
            Expected=expected,
            **options,
        )

    return call


@pytest.fixture
def get(dynamodb, leases, key):
    def call():
        found = dynamodb.get_item(
            TableName=leases, Key={"leaseKey": {"S": key}}, ConsistentRead=True
        )
        return found.get("Item")

    return call


def put(kind, value):
    return {"Action": "PUT", "Value": {kind: value}}


def value(kind, held):
    return {"Value": {kind: held}}


DELETE = {"Action": "DELETE"}
ABSENT = {"Exists": False}
ONE_MORE = {"Action": "ADD", "Value": {"N": "1"}}


def present(key):
    return {"Exists": True, "Value": {"S": key}}


# --- the table


def test_table_is_found_missing_and_made(dynamodb, tables, unique_name):
    name = unique_name("application")
    with missing(f"Requested resource not found: Table: {name} not found"):
        dynamodb.describe_table(TableName=name)

    table = tables.make(
        TableName=name,
        KeySchema=schema("leaseKey"),
        **attributes(("leaseKey", "S")),
        DeletionProtectionEnabled=False,
        Tags=[{"Key": "team", "Value": "streams"}],
    )

    assert table["TableStatus"] == "ACTIVE"


def test_index_is_added_and_becomes_active(dynamodb, tables):
    name = tables.make(KeySchema=schema("leaseKey"), **attributes(("leaseKey", "S")))["TableName"]
    for lease_key in ("a", "b"):
        item = {"leaseKey": {"S": lease_key}, "leaseOwner": {"S": "worker"}}
        dynamodb.put_item(TableName=name, Item=item)
    dynamodb.put_item(TableName=name, Item={"leaseKey": {"S": "c"}})
    created = index(INDEX, "leaseOwner", "leaseKey", ProjectionType="KEYS_ONLY")

    answer = dynamodb.update_table(
        TableName=name,
        **attributes(("leaseOwner", "S"), ("leaseKey", "S")),
        GlobalSecondaryIndexUpdates=[{"Create": created}],
    )

    (described,) = answer["TableDescription"]["GlobalSecondaryIndexes"]
    assert described["IndexStatus"] in ("CREATING", "ACTIVE")
    until_active(tables, name)
    assert keys_of_owner(dynamodb, name, "worker") == ["a", "b"]


def test_provisioned_table_with_protection_and_recovery_is_made(dynamodb, tables):
    """As version 1 makes it, and as later ones do where they are told to."""
    throughput = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 10}
    made = tables.make(
        KeySchema=schema("leaseKey"),
        **attributes(("leaseKey", "S")),
        BillingMode="PROVISIONED",
        ProvisionedThroughput=throughput,
        DeletionProtectionEnabled=True,
    )
    name = made["TableName"]
    recovery = {"PointInTimeRecoveryEnabled": True}

    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    created = index(INDEX, "leaseOwner", "leaseKey", ProjectionType="KEYS_ONLY")
    dynamodb.update_table(
        TableName=name,
        **attributes(("leaseOwner", "S"), ("leaseKey", "S")),
        GlobalSecondaryIndexUpdates=[{"Create": created | {"ProvisionedThroughput": throughput}}],
    )

    until_active(tables, name)
    table = tables.wait(name)
    assert table["DeletionProtectionEnabled"]
    (described,) = table["GlobalSecondaryIndexes"]
    assert throughput.items() <= described["ProvisionedThroughput"].items()
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.wait(name)


def until_active(tables, name):
    """Return once the table's one index is active; a table may be before its index."""
    for _ in range(LOOKS_MAX):
        (described,) = tables.wait(name)["GlobalSecondaryIndexes"]
        if described["IndexStatus"] == "ACTIVE":
            return
    pytest.fail("the index never became active")


def keys_of_owner(dynamodb, name, owner):
    """The owner's lease keys by the index, one a page."""
    found = []
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.query(
            TableName=name,
            IndexName=INDEX,
            KeyConditionExpression="leaseOwner = :leaseOwner",
            ExpressionAttributeValues={":leaseOwner": {"S": owner}},
            Limit=1,
            **start,
        )
        found += [item["leaseKey"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


# --- listing


@pytest.fixture
def several(dynamodb, leases, key):
    """The keys of seven leases of one stream."""
    lease_keys = [f"{key}:{number}" for number in range(7)]
    for lease_key in lease_keys:
        item = {"leaseKey": {"S": lease_key}, "streamName": {"S": key}}
        dynamodb.put_item(TableName=leases, Item=item)
    return lease_keys


def scanned(dynamodb, **options):
    """The lease keys a scan finds, page by page."""
    found = []
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.scan(**options, **start)
        found += [item["leaseKey"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def test_leases_are_listed_page_by_page(dynamodb, leases, several):
    assert set(several) <= set(scanned(dynamodb, TableName=leases, Limit=3))


def test_leases_are_listed_in_segments(dynamodb, leases, several):
    found = [
        lease_key
        for segment in range(4)
        for lease_key in scanned(dynamodb, TableName=leases, Segment=segment, TotalSegments=4)
    ]

    assert set(several) <= set(found)
    assert len(set(found)) == len(found)


def test_leases_of_one_stream_are_listed(dynamodb, leases, several, key):
    found = scanned(
        dynamodb,
        TableName=leases,
        FilterExpression="streamName = :streamName",
        ExpressionAttributeValues={":streamName": {"S": key}},
    )

    assert sorted(found) == several


# --- one lease


def test_lease_is_created_once(dynamodb, create, get):
    created = create()

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        create(checkpoint={"S": "LATEST"})

    assert get() == created


def test_lease_that_is_not_there_is_not_got(get):
    assert get() is None


RENEWED = {"leaseCounter": put("N", "8"), "throughputKBps": put("N", "12.5")}
OF_COUNTER_7 = {"leaseCounter": value("N", "7"), "checkpointOwner": ABSENT}


def test_lease_is_renewed(create, update, get):
    held = create(leaseOwner={"S": "me"}, leaseCounter={"N": "7"})

    update(RENEWED, OF_COUNTER_7, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert get() == held | {"leaseCounter": {"N": "8"}, "throughputKBps": {"N": "12.5"}}


@pytest.mark.parametrize(
    "changes",
    [{"leaseCounter": {"N": "9"}}, {"leaseCounter": {"N": "7"}, "checkpointOwner": {"S": "me"}}],
    ids=["taken", "handed off"],
)
def test_failed_renewal_shows_the_lease(dynamodb, create, update, changes):
    held = create(leaseOwner={"S": "other"}, **changes)

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        update(RENEWED, OF_COUNTER_7, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert caught.value.response["Item"] == held


def test_renewal_of_a_deleted_lease_fails_without_one(dynamodb, update):
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        update(RENEWED, OF_COUNTER_7, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert "Item" not in caught.value.response


def test_lease_is_renewed_by_its_counter_alone(dynamodb, create, update, get):
    """Versions 1 and 2: whoever knows the counter has the lease."""
    held = create(leaseOwner={"S": "me"}, leaseCounter={"N": "7"})

    update({"leaseCounter": put("N", "8")}, {"leaseCounter": value("N", "7")})

    assert get() == held | {"leaseCounter": {"N": "8"}}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        update({"leaseCounter": put("N", "8")}, {"leaseCounter": value("N", "7")})


def test_lease_of_another_is_not_evicted(dynamodb, create, update, get):
    """Versions 1 and 2 evict on condition of the owner alone."""
    held = create(leaseOwner={"S": "other"})

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        update({"leaseOwner": DELETE, "leaseCounter": ONE_MORE}, {"leaseOwner": value("S", "me")})

    assert get() == held


def test_lease_is_got_without_a_consistent_read(dynamodb, leases, create, key):
    created = create()

    assert dynamodb.get_item(TableName=leases, Key={"leaseKey": {"S": key}})["Item"] == created


def test_lease_is_taken(create, update, get):
    held = create(leaseOwner={"S": "other"}, leaseCounter={"N": "7"})

    update(
        {
            "leaseCounter": put("N", "8"),
            "leaseOwner": put("S", "me"),
            "checkpointOwner": DELETE,
            "ownerSwitchesSinceCheckpoint": ONE_MORE,
        },
        {"leaseCounter": value("N", "7")},
    )

    assert get() == held | {
        "leaseCounter": {"N": "8"},
        "leaseOwner": {"S": "me"},
        "ownerSwitchesSinceCheckpoint": {"N": "1"},
    }


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({}, {"leaseOwner": ABSENT, "checkpointOwner": ABSENT}),
        (
            {"leaseOwner": {"S": "other"}},
            {"leaseOwner": value("S", "other"), "checkpointOwner": ABSENT},
        ),
        (
            {"leaseOwner": {"S": "other"}, "checkpointOwner": {"S": "third"}},
            {"leaseOwner": value("S", "other"), "checkpointOwner": value("S", "third")},
        ),
    ],
    ids=["free", "held", "in hand-off"],
)
def test_lease_is_assigned(create, update, key, held, expected):
    created = create(**held)

    answer = update(
        {"leaseOwner": put("S", "me"), "checkpointOwner": DELETE, "leaseCounter": ONE_MORE},
        expected | {"leaseKey": present(key)},
        ReturnValues="ALL_NEW",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assigned = created | {"leaseOwner": {"S": "me"}, "leaseCounter": {"N": "1"}}
    assigned.pop("checkpointOwner", None)
    assert answer["Attributes"] == assigned


def test_assignment_of_a_deleted_lease_creates_none(dynamodb, update, get, key):
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        update(
            {"leaseOwner": put("S", "me"), "checkpointOwner": DELETE, "leaseCounter": ONE_MORE},
            {"leaseOwner": ABSENT, "checkpointOwner": ABSENT, "leaseKey": present(key)},
            ReturnValues="ALL_NEW",
        )

    assert get() is None


def test_lease_is_handed_off_gracefully(create, update, key):
    held = create(leaseOwner={"S": "other"})

    answer = update(
        {"leaseOwner": put("S", "me"), "checkpointOwner": put("S", "other")},
        {
            "leaseOwner": value("S", "other"),
            "checkpointOwner": ABSENT,
            "leaseKey": present(key),
        },
        ReturnValues="ALL_NEW",
    )

    assert answer["Attributes"] == held | {
        "leaseOwner": {"S": "me"},
        "checkpointOwner": {"S": "other"},
    }


def test_lease_is_evicted(create, update, key, lease):
    create(leaseOwner={"S": "other"})

    answer = update(
        {"leaseOwner": DELETE, "checkpointOwner": DELETE, "leaseCounter": ONE_MORE},
        {"leaseOwner": value("S", "other"), "checkpointOwner": ABSENT, "leaseKey": present(key)},
        ReturnValues="ALL_NEW",
    )

    assert answer["Attributes"] == lease | {"leaseCounter": {"N": "1"}}


def test_lease_is_checkpointed(create, update, get):
    held = create(
        leaseOwner={"S": "me"},
        leaseCounter={"N": "7"},
        pendingCheckpoint={"S": "49590338271490256608559692538361571095921575989136588898"},
        pendingCheckpointState={"B": b"state"},
    )

    update(
        {
            "checkpoint": put("S", "SHARD_END"),
            "checkpointSubSequenceNumber": put("N", "0"),
            "pendingCheckpoint": DELETE,
            "pendingCheckpointSubSequenceNumber": DELETE,
            "pendingCheckpointState": DELETE,
            "ownerSwitchesSinceCheckpoint": put("N", "0"),
            "leaseCounter": put("N", "8"),
        },
        {"leaseCounter": value("N", "7")},
    )

    del held["pendingCheckpoint"], held["pendingCheckpointState"]
    assert get() == held | {"checkpoint": {"S": "SHARD_END"}, "leaseCounter": {"N": "8"}}


def test_child_shards_are_noted(create, update, get, key):
    created = create()

    update(
        {
            "childShardIds": {"Action": "PUT", "Value": {"SS": ["shard-1", "shard-2"]}},
            "startingHashKey": put("S", "1"),
        },
        {"leaseKey": present(key)},
    )

    found = get()
    assert sorted(found.pop("childShardIds")["SS"]) == ["shard-1", "shard-2"]
    assert found == created | {"startingHashKey": {"S": "1"}}


def test_lease_is_deleted_whatever_it_is(dynamodb, leases, create, get, key):
    create(leaseOwner={"S": "other"})

    dynamodb.delete_item(TableName=leases, Key={"leaseKey": {"S": key}})

    assert get() is None
