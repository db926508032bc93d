"""UpdateTable's input to the alteration of a table.

Pure. Works on input that has passed the model's shapes; raises ServiceError with AWS's texts for
what its parameters mean together, and with ours for what Headwater does not support yet. What they
mean for the table as it is, `altering.py` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from headwater.errors import (
    INVALID,
    LimitExceededException,
    ValidationException,
)
from headwater.streams.window import ViewType
from headwater.tables.definition import is_default_encryption
from headwater.tables.key_definition import (
    IndexDefinition,
    Types,
    attribute_types,
    global_index,
    refuse_unsupported,
)
from headwater.tables.schema import TableClass, Throughput, Units
from headwater.tables.units import NO_UNITS_ON_DEMAND, on_demand_limit, throughput, warm

_NOTHING_GIVEN: Final = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
    "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, "
    "ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, "
    "OnDemandThroughput, WarmThroughput or TableClass is required"
)
_ALONE: Final = {
    "DeletionProtectionEnabled": "DeletionProtection modification",
    "TableClass": "TableClass modification",
    "SSESpecification": "Server-Side Encryption modification",
    "ReplicaUpdates": "Replica modification",
    "WarmThroughput": "WarmThroughput",
}
_OPERATIONS: Final = (
    *_ALONE,
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexUpdates",
    "StreamSpecification",
    "OnDemandThroughput",
)
_OF_REPLICAS: Final = ("MultiRegionConsistency", "GlobalTableWitnessUpdates")


@dataclass(frozen=True, slots=True)
class StreamSwitch:
    """The stream switched on with a view type, or off."""

    view: ViewType | None


@dataclass(frozen=True, slots=True)
class UnitsUpdate:
    """New units of an index; what is None stays as it is."""

    throughput: Throughput | None = None
    on_demand_limit: Units | None = None
    warm: Units | None = None


@dataclass(frozen=True, slots=True)
class Alteration:
    """What an UpdateTable asks for; what is None or empty stays as it is.

    types: of the attributes the request defines. updated: indexes and their new units.
    """

    is_on_demand: bool | None = None
    throughput: Throughput | None = None
    stream: StreamSwitch | None = None
    is_deletion_protected: bool | None = None
    types: Types = field(default_factory=dict)
    created: IndexDefinition | None = None
    deleted: str | None = None
    updated: Mapping[str, UnitsUpdate] = field(default_factory=dict)
    table_class: TableClass | None = None
    on_demand_limit: Units | None = None
    warm: Units | None = None

    def shared(self) -> Alteration | None:
        """What of it holds for all replicas of a global table; None if nothing does.

        Each has a protection against deletion and a class of its own; streams never change.
        """
        shared = replace(self, is_deletion_protected=None, table_class=None, stream=None)
        return None if shared == Alteration() else shared


def of_input(body: Mapping[str, Any]) -> Alteration:
    """The alteration that an UpdateTable asks for."""
    check_alone(body)
    _refuse_options(body)
    if not any(_is_given(body, member) for member in _OPERATIONS):
        raise ValidationException(_NOTHING_GIVEN)
    if any(_is_given(body, member) for member in _OF_REPLICAS):
        raise ValidationException(
            f"{INVALID}Requests that modify replicas or witnesses must not also modify other fields"
        )
    mode = body.get("BillingMode")
    units = throughput(body.get("ProvisionedThroughput"))
    if mode == "PAY_PER_REQUEST" and units is not None:
        raise ValidationException(NO_UNITS_ON_DEMAND)
    types = attribute_types(body.get("AttributeDefinitions", []))
    created, deleted, updated = _index_updates(body.get("GlobalSecondaryIndexUpdates", []), types)
    return Alteration(
        None if mode is None else mode == "PAY_PER_REQUEST",
        units,
        _stream_switch(body),
        body.get("DeletionProtectionEnabled"),
        types,
        created,
        deleted,
        updated,
        TableClass(body["TableClass"]) if _is_given(body, "TableClass") else None,
        on_demand_limit(body.get("OnDemandThroughput"), "table"),
        warm(body.get("WarmThroughput"), "table"),
    )


def _is_given(body: Mapping[str, Any], member: str) -> bool:
    """Whether a request asks for something by a member; an empty list of changes asks nothing."""
    return body.get(member) not in (None, [])


def check_alone(body: Mapping[str, Any]) -> None:
    """Refuse what may not be asked for together."""
    given = [member for member in _OPERATIONS if _is_given(body, member)]
    if len(given) > 1 and given[0] in _ALONE:
        raise ValidationException(
            f"{INVALID}{_ALONE[given[0]]} must be the only operation in the request"
        )


def _refuse_options(body: Mapping[str, Any]) -> None:
    encryption = body.get("SSESpecification", {})
    refuse_unsupported("SSESpecification", is_default_encryption(encryption))
    for member in (
        "GlobalTableSettingsReplicationMode",
        "DisassociationProtectionEnabled",
        "VectorIndexUpdates",
    ):
        refuse_unsupported(member, not body.get(member))


def _stream_switch(body: Mapping[str, Any]) -> StreamSwitch | None:
    specification = body.get("StreamSpecification")
    if specification is None:
        return None
    view = specification.get("StreamViewType")
    if specification["StreamEnabled"]:
        if view is None:
            raise ValidationException(
                f"{INVALID}If stream is being enabled then UpdateViewType is required"
            )
    elif view is not None:
        raise ValidationException(
            f"{INVALID}If stream is being disabled, then UpdateViewType must not be specified"
        )
    if "ProvisionedThroughput" in body or "BillingMode" in body:
        raise ValidationException(
            f"{INVALID}You cannot modify stream status while updating table IOPS"
        )
    if any("Update" not in update for update in body.get("GlobalSecondaryIndexUpdates", [])):
        raise ValidationException(
            f"{INVALID}You cannot create or delete index while changing stream status"
        )
    return StreamSwitch(None if view is None else ViewType(view))


_IndexUpdates = tuple[IndexDefinition | None, str | None, Mapping[str, UnitsUpdate]]


def _index_updates(updates: Sequence[Mapping[str, Any]], types: Types) -> _IndexUpdates:
    """The index to create, the name of that to delete, and those whose throughput changes."""
    if sum("Update" not in update for update in updates) > 1:
        raise only_one_index()
    created, deleted = None, None
    updated: dict[str, UnitsUpdate] = {}
    names = []
    for update in updates:
        if len(update) != 1:  # ours: AWS's text is not known
            raise ValidationException(
                f"{INVALID}Exactly one of Create, Update and Delete is required in each "
                "GlobalSecondaryIndexUpdate"
            )
        ((kind, action),) = update.items()
        names.append(action["IndexName"])
        if kind == "Create":
            created = global_index(action, types)
        elif kind == "Delete":
            deleted = action["IndexName"]
        else:
            updated[action["IndexName"]] = _units_update(action)
    _check_once(names)
    return created, deleted, updated


def _units_update(action: Mapping[str, Any]) -> UnitsUpdate:
    what = f"index {action['IndexName']}"
    update = UnitsUpdate(
        throughput(action.get("ProvisionedThroughput")),
        on_demand_limit(action.get("OnDemandThroughput"), what),
        warm(action.get("WarmThroughput"), what),
    )
    if update == UnitsUpdate():  # ours: AWS's text is not known
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput, OnDemandThroughput or WarmThroughput is required in "
            f"the Update of {what}"
        )
    return update


def _check_once(names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValidationException(
                f"{INVALID}Only one global secondary index update per index is allowed "
                f"simultaneously. Index: {name}"
            )


def only_one_index() -> LimitExceededException:
    return LimitExceededException(
        "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        "simultaneously per table"
    )
