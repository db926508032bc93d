"""Capacity units: what a read or a write would cost on DynamoDB.

A read unit is 4 KB read consistently, half of one otherwise; a write unit is 1 KB of the larger of
the old and the new item; both at least one, and doubled within a transaction. Sizes are those of
items as DynamoDB counts them (Developer Guide, "Capacity unit consumption"). Units are counted
here; `metering.py` is what refuses them.
"""

from __future__ import annotations

from typing import Final

from headwater.limits import KB
from headwater.tables.index import IndexChange
from headwater.tables.schema import Index
from headwater.tables.write import Effect
from headwater.values import codec

TRANSACTIONAL: Final = 2

_READ_UNIT_BYTES: Final = 4 * KB
_WRITE_UNIT_BYTES: Final = KB


def read_units(size: int, *, is_consistent: bool) -> float:
    """Units for reading so many bytes at once; reading nothing costs as much as the least item."""
    units = max(1, -(-size // _READ_UNIT_BYTES))
    return float(units) if is_consistent else units / 2


def write_units(size_before: int, size_after: int) -> int:
    """Units for turning an item of one size into one of another; zero is an absent item."""
    return max(1, -(-max(size_before, size_after) // _WRITE_UNIT_BYTES))


def index_write_units(change: IndexChange) -> int:
    """Units for a change of an index: an entry that moves to another key is written twice."""
    if change.removed is not None and change.put is not None:
        return write_units(change.size_before, 0) + write_units(0, change.size_after)
    return write_units(change.size_before, change.size_after)


class Tally:
    """Units used on one table and on each of its indexes; grows while a request is served."""

    __slots__ = ("global_indexes", "local_indexes", "table_units")

    def __init__(self) -> None:
        self.table_units = 0.0
        self.local_indexes: dict[str, float] = {}
        self.global_indexes: dict[str, float] = {}

    @property
    def total(self) -> float:
        indexes = sum(self.local_indexes.values()) + sum(self.global_indexes.values())
        return self.table_units + indexes

    def add(self, index: Index | None, units: float) -> None:
        """Count units of an index, or of the table itself if it is None."""
        if index is None:
            self.table_units += units
            return
        group = self.global_indexes if index.is_global else self.local_indexes
        group[index.name] = group.get(index.name, 0.0) + units

    def add_write(self, effect: Effect, factor: int = 1) -> None:
        """Count a write by its effect, index entries included."""
        before = 0 if effect.old is None else codec.size(effect.old)
        after = 0 if effect.new is None else codec.size(effect.new)
        self.table_units += factor * write_units(before, after)
        for change in effect.index_changes:
            self.add(change.index, factor * index_write_units(change))


def tally_of_write(effect: Effect, factor: int = 1) -> Tally:
    """What one write used."""
    tally = Tally()
    tally.add_write(effect, factor)
    return tally
