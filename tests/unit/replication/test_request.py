"""What UpdateTable asks of replicas, and what is refused of it."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import INVALID, ValidationException
from headwater.replication.request import (
    AddReplica,
    OverrideReplicas,
    RemoveReplica,
    is_given,
    of_input,
)
from headwater.tables.override import Override, Reads

EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "ap-south-1"


def updates(*actions: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"TableName": "music", "ReplicaUpdates": list(actions), **members}


def create(region: str, **members: Any) -> dict[str, Any]:
    return {"Create": {"RegionName": region, **members}}


def delete(region: str) -> dict[str, Any]:
    return {"Delete": {"RegionName": region}}


def update(region: str, **members: Any) -> dict[str, Any]:
    return {"Update": {"RegionName": region, **members}}


def test_replica_is_created_or_deleted() -> None:
    assert of_input(EAST, updates(create(WEST))) == AddReplica(WEST)
    assert of_input(EAST, updates(delete(WEST))) == RemoveReplica(WEST)


def test_replicas_have_something_otherwise() -> None:
    reads = {
        "ProvisionedThroughputOverride": {"ReadCapacityUnits": 5},
        "OnDemandThroughputOverride": {"MaxReadRequestUnits": -1},
    }
    given = {
        **reads,
        "GlobalSecondaryIndexes": [{"IndexName": "by-v", **reads}],
        "TableClassOverride": "STANDARD",
    }
    override = Override(Reads(5, -1), {"by-v": Reads(5, -1)}, "STANDARD")

    assert of_input(EAST, updates(create(WEST, **given))) == AddReplica(WEST, override)
    assert of_input(EAST, updates(update(WEST, **given), update(EAST, **reads))) == (
        OverrideReplicas({WEST: override, EAST: Override(Reads(5, -1))})
    )


def test_eventual_consistency_may_be_said() -> None:
    asked = of_input(EAST, updates(create(WEST), MultiRegionConsistency="EVENTUAL"))

    assert asked == AddReplica(WEST)


def test_without_updates_nothing_is_asked() -> None:
    assert not is_given({"TableName": "music"})
    assert is_given(updates(create(WEST)))


MANY = "Update table operation with more than one create or delete replica actions not allowed"
NO_ACTION = "There are no actions specified in the Replica Update Action of the request."
LOCAL = (
    "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, "
    "or UpdateTable as required."
)
STRONG = "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to "
WITNESS = (
    "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is "
    "present."
)
ONLY_CREATE = (
    "Only Replica Create actions are supported when MultiRegionConsistency parameter is provided."
)
NO_UNITS = (
    f"{INVALID}Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid "
    "range"
)
WITNESSES = [{"Create": {"RegionName": SOUTH}}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (updates(create(WEST), create(SOUTH)), MANY),
        (updates(create(WEST), delete(SOUTH)), MANY),
        (updates(update(WEST)), NO_ACTION),
        (updates(create(EAST)), LOCAL),
        (updates(delete(EAST)), LOCAL),
        (
            updates(create(WEST), MultiRegionConsistency="STRONG"),
            f"{STRONG}STRONG: [{EAST}, {WEST}].",
        ),
        (
            updates(create(WEST), create(SOUTH), MultiRegionConsistency="STRONG"),
            f"{STRONG}STRONG: [{EAST}, {WEST}, {SOUTH}].",
        ),
        (updates(create(WEST), GlobalTableWitnessUpdates=WITNESSES), WITNESS),
        (updates(delete(WEST), MultiRegionConsistency="EVENTUAL"), ONLY_CREATE),
        (
            updates({"Disassociate": {"RegionName": WEST}}),
            f"{INVALID}ReplicaUpdates.Disassociate is not supported by Headwater yet",
        ),
        (updates(update(WEST, TableClassOverride="STANDARD"), update(SOUTH)), NO_ACTION),
        (
            updates(*[update(WEST, TableClassOverride="STANDARD")] * 2),
            f"{INVALID}A replica is updated once in a request",
        ),
        (
            updates(create(WEST, GlobalSecondaryIndexes=[{"IndexName": "by-v"}] * 2)),
            f"{INVALID}An index is named twice in GlobalSecondaryIndexes",
        ),
        (
            updates(update(WEST, GlobalSecondaryIndexes=[{"IndexName": "by-v"}])),
            f"{INVALID}No override is given for index by-v",
        ),
        (
            updates(update(WEST, OnDemandThroughputOverride={"MaxReadRequestUnits": 0})),
            NO_UNITS,
        ),
        (
            updates(update(WEST, KMSMasterKeyId="alias/a")),
            f"{INVALID}ReplicaUpdates.Update.KMSMasterKeyId is not supported by Headwater yet",
        ),
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        of_input(EAST, body)

    assert refused.value.message == message


def test_unknown_region_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationException) as refused:
        of_input(EAST, updates(create("mars-north-1")))

    message = str(refused.value.message)
    assert message.startswith("Region mars-north-1 is not supported. The latest version of global")
    assert "eu-west-1" in message


def test_an_update_beside_a_creation_is_refused() -> None:
    with pytest.raises(ValidationException):
        of_input(EAST, updates(create(WEST), update(SOUTH)))
