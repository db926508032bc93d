"""Overrides of replicas: asked for, and in force. Pure.

What goes with another billing mode than the table has counts for nothing as long as that is so.
Texts: ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from headwater.errors import INVALID, ValidationException
from headwater.tables.override import Override, Reads
from headwater.tables.schema import Index, Table, TableClass, Throughput, Units

NONE: Final = Override()
What = TypeVar("What", Table, Index)


def in_force(table: Table) -> Table:
    """The table as its own region has it: how it is shown, and how its reads are counted."""
    own = table.overrides.get(table.region)
    if own is None:
        return table
    indexes = (
        _overridden(each, own.indexes[each.name]) if each.name in own.indexes else each
        for each in table.indexes
    )
    after = _overridden(replace(table, indexes=tuple(indexes)), own.table)
    if own.table_class is None:
        return after
    table_class = TableClass(own.table_class)
    return replace(after, table_class=table_class, class_changed_at=own.class_changed_at)


def settled(table: Table) -> Table:
    """A table that is the last of its group: what it had otherwise is its own now."""
    return replace(in_force(table), overrides={}) if table.overrides else table


def merged(table: Table, region: str, asked: Override, now: float) -> dict[str, Override]:
    """The table's overrides with those asked for a region. Raises ValidationException."""
    _check(table, asked)
    present = table.overrides.get(region, NONE)
    override = Override(
        _merged(present.table, asked.table),
        {
            **present.indexes,
            **{
                name: _merged(present.indexes.get(name, Reads()), reads)
                for name, reads in asked.indexes.items()
            },
        },
        asked.table_class or present.table_class,
        now if asked.table_class is not None else present.class_changed_at,
    )
    return {**table.overrides, region: override}


def with_class(table: Table, asked: TableClass | None, now: float) -> Table:
    """The table with a class that is set in its own region, whatever was overridden there."""
    if asked is None:
        return table
    present, own = in_force(table), table.overrides.get(table.region)
    changed_at = present.class_changed_at if asked is present.table_class else now
    overrides = table.overrides
    if own is not None:
        own = replace(own, table_class=None, class_changed_at=None)
        overrides = {**overrides, table.region: own}
    return replace(table, table_class=asked, class_changed_at=changed_at, overrides=overrides)


def _overridden(what: What, reads: Reads) -> What:
    if what.throughput is not None:
        if reads.provisioned is None:
            return what
        throughput: Throughput = replace(what.throughput, read_units=reads.provisioned)
        return replace(what, throughput=throughput)
    if reads.on_demand is None:
        return what
    writes = None if what.on_demand_limit is None else what.on_demand_limit.writes
    return replace(what, on_demand_limit=Units(reads.on_demand, writes))


def _merged(present: Reads, asked: Reads) -> Reads:
    return Reads(
        present.provisioned if asked.provisioned is None else asked.provisioned,
        present.on_demand if asked.on_demand is None else asked.on_demand,
    )


def _check(table: Table, asked: Override) -> None:
    is_on_demand = table.throughput is None
    for reads in (asked.table, *asked.indexes.values()):
        if reads.provisioned is not None and is_on_demand:
            raise ValidationException(
                f"{INVALID}ProvisionedThroughputOverride cannot be specified when BillingMode is "
                "PAY_PER_REQUEST"
            )
        if reads.on_demand is not None and not is_on_demand:
            raise ValidationException(
                f"{INVALID}OnDemandThroughputOverride cannot be specified when BillingMode is "
                "PROVISIONED"
            )
    for name in asked.indexes:
        index = table.indexes_by_name.get(name)
        if index is None or not index.is_global:
            raise ValidationException(
                f"{INVALID}The table does not have the specified global secondary index: {name}"
            )
