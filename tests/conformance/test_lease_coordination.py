"""How workers of the Kinesis Client Library 3 agree: its state, its leader's lock, its metrics.

Sources: the library's CoordinatorStateDAO and WorkerMetricStatsDAO, the awslabs lock client, and
the expressions that the SDK's enhanced client generates.
"""

import pytest

from tests.conformance.definition import attributes, schema


@pytest.fixture(scope="module")
def states(lasting_tables):
    """A table of coordinator states."""
    made = lasting_tables.make(KeySchema=schema("key"), **attributes(("key", "S")))
    return made["TableName"]


@pytest.fixture(scope="module")
def metrics(lasting_tables):
    """A table of workers' metrics."""
    made = lasting_tables.make(KeySchema=schema("wid"), **attributes(("wid", "S")))
    return made["TableName"]


@pytest.fixture
def state_key(key):
    return {"key": {"S": key}}


@pytest.fixture
def failed(dynamodb):
    """Expects a condition to fail."""
    return lambda: pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException)


@pytest.fixture
def get(dynamodb, states, state_key):
    def call():
        found = dynamodb.get_item(TableName=states, Key=state_key, ConsistentRead=True)
        return found.get("Item")

    return call


# --- coordinator state

HISTORY = {"L": [{"M": {"cv": {"S": "2x"}, "mts": {"N": "1760000000000"}}}]}


@pytest.fixture
def migration(state_key):
    """The state of a migration between versions."""
    return state_key | {
        "entityType": {"S": "CLIENT_VERSION_MIGRATION"},
        "cv": {"S": "CLIENT_VERSION_UPGRADE_FROM_2X"},
        "mb": {"S": "worker"},
        "mts": {"N": "1760000000000"},
        "h": HISTORY,
    }


@pytest.fixture
def created(dynamodb, states, migration):
    dynamodb.put_item(TableName=states, Item=migration, Expected={"key": {"Exists": False}})
    return migration


def test_state_is_created_once(dynamodb, states, created, get, failed):
    with failed():
        dynamodb.put_item(
            TableName=states, Item=created | {"mb": {"S": "x"}}, Expected={"key": {"Exists": False}}
        )

    assert get() == created


def test_state_is_updated_where_it_is_as_read(dynamodb, states, state_key, created, get, key):
    dynamodb.update_item(
        TableName=states,
        Key=state_key,
        AttributeUpdates={
            "cv": {"Action": "PUT", "Value": {"S": "CLIENT_VERSION_3X"}},
            "h": {"Action": "PUT", "Value": {"L": HISTORY["L"] * 2}},
        },
        Expected={
            "key": {"Exists": True, "Value": {"S": key}},
            "cv": {"Value": created["cv"]},
            "h": {"Value": HISTORY},
            "mts": {"Value": {"N": "1760000000000"}},
        },
    )

    assert get() == created | {"cv": {"S": "CLIENT_VERSION_3X"}, "h": {"L": HISTORY["L"] * 2}}


def test_state_that_is_gone_is_not_updated(dynamodb, states, state_key, get, key, failed):
    with failed():
        dynamodb.update_item(
            TableName=states,
            Key=state_key,
            AttributeUpdates={"mb": {"Action": "PUT", "Value": {"S": "x"}}},
            Expected={"key": {"Exists": True, "Value": {"S": key}}},
        )

    assert get() is None


def test_states_are_listed(dynamodb, states, created):
    everything = dynamodb.scan(TableName=states, ConsistentRead=True)
    of_type = dynamodb.scan(
        TableName=states,
        ConsistentRead=True,
        FilterExpression="entityType = :entityType",
        ExpressionAttributeValues={":entityType": created["entityType"]},
    )

    assert created in everything["Items"]
    assert created in of_type["Items"]


def test_state_is_deleted(dynamodb, states, state_key, created, get):
    dynamodb.delete_item(TableName=states, Key=state_key)

    assert get() is None


