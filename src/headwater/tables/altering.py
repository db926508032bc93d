"""A table altered: what an UpdateTable means for the table as it is.

Pure. Raises ServiceError with AWS's texts where the alteration cannot be. Opening and closing the
log is the catalog's, which knows the commit; here it is only checked that the stream can be
switched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from headwater.errors import (
    INVALID,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.limits import global_indexes_max
from headwater.storage.keyspace import IndexId
from headwater.tables.alteration import Alteration, StreamSwitch, UnitsUpdate, only_one_index
from headwater.tables.key_definition import (
    IndexDefinition,
    check_index_billing,
    check_projected,
    check_types_used,
)
from headwater.tables.overriding import with_class
from headwater.tables.schema import Index, IndexStatus, Table, TableStatus, Throughput, Units
from headwater.tables.units import (
    NO_UNITS_ON_DEMAND,
    UNITS_REQUIRED,
    check_limit_billing,
    merged,
    warm_by_itself,
    warm_in_all,
    warmed,
)

_DAY_SECONDS: Final = 86_400


def altered(table: Table, alteration: Alteration, now: float, index_id: IndexId) -> Table:
    """The table with everything altered but its stream, and in the state UPDATING.

    now: epoch seconds. index_id: for the index that is created, if one is.
    Raises ResourceInUseException if the table is busy, and what the alteration itself deserves.
    """
    if table.status is not TableStatus.ACTIVE or table.has_pending_replicas:
        raise ResourceInUseException
    _check_stream(table, alteration.stream)
    units = _units(table, alteration, now)
    check_limit_billing(alteration.on_demand_limit, "table", is_on_demand=units is None)
    indexes = _indexes(table, alteration, units is None, now)
    if alteration.created is not None:
        index = alteration.created.index(index_id, IndexStatus.CREATING)
        indexes = (*indexes, index)
    to_on_demand_at = table.to_on_demand_at
    if units is None and table.throughput is not None:
        to_on_demand_at = now
    table = with_class(table, alteration.table_class, now)
    protected = alteration.is_deletion_protected
    return table.changed(
        status=TableStatus.UPDATING,
        throughput=units,
        to_on_demand_at=to_on_demand_at,
        indexes=indexes,
        is_deletion_protected=table.is_deletion_protected if protected is None else protected,
        on_demand_limit=_limit(table.on_demand_limit, alteration.on_demand_limit, units),
        warm=_warm(table, alteration.warm, units, "table"),
    )


def _limit(present: Units | None, asked: Units | None, units: Throughput | None) -> Units | None:
    """The limit on demand after an alteration: none is left of what is provisioned."""
    return merged(present, asked) if units is None else None


def _warm(
    before: Table | Index, asked: Units | None, units: Throughput | None, what: str
) -> Units | None:
    """The warm throughput to store: None where it is no more than the throughput gives."""
    present = warm_in_all(before.warm, before.throughput)
    after = warmed(present, asked, units, what)
    return None if after == warm_by_itself(units) else after


def _check_stream(table: Table, switch: StreamSwitch | None) -> None:
    if switch is None:
        return
    if switch.view is None and table.replicas:
        raise ValidationException(
            f"{INVALID}Disabling Stream is not allowed for a Global Table replica."
        )
    if switch.view is not None and table.stream is not None:
        raise ValidationException(f"Table already has an enabled stream: TableName: {table.name}")
    if switch.view is None and table.stream is None:
        raise ValidationException(f"Table has no stream to disable: TableName: {table.name}")


def _units(table: Table, alteration: Alteration, now: float) -> Throughput | None:
    """The table's throughput after the alteration; None is on demand."""
    asked = alteration.throughput
    was_on_demand = table.throughput is None
    is_on_demand = was_on_demand if alteration.is_on_demand is None else alteration.is_on_demand
    if is_on_demand:
        if asked is not None:
            raise ValidationException(NO_UNITS_ON_DEMAND)
        return None
    if asked is None:
        if was_on_demand:
            raise ValidationException(UNITS_REQUIRED)
        return table.throughput
    return _raised(table.throughput, asked, now, "table")


