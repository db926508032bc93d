"""CreateTable's input to the definition of a table.

Pure. Works on input that has passed the model's shapes; raises ValidationException with AWS's texts
for what its parameters mean together, and with ours for what Headwater does not support yet. It
knows no stored table; the catalog gives the definition an identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.errors import INVALID, ValidationException
from headwater.streams.window import ViewType
from headwater.tables import tags
from headwater.tables.key_definition import (
    IndexDefinition,
    attribute_types,
    check_index_names,
    check_order,
    check_projected,
    check_types_cover,
    check_types_used,
    global_indexes,
    key_schema,
    local_indexes,
    refuse_unsupported,
)
from headwater.tables.schema import KeySchema, TableClass, Throughput, Units
from headwater.tables.units import (
    NO_UNITS_ON_DEMAND,
    UNITS_REQUIRED,
    check_limit_billing,
    on_demand_limit,
    throughput,
    warm,
    warm_by_itself,
    warmed,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """A table as asked for. throughput: None is on demand. view: None is no stream."""

    name: str
    keys: KeySchema
    indexes: tuple[IndexDefinition, ...] = ()
    throughput: Throughput | None = None
    view: ViewType | None = None
    is_deletion_protected: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    table_class: TableClass = TableClass.STANDARD
    on_demand_limit: Units | None = None
    warm: Units | None = None
    policy: str | None = None


def of_input(name: str, body: Mapping[str, Any]) -> Definition:
    """The definition that a CreateTable asks for.

    name: the table's, out of TableName, which may be an ARN.
    """
    _check_required(body)
    _refuse_options(body)
    is_on_demand = body.get("BillingMode") == "PAY_PER_REQUEST"
    units = _throughput(body, is_on_demand=is_on_demand)
    limit, warmth = _settings(body, units)
    types = attribute_types(body["AttributeDefinitions"])
    elements = body["KeySchema"]
    check_order(elements)
    has_indexes = "LocalSecondaryIndexes" in body or "GlobalSecondaryIndexes" in body
    if not has_indexes:
        check_types_cover(types, elements)
    keys = key_schema(elements, types)
    indexes: list[IndexDefinition] = []
    if "LocalSecondaryIndexes" in body:
        indexes += local_indexes(body["LocalSecondaryIndexes"], keys, types)
    if "GlobalSecondaryIndexes" in body:
        definitions = body["GlobalSecondaryIndexes"]
        indexes += global_indexes(definitions, types, is_on_demand=is_on_demand)
    _check_indexes(indexes, keys, types)
    return Definition(
        name,
        keys,
        tuple(indexes),
        units,
        _view(body.get("StreamSpecification")),
        body.get("DeletionProtectionEnabled", False),
        tags.of_list(body.get("Tags", [])),
        TableClass(body.get("TableClass", TableClass.STANDARD)),
        limit,
        warmth,
        body.get("ResourcePolicy"),
    )


def _check_required(body: Mapping[str, Any]) -> None:
    """The newest model requires these of some tables only; every table here needs them."""
    missing = [
        f"Value null at '{member[0].lower()}{member[1:]}' failed to satisfy constraint: "
        "Member must not be null"
        for member in ("AttributeDefinitions", "KeySchema")
        if member not in body
    ]
    if missing:
        plural = "" if len(missing) == 1 else "s"
        raise ValidationException(
            f"{len(missing)} validation error{plural} detected: {'; '.join(missing)}"
        )


def _refuse_options(body: Mapping[str, Any]) -> None:
    encryption = body.get("SSESpecification", {})
    refuse_unsupported("SSESpecification", is_default_encryption(encryption))
    for member in (
        "GlobalTableSourceArn",
        "GlobalTableSettingsReplicationMode",
        "VectorIndexes",
    ):
        refuse_unsupported(member, not body.get(member))


def is_default_encryption(encryption: Mapping[str, Any]) -> bool:
    """Whether an SSESpecification asks for what every table has."""
    return not (
        encryption.get("Enabled") or "SSEType" in encryption or "KMSMasterKeyId" in encryption
    )


def _throughput(body: Mapping[str, Any], *, is_on_demand: bool) -> Throughput | None:
    units = throughput(body.get("ProvisionedThroughput"))
    if is_on_demand and units is not None:
        raise ValidationException(NO_UNITS_ON_DEMAND)
    if not is_on_demand and units is None:
        raise ValidationException(UNITS_REQUIRED)
    return units


def _settings(
    body: Mapping[str, Any], units: Throughput | None
) -> tuple[Units | None, Units | None]:
    """The limit on demand and the warm throughput."""
    limit = on_demand_limit(body.get("OnDemandThroughput"), "table")
    check_limit_billing(limit, "table", is_on_demand=units is None)
    asked = warm(body.get("WarmThroughput"), "table")
    if asked is None:
        return limit, None
    return limit, warmed(warm_by_itself(units), asked, units, "table")


def _check_indexes(
    indexes: Sequence[IndexDefinition], keys: KeySchema, types: Mapping[str, str]
) -> None:
    check_index_names([index.name for index in indexes])
    check_projected(indexes)
    used = [*keys.names(), *(name for index in indexes for name in index.keys.names())]
    check_types_used(types, used)


def _view(specification: Mapping[str, Any] | None) -> ViewType | None:
    """The view type of the stream to create, if there is to be one."""
    if specification is None:
        return None
    view = specification.get("StreamViewType")
    if specification["StreamEnabled"]:
        if view is None:
            raise ValidationException(
                f"{INVALID}Table is being created with a stream enabled, UpdateViewType is required"
            )
        return ViewType(view)
    if view is not None:
        raise ValidationException(
            f"{INVALID}Table is being created with a stream disabled, "
            "UpdateViewType should not be specified"
        )
    return None