def test_state_moves_into_the_lease_table(dynamodb, states, state_key, created, get, simple, key):
    moved = {"pk": {"S": key}, "entityType": created["entityType"], "h": HISTORY}

    dynamodb.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": simple,
                    "Item": moved,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Delete": {"TableName": states, "Key": state_key}},
        ]
    )

    found = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    assert found["Item"] == moved
    assert get() is None


# --- the leader's lock

PLACEHOLDERS = {
    "#pk": "key",
    "#ir": "isReleased",
    "#rvn": "recordVersionNumber",
    "#on": "ownerName",
    "#ld": "leaseDuration",
    "#d": "data",
}
RELEASED = "attribute_exists(#pk) AND #ir = :ir"
EXPIRED = "attribute_exists(#pk) AND #rvn = :rvn"
HELD = "attribute_exists(#pk) AND #rvn = :rvn AND #on = :on"
VALUES = {
    ":ir": {"S": "1"},
    ":rvn": {"S": "first"},
    ":newRvn": {"S": "second"},
    ":on": {"S": "me"},
    ":ld": {"S": "120000"},
    ":d": {"B": b"data"},
}


def placeholders(*expressions):
    """The names and values that these expressions use."""
    words = " ".join(expressions).replace(",", " ").replace("(", " ").replace(")", " ").split()
    return {
        "ExpressionAttributeNames": {name: PLACEHOLDERS[name] for name in words if name[0] == "#"},
    } | (
        {"ExpressionAttributeValues": used}
        if (used := {name: VALUES[name] for name in words if name[0] == ":"})
        else {}
    )


@pytest.fixture
def lock(state_key):
    """A lock as its first owner writes it."""
    return state_key | {
        "ownerName": {"S": "me"},
        "leaseDuration": {"S": "120000"},
        "recordVersionNumber": {"S": "first"},
    }


@pytest.fixture
def acquire(dynamodb, states, lock):
    """Writes the lock where a condition holds."""

    def call(condition, **changes):
        item = lock | changes
        dynamodb.put_item(
            TableName=states, Item=item, ConditionExpression=condition, **placeholders(condition)
        )
        return item

    return call


@pytest.fixture
def change(dynamodb, states, state_key):
    """Updates the lock where a condition holds."""

    def call(update, condition):
        dynamodb.update_item(
            TableName=states,
            Key=state_key,
            UpdateExpression=update,
            ConditionExpression=condition,
            **placeholders(update, condition),
        )

    return call


def test_lock_is_acquired_once(acquire, get, failed):
    held = acquire("attribute_not_exists(#pk)")

    with failed():
        acquire("attribute_not_exists(#pk)", ownerName={"S": "other"})

    assert get() == held


def test_released_lock_is_acquired(acquire, get, failed):
    acquire("attribute_not_exists(#pk)")
    with failed():
        acquire(RELEASED, ownerName={"S": "other"})
    acquire(EXPIRED, isReleased={"S": "1"})

    taken = acquire(RELEASED, ownerName={"S": "other"})

    assert get() == taken


@pytest.mark.parametrize("condition", [EXPIRED, f"{EXPIRED} AND #ir = :ir"])
def test_expired_lock_is_taken_over_once(acquire, get, failed, condition):
    acquire("attribute_not_exists(#pk)", isReleased={"S": "1"})

    taken = acquire(condition, ownerName={"S": "other"}, recordVersionNumber={"S": "other"})

    with failed():
        acquire(condition)
    assert get() == taken


@pytest.mark.parametrize("condition", [RELEASED, EXPIRED, f"{EXPIRED} AND #ir = :ir"])
def test_lock_is_acquired_by_an_update(acquire, change, get, failed, condition):
    """What the lock client does where it is told to keep the item's other attributes."""
    held = acquire("attribute_not_exists(#pk)", isReleased={"S": "1"}, sort={"S": "kept"})

    change("SET #on = :on, #ld = :ld, #rvn = :newRvn REMOVE #ir", condition)

    del held["isReleased"]
    assert get() == held | {"recordVersionNumber": {"S": "second"}}
    with failed():
        change("SET #on = :on", condition)


