"""Settings that all replicas of a global table have, and which change of each a replica knows.

A change of a setting is stamped with a count, one more than that of the change before, and the
region it is made in. The greater stamp wins, so replicas on different servers that tell each other
what they have come to the same, in whatever order they hear of it. Indexes are settings each by
itself: two that are created at once in two regions are both there in the end.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headwater.tables.schema import Index, IndexStatus, Stamp, Table, Throughput, TimeToLiveStatus

CAPACITY: Final = "capacity"
TIME_TO_LIVE: Final = "time to live"
_INDEX: Final = "index "
_OVERRIDE: Final = "override "
NEVER: Final = Stamp(0, "")
"""Of a setting that was not changed since the table became global."""


def index_setting(name: str) -> str:
    """The setting that an index is."""
    return _INDEX + name


def index_name(setting: str) -> str | None:
    """The index that a setting is, if it is one."""
    return setting.removeprefix(_INDEX) if setting.startswith(_INDEX) else None


def override_setting(region: str) -> str:
    """The setting that the overrides of a region's replica are."""
    return _OVERRIDE + region


def override_region(setting: str) -> str | None:
    """The region whose overrides a setting is, if it is such a one."""
    return setting.removeprefix(_OVERRIDE) if setting.startswith(_OVERRIDE) else None


def stamped(before: Table, after: Table) -> Table:
    """A table with a change's stamp on the settings that it has changed.

    One that a change itself has stamped, because it comes from another region, stays as it is.
    """
    if not before.replicas or not after.replicas or after.shared is not before.shared:
        return after
    old, new = _values(before), _values(after)
    stamps = {
        setting: Stamp(before.shared.get(setting, NEVER).count + 1, after.region)
        for setting in old.keys() | new.keys()
        if old.get(setting) != new.get(setting)
    }
    return replace(after, shared={**before.shared, **stamps}) if stamps else after


def _values(table: Table) -> Mapping[str, Any]:
    """What is shared, by setting; an index that goes is gone."""
    time_to_live = table.time_to_live
    is_on = time_to_live is not None and time_to_live.status is not TimeToLiveStatus.DISABLING
    return {
        CAPACITY: (_units(table.throughput), table.on_demand_limit, table.warm),
        TIME_TO_LIVE: time_to_live.attribute if time_to_live is not None and is_on else None,
        **{
            index_setting(index.name): _index(index)
            for index in table.indexes
            if index.is_global and index.status is not IndexStatus.DELETING
        },
        **{override_setting(region): each for region, each in table.overrides.items()},
    }


def _index(index: Index) -> tuple[Any, ...]:
    return (
        index.keys,
        index.projection,
        index.attributes,
        _units(index.throughput),
        index.on_demand_limit,
        index.warm,
    )


def _units(throughput: Throughput | None) -> tuple[int, int] | None:
    return None if throughput is None else (throughput.read_units, throughput.write_units)
