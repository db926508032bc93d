"""The definition of a table that is restored: the source's, with what the request overrides.

Pure. Indexes may be left out and their throughput changed, but not invented. Streams, time to live,
tags, deletion protection and recovery are never restored, as on AWS. Texts: API Reference,
"RestoreTableFromBackup"; where AWS's are not known they are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from headwater.errors import INVALID, ValidationException
from headwater.tables.definition import Definition, is_default_encryption
from headwater.tables.key_definition import (
    IndexDefinition,
    check_index_billing,
    check_index_names,
    global_indexes,
    local_indexes,
    refuse_unsupported,
)
from headwater.tables.schema import Index, IndexStatus, Table, Throughput, Units
from headwater.tables.units import (
    NO_UNITS_ON_DEMAND,
    UNITS_REQUIRED,
    check_limit_billing,
    on_demand_limit,
    throughput,
)

_GLOBAL: Final = "GlobalSecondaryIndexOverride"
_LOCAL: Final = "LocalSecondaryIndexOverride"


def refuse_overrides(body: Mapping[str, Any]) -> None:
    """Refuse the overrides that have no meaning here, whatever is restored."""
    refuse_unsupported(
        "SSESpecificationOverride", is_default_encryption(body.get("SSESpecificationOverride", {}))
    )
    refuse_unsupported("VectorIndexOverride", not body.get("VectorIndexOverride"))


def definition_of(source: Table, target: str, body: Mapping[str, Any]) -> Definition:
    """The definition of the table that a request restores from a table as it is or was.

    target: the new table's name. body: `refuse_overrides` has found nothing in it.
    """
    units = _units(source, body)
    indexes = [*_local(source, body), *_global(source, body, is_on_demand=units is None)]
    check_index_names([index.name for index in indexes])
    return Definition(
        target,
        source.keys,
        tuple(indexes),
        units,
        table_class=source.table_class,
        on_demand_limit=_limit(source, body, units),
    )


def _limit(source: Table, body: Mapping[str, Any], units: Throughput | None) -> Units | None:
    asked = on_demand_limit(body.get("OnDemandThroughputOverride"), "table")
    check_limit_billing(asked, "table", is_on_demand=units is None)
    if asked is not None or units is not None:
        return asked
    return source.on_demand_limit


def _units(source: Table, body: Mapping[str, Any]) -> Throughput | None:
    asked = throughput(body.get("ProvisionedThroughputOverride"))
    mode = body.get("BillingModeOverride")
    is_on_demand = source.throughput is None if mode is None else mode == "PAY_PER_REQUEST"
    if is_on_demand:
        if asked is not None:
            raise ValidationException(NO_UNITS_ON_DEMAND)
        return None
    if asked is not None:
        return asked
    if source.throughput is None:
        raise ValidationException(UNITS_REQUIRED)
    return Throughput(source.throughput.read_units, source.throughput.write_units)


def _local(source: Table, body: Mapping[str, Any]) -> Sequence[IndexDefinition]:
    if _LOCAL not in body:
        return [_definition(index) for index in source.indexes if not index.is_global]
    if not body[_LOCAL]:
        return ()
    asked = local_indexes(body[_LOCAL], source.keys, source.types)
    for index in asked:
        _check_known(source, index)
    return asked


def _global(
    source: Table, body: Mapping[str, Any], *, is_on_demand: bool
) -> Sequence[IndexDefinition]:
    if _GLOBAL in body:
        if not body[_GLOBAL]:
            return ()
        asked = global_indexes(body[_GLOBAL], source.types, is_on_demand=is_on_demand)
        for index in asked:
            _check_known(source, index)
        return asked
    kept = [
        _definition(index)
        for index in source.indexes
        if index.is_global and index.status is not IndexStatus.DELETING
    ]
    if is_on_demand:
        return [replace(index, throughput=None) for index in kept]
    kept = [replace(index, on_demand_limit=None) for index in kept]
    for index in kept:
        check_index_billing(index, is_on_demand=False)
    return kept


def _definition(index: Index) -> IndexDefinition:
    units = index.throughput
    return IndexDefinition(
        index.name,
        index.is_global,
        index.keys,
        index.projection,
        index.attributes,
        None if units is None else Throughput(units.read_units, units.write_units),
        index.on_demand_limit,
    )


def _check_known(source: Table, asked: IndexDefinition) -> None:
    """Refuse an index that the source does not have just so, but for its throughput."""
    index = source.indexes_by_name.get(asked.name)
    known = None
    if index is not None:
        known = replace(
            _definition(index),
            throughput=asked.throughput,
            on_demand_limit=asked.on_demand_limit,
            warm=asked.warm,
        )
    if known is None or _form(known) != _form(asked):
        raise ValidationException(
            f"{INVALID}The indexes of a restored table must be indexes of its source. "
            f"Index: {asked.name}"
        )


def _form(index: IndexDefinition) -> IndexDefinition:
    return replace(index, attributes=tuple(sorted(index.attributes)))