def _raised(before: Throughput | None, asked: Throughput, now: float, what: str) -> Throughput:
    """Throughput changed to what is asked for, with the times of its changes."""
    if before is None:
        return asked
    reads, writes = before.read_units, before.write_units
    if (asked.read_units, asked.write_units) == (reads, writes):
        noun = what.partition(" ")[0]
        raise ValidationException(
            f"The provisioned throughput for the {what} will not change. The requested value "
            "equals the current value. "
            f"Current ReadCapacityUnits provisioned for the {noun}: {reads}. "
            f"Requested ReadCapacityUnits: {asked.read_units}. "
            f"Current WriteCapacityUnits provisioned for the {noun}: {writes}. "
            f"Requested WriteCapacityUnits: {asked.write_units}. "
            "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request "
            "higher limits."
        )
    after = Throughput(
        asked.read_units,
        asked.write_units,
        before.increased_at,
        before.decreased_at,
        decreases_today(before, now),
    )
    if asked.read_units > reads or asked.write_units > writes:
        after = replace(after, increased_at=now)
    if asked.read_units < reads or asked.write_units < writes:
        after = replace(after, decreased_at=now, decreases=after.decreases + 1)
    return after


def decreases_today(units: Throughput, now: float) -> int:
    """How often throughput was lowered on the UTC day of `now`."""
    if units.decreased_at is None or units.decreased_at // _DAY_SECONDS != now // _DAY_SECONDS:
        return 0
    return units.decreases


def _indexes(
    table: Table,
    alteration: Alteration,
    is_on_demand: bool,  # noqa: FBT001 - a fact of the table, not an option
    now: float,
) -> tuple[Index, ...]:
    """The table's own indexes after the alteration."""
    _check_named(table, (*alteration.updated, *_named(alteration.deleted)))
    if alteration.created is not None:
        _check_created(table, alteration, is_on_demand=is_on_demand)
    elif alteration.deleted is not None:
        _check_others_idle(table, alteration.deleted)
    return tuple(
        _index(table, index, alteration, is_on_demand=is_on_demand, now=now)
        for index in table.indexes
    )


def _index(
    table: Table, index: Index, alteration: Alteration, *, is_on_demand: bool, now: float
) -> Index:
    if not index.is_global:
        return index
    if index.name == alteration.deleted:
        return replace(index, status=IndexStatus.DELETING, is_backfilling=False)
    asked = alteration.updated.get(index.name, UnitsUpdate())
    units = asked.throughput
    if units is None and not is_on_demand:
        units = index.throughput
    wanted = replace(
        _definition(index), throughput=units, on_demand_limit=asked.on_demand_limit, warm=None
    )
    check_index_billing(wanted, is_on_demand=is_on_demand)
    what = f"index {index.name}"
    after = replace(
        index,
        throughput=units,
        on_demand_limit=_limit(index.on_demand_limit, asked.on_demand_limit, units),
        warm=_warm(index, asked.warm, units, what),
    )
    if index.name not in alteration.updated:
        return after
    if index.status is not IndexStatus.ACTIVE:
        raise ResourceInUseException(
            "Attempt to change a resource which is still in use: Index is being updated.  "
            f"Table: {table.name} Index: {index.name}"
        )
    if asked.throughput is not None:
        units = _raised(index.throughput, asked.throughput, now, what)
    return replace(after, throughput=units, status=IndexStatus.UPDATING)


def _definition(index: Index) -> IndexDefinition:
    return IndexDefinition(
        index.name,
        index.is_global,
        index.keys,
        index.projection,
        index.attributes,
        index.throughput,
    )


def _named(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _check_named(table: Table, names: Iterable[str]) -> None:
    for name in names:
        index = table.indexes_by_name.get(name)
        if index is None or not index.is_global:
            raise ResourceNotFoundException


def _check_created(table: Table, alteration: Alteration, *, is_on_demand: bool) -> None:
    created = alteration.created
    assert created is not None, "called for an index that is created"
    if created.name in table.indexes_by_name:
        raise ValidationException("Attempting to create an index which already exists")
    _check_others_idle(table, created.name)
    if sum(index.is_global for index in table.indexes) >= global_indexes_max:
        raise ValidationException(
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of "
            f"{global_indexes_max}"
        )
    check_index_billing(created, is_on_demand=is_on_demand)
    check_projected([*table.indexes, created])
    check_types_used(alteration.types, [*table.types, *created.keys.names()])
    for name, kind in alteration.types.items():
        if table.types.get(name, kind) != kind:  # ours: AWS's text is not known
            raise ValidationException(
                f"{INVALID}Attribute {name} is defined with type {kind}, but the table has it "
                f"with type {table.types[name]}"
            )


def _check_others_idle(table: Table, name: str) -> None:
    """Only one index of a table is created or deleted at a time."""
    busy = (IndexStatus.CREATING, IndexStatus.DELETING)
    if any(index.status in busy and index.name != name for index in table.indexes):
        raise only_one_index()
