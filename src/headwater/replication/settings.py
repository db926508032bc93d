"""Settings that all replicas share, taken over from one on another server.

Steps of a commit's work. What cannot be taken yet, because the table is busy with something else,
is left with its old stamp: who tells of it goes on telling. Stamps are `tables/sharing.py`'s.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from headwater.replication.state import State
from headwater.storage.committer import View
from headwater.storage.keyspace import IndexId
from headwater.tables import expiry, unsettled
from headwater.tables.definition import Definition
from headwater.tables.key_definition import IndexDefinition
from headwater.tables.schema import (
    Index,
    IndexStatus,
    Stamp,
    Table,
    TableStatus,
    Throughput,
    TimeToLiveStatus,
)
from headwater.tables.sharing import (
    CAPACITY,
    NEVER,
    TIME_TO_LIVE,
    index_name,
    index_setting,
    override_region,
)


def newer(table: Table, state: State) -> dict[str, Stamp]:
    """The settings of which a replica knows a later change than the table does."""
    return {
        setting: stamp
        for setting, stamp in state.shared.items()
        if stamp > table.shared.get(setting, NEVER)
    }


def taken(view: View, table: Table, state: State, definition: Definition, now: float) -> Table:
    """The table with the settings that are newer elsewhere, as far as they can be taken now.

    definition: the other replica's. now: epoch seconds.
    """
    stamps = newer(table, state)
    if not stamps or table.status is not TableStatus.ACTIVE:
        return table
    after = _with_time_to_live(view, table, state, stamps)
    after = _with_overrides(after, state, stamps)
    if unsettled.has_settled_indexes(table):
        after = _with_capacity(after, definition, stamps, now)
        after = _with_indexes(after, definition, stamps)
    return after


def _with_time_to_live(view: View, table: Table, state: State, stamps: dict[str, Stamp]) -> Table:
    """Time to live on another attribute is switched off first, and on once that is done."""
    stamp = stamps.get(TIME_TO_LIVE)
    if stamp is None:
        return table
    present, wanted = table.time_to_live, state.expires_by
    if present is not None and present.attribute != wanted:
        if present.status is not TimeToLiveStatus.ENABLED:
            return table
        off = expiry.switched(view, table, present.attribute, is_on=False)
        return _half_way(off) if wanted is not None else _stamped(off, TIME_TO_LIVE, stamp)
    if present is None and wanted is not None:
        table = expiry.switched(view, table, wanted, is_on=True)
    return _stamped(table, TIME_TO_LIVE, stamp)


def _with_overrides(table: Table, state: State, stamps: dict[str, Stamp]) -> Table:
    for setting, stamp in stamps.items():
        region = override_region(setting)
        if region is None:
            continue
        overrides = {name: each for name, each in table.overrides.items() if name != region}
        if region in state.overrides:
            overrides[region] = state.overrides[region]
        table = _stamped(
            table.changed(overrides=overrides, shared={**table.shared}), setting, stamp
        )
    return table


def _with_capacity(
    table: Table, definition: Definition, stamps: dict[str, Stamp], now: float
) -> Table:
    stamp = stamps.get(CAPACITY)
    if stamp is None:
        return table
    to_on_demand_at = table.to_on_demand_at
    if definition.throughput is None and table.throughput is not None:
        to_on_demand_at = now
    changed = table.changed(
        throughput=definition.throughput,
        to_on_demand_at=to_on_demand_at,
        on_demand_limit=definition.on_demand_limit,
        warm=definition.warm,
        indexes=tuple(_billed(each, definition.throughput) for each in table.indexes),
    )
    return _stamped(changed, CAPACITY, stamp)


def _billed(index: Index, throughput: Throughput | None) -> Index:
    """An index billed as its table is: what it is given itself comes with its own setting."""
    if not index.is_global or (index.throughput is None) == (throughput is None):
        return index
    return replace(index, throughput=throughput, on_demand_limit=None)


def _with_indexes(table: Table, definition: Definition, stamps: dict[str, Stamp]) -> Table:
    wanted = {each.name: each for each in definition.indexes if each.is_global}
    for setting, stamp in stamps.items():
        name = index_name(setting)
        if name is None:
            continue
        present = table.indexes_by_name.get(name)
        asked = wanted.get(name)
        if asked is None:
            table = table if present is None else _without(table, present)
        elif present is not None and not _is_same(present, asked):
            table = _half_way(_without(table, present))
            continue
        elif present is None:
            new = asked.index(_index_id(table, name, stamp), IndexStatus.CREATING)
            new = _billed(new, table.throughput)
            table = table.changed(status=TableStatus.UPDATING, indexes=(*table.indexes, new))
        else:
            same = replace(
                present,
                throughput=asked.throughput,
                on_demand_limit=asked.on_demand_limit,
                warm=asked.warm,
            )
            table = _with(table, _billed(same, table.throughput))
        table = _stamped(table, index_setting(name), stamp)
    return table


def _is_same(present: Index, asked: IndexDefinition) -> bool:
    """Whether it is that index, and not another that was created under its name."""
    mine = (present.keys, present.projection, present.attributes)
    return mine == (asked.keys, asked.projection, asked.attributes)


def _without(table: Table, gone: Index) -> Table:
    going = replace(gone, status=IndexStatus.DELETING, is_backfilling=False)
    return _with(table.changed(status=TableStatus.UPDATING), going)


def _with(table: Table, changed: Index) -> Table:
    indexes = (changed if each.name == changed.name else each for each in table.indexes)
    return table.changed(indexes=tuple(indexes))


def _index_id(table: Table, name: str, stamp: Stamp) -> IndexId:
    """An identity that this index has however often it is made in this step."""
    of = f"{table.table_id} {stamp.count} {stamp.region} {name}".encode()
    return IndexId(blake2b(of, digest_size=8).hexdigest())


def _half_way(table: Table) -> Table:
    """A table on its way to a setting: no change of its own, so that it is not stamped as one."""
    return table.changed(shared={**table.shared})


def _stamped(table: Table, setting: str, stamp: Stamp) -> Table:
    return table.changed(shared={**table.shared, setting: stamp})
