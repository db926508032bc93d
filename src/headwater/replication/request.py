"""UpdateTable's ReplicaUpdates to the change of a global table that they ask for.

Pure. Texts: observed, where they are not said to be ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from headwater.errors import INVALID, ValidationException
from headwater.tables.key_definition import listed, refuse_unsupported
from headwater.tables.override import Override, Reads
from headwater.tables.overriding import NONE
from headwater.tables.units import on_demand_limit, throughput

REGIONS: Final = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)


@dataclass(frozen=True, slots=True)
class AddReplica:
    """override: what it is to have otherwise."""

    region: str
    override: Override = NONE


@dataclass(frozen=True, slots=True)
class RemoveReplica:
    region: str


@dataclass(frozen=True, slots=True)
class OverrideReplicas:
    """What replicas are to have otherwise, by region."""

    overrides: Mapping[str, Override]


ReplicaChange: TypeAlias = AddReplica | RemoveReplica | OverrideReplicas


def is_given(body: Mapping[str, Any]) -> bool:
    """Whether an UpdateTable changes replicas."""
    return bool(body.get("ReplicaUpdates"))


def of_input(region: str, body: Mapping[str, Any]) -> ReplicaChange:
    """What an UpdateTable, called in a region, asks of its table's replicas."""
    updates: Sequence[Mapping[str, Any]] = body["ReplicaUpdates"]
    actions = [_action(update) for update in updates]
    _check_consistency(region, body, [(kind, each["RegionName"]) for kind, each in actions])
    for kind, action in actions:
        _check_action(region, kind, action)
    changes = [(kind, each["RegionName"]) for kind, each in actions if kind != "Update"]
    if len(changes) > 1:
        raise ValidationException(
            "Update table operation with more than one create or delete replica actions not allowed"
        )
    overrides = [(each["RegionName"], _override(each)) for _, each in actions]
    if not changes:
        return _overriding(overrides)
    if len(actions) > 1:  # ours: AWS's text is not known
        raise ValidationException(
            f"{INVALID}A replica is created or deleted by itself, without updates of others"
        )
    ((kind, name),) = changes
    return AddReplica(*overrides[0]) if kind == "Create" else RemoveReplica(name)


def _overriding(overrides: Sequence[tuple[str, Override]]) -> OverrideReplicas:
    if any(override == NONE for _, override in overrides):
        raise ValidationException(
            "There are no actions specified in the Replica Update Action of the request."
        )
    if len(dict(overrides)) < len(overrides):  # ours: AWS's text is not known
        raise ValidationException(f"{INVALID}A replica is updated once in a request")
    return OverrideReplicas(dict(overrides))


def _override(action: Mapping[str, Any]) -> Override:
    indexes: Sequence[Mapping[str, Any]] = action.get("GlobalSecondaryIndexes", ())
    by_name = {each["IndexName"]: _reads(each, f"index {each['IndexName']}") for each in indexes}
    if len(by_name) < len(indexes):  # ours: AWS's text is not known
        raise ValidationException(f"{INVALID}An index is named twice in GlobalSecondaryIndexes")
    for name, reads in by_name.items():
        if reads == Reads():  # ours: AWS's text is not known
            raise ValidationException(f"{INVALID}No override is given for index {name}")
    return Override(_reads(action, "table"), by_name, action.get("TableClassOverride"))


def _reads(given: Mapping[str, Any], what: str) -> Reads:
    """Read units of a table or an index. Raises ValidationException."""
    provisioned = given.get("ProvisionedThroughputOverride", {}).get("ReadCapacityUnits")
    if provisioned is not None:
        throughput({"ReadCapacityUnits": provisioned, "WriteCapacityUnits": 1})
    limit = on_demand_limit(given.get("OnDemandThroughputOverride") or None, what)
    return Reads(provisioned, None if limit is None else limit.reads)


def _action(update: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if len(update) != 1:  # ours: AWS's text is not known
        raise ValidationException(
            f"{INVALID}Exactly one of Create, Update and Delete is required in each ReplicaUpdate"
        )
    ((kind, action),) = update.items()
    refuse_unsupported("ReplicaUpdates.Disassociate", kind != "Disassociate")
    return kind, action


def _check_action(region: str, kind: str, action: Mapping[str, Any]) -> None:
    name = action["RegionName"]
    if name == region and kind != "Update":
        raise ValidationException(
            "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, "
            "DeleteTable, or UpdateTable as required."
        )
    if name not in REGIONS:
        raise ValidationException(
            f"Region {name} is not supported. The latest version of global tables are only "
            f"supported in the following regions: {listed(REGIONS)}"
        )
    refuse_unsupported(f"ReplicaUpdates.{kind}.KMSMasterKeyId", not action.get("KMSMasterKeyId"))


def _check_consistency(
    region: str, body: Mapping[str, Any], actions: Sequence[tuple[str, str]]
) -> None:
    """Refuse strong consistency: no region here is one of those that have it."""
    consistency = body.get("MultiRegionConsistency")
    if body.get("GlobalTableWitnessUpdates") and consistency != "STRONG":
        raise ValidationException(
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter "
            "is present."
        )
    if consistency is None:
        return
    if any(kind != "Create" for kind, _ in actions):
        raise ValidationException(
            "Only Replica Create actions are supported when MultiRegionConsistency parameter is "
            "provided."
        )
    if consistency == "STRONG":
        regions = listed([region, *(name for _, name in actions)])
        raise ValidationException(
            "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to "
            f"STRONG: {regions}."
        )