@pytest.mark.parametrize(
    ("update", "data"),
    [
        ("SET #ld = :ld, #rvn = :newRvn", {"B": b"old"}),
        ("SET #ld = :ld, #rvn = :newRvn, #d = :d", {"B": b"data"}),
        ("SET #ld = :ld, #rvn = :newRvn REMOVE #d", None),
    ],
)
def test_heartbeat_renews_the_lock(acquire, change, get, failed, update, data):
    held = acquire("attribute_not_exists(#pk)", data={"B": b"old"})

    change(update, HELD)

    with failed():
        change(update, HELD)
    del held["data"]
    renewed = held | {"recordVersionNumber": {"S": "second"}}
    assert get() == renewed | ({} if data is None else {"data": data})


def test_lock_is_released_by_its_owner_only(acquire, change, get, failed):
    held = acquire("attribute_not_exists(#pk)")

    change("SET #ir = :ir", HELD)

    assert get() == held | {"isReleased": {"S": "1"}}
    acquire(RELEASED, ownerName={"S": "other"})
    with failed():
        change("SET #ir = :ir", HELD)


def test_lock_is_deleted_by_its_owner(dynamodb, states, state_key, acquire, get):
    acquire("attribute_not_exists(#pk)")

    dynamodb.delete_item(
        TableName=states, Key=state_key, ConditionExpression=HELD, **placeholders(HELD)
    )

    assert get() is None


# --- workers' metrics

MAPPED = "AMZN_MAPPED_"
STATS = {
    "lut": {"N": "1760000000"},
    "sts": {"M": {"C": {"L": [{"N": "12.5"}, {"N": "40"}]}}},
    "opr": {"M": {"C": {"L": [{"N": "80"}]}}},
    "entityType": {"S": "WORKER_METRIC_STATS"},
}


@pytest.fixture
def worker(dynamodb, metrics, key):
    """A worker's metrics, written as the enhanced client does, twice."""
    for _ in range(2):
        dynamodb.update_item(
            TableName=metrics,
            Key={"wid": {"S": key}},
            UpdateExpression=(
                "SET " + ", ".join(f"#{MAPPED}{name} = :{MAPPED}{name}" for name in STATS)
            )
            + f" REMOVE #{MAPPED}sup",
            ExpressionAttributeNames={f"#{MAPPED}{name}": name for name in (*STATS, "sup")},
            ExpressionAttributeValues={f":{MAPPED}{name}": STATS[name] for name in STATS},
        )
    return {"wid": {"S": key}} | STATS


def test_metrics_are_written_and_listed(dynamodb, metrics, worker):
    everything = dynamodb.scan(TableName=metrics)
    of_type = dynamodb.scan(
        TableName=metrics,
        FilterExpression="#et = :etVal",
        ExpressionAttributeNames={"#et": "entityType"},
        ExpressionAttributeValues={":etVal": {"S": "WORKER_METRIC_STATS"}},
    )

    assert worker in everything["Items"]
    assert worker in of_type["Items"]


@pytest.mark.parametrize(("updated", "is_deleted"), [("1760000000", True), ("1", False)])
def test_metrics_are_deleted_if_they_are_as_read(
    dynamodb, metrics, worker, key, updated, is_deleted, failed
):
    wanted = {
        "TableName": metrics,
        "Key": {"wid": {"S": key}},
        "ConditionExpression": "#key = :value AND attribute_exists (wid)",
        "ExpressionAttributeNames": {"#key": "lut"},
        "ExpressionAttributeValues": {":value": {"N": updated}},
    }

    if is_deleted:
        dynamodb.delete_item(**wanted)
    else:
        with failed():
            dynamodb.delete_item(**wanted)

    found = dynamodb.get_item(TableName=metrics, Key=wanted["Key"], ConsistentRead=True)
    assert ("Item" not in found) is is_deleted
