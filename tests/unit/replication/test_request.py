"""What UpdateTable asks of replicas, and what is refused of it."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import INVALID, ValidationException
from headwater.replication.request import AddReplica, RemoveReplica, is_given, of_input

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
        (
            updates(create(WEST, TableClassOverride="STANDARD")),
            f"{INVALID}ReplicaUpdates.Create.TableClassOverride is not supported by Headwater yet",
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
