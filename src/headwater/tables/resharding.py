"""Shards closed and replaced while the table is in use: rolled over, or split with their partition.

Each is one change of the stored table, so it is made only while the shard is still the open one of
its partition, and no write falls between the shard that closes and those that open. Tasks and the
lab come here alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from headwater.clock import Chance, Clock
from headwater.limits import table_partitions_max
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.keyspace import ShardId
from headwater.streams import shard as shards
from headwater.streams.shard import HASH_MAX, Opening, Shard
from headwater.tables import partitions
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table

_Change: TypeAlias = Callable[[View, Table, ShardId, Opening], Table]


class NotOpen(Exception):
    """The shard is not an open one of the table, or not any more."""


class Unsplittable(Exception):
    """The partition cannot be cut, or the table has as many partitions as it can; the text says."""


@dataclass(frozen=True, slots=True)
class Resharded:
    """A shard that was closed, and those that opened in its place, in the order of their ranges."""

    parent: ShardId
    children: tuple[ShardId, ...]


class Resharder:
    """Rolls over and splits the shards of the catalog's tables."""

    def __init__(self, catalog: Catalog, clock: Clock, chance: Chance) -> None:
        self._catalog = catalog
        self._clock = clock
        self._chance = chance

    async def roll_over(self, table: Table, shard_id: ShardId) -> Resharded:
        """Close a shard and open one child in its place.

        Raises NotOpen, ResourceNotFoundException if the table is gone, and what `Catalog.change`
        does.
        """
        (rolled,) = await self.roll_over_all(table, {shard_id: self._clock.now()})
        return rolled

    async def roll_over_all(
        self, table: Table, moments: Mapping[ShardId, float]
    ) -> Sequence[Resharded]:
        """Roll over several shards in one commit, each at its epoch second, none of them to come.

        Those that are not open any more are left out. Raises what `roll_over` does.
        """
        return await self._reshard(table, moments, partitions.roll_over)

    async def split(self, table: Table, shard_id: ShardId) -> Resharded:
        """Cut a shard's partition in two halves, each with a child of the shard.

        Raises Unsplittable, and what `roll_over` does.
        """
        (halved,) = await self._reshard(table, {shard_id: self._clock.now()}, _split)
        return halved

    async def _reshard(
        self, table: Table, moments: Mapping[ShardId, float], change: _Change
    ) -> Sequence[Resharded]:
        done: list[Resharded] = []

        def step(view: View, present: Table) -> Table:
            done.clear()
            for shard_id, moment in moments.items():
                before = _open_ids(present)
                if shard_id in before:
                    label = _descriptor(view, present, shard_id).stream_label
                    opening = Opening(label, int(moment * 1e6), self._chance)
                    present = change(view, present, shard_id, opening)
                    opened = (each for each in _open_ids(present) if each not in before)
                    done.append(Resharded(shard_id, tuple(opened)))
            if not done:
                raise NotOpen
            return present

        def reads(present: Table) -> Sequence[bytes]:
            return [key for shard_id in moments for key in _reads(present, shard_id)]

        await self._catalog.change(table, step, reads)
        return done


def _open_ids(table: Table) -> Sequence[ShardId]:
    return [each.shard_id for each in table.partitions if each.shard_id is not None]


def _reads(table: Table, shard_id: ShardId) -> Sequence[bytes]:
    return (
        keyspace.shard(table.table_id, shard_id),
        keyspace.head(table.table_id, shard_id),
    )


def _descriptor(view: View, table: Table, shard_id: ShardId) -> Shard:
    stored = view.get(keyspace.shard(table.table_id, shard_id))
    assert stored is not None, "an open shard has a descriptor"
    return shards.decode(stored)


def _split(view: View, table: Table, shard_id: ShardId, opening: Opening) -> Table:
    if len(table.partitions) >= table_partitions_max:
        raise Unsplittable(f"A table has at most {table_partitions_max} partitions")
    hash_range = _descriptor(view, table, shard_id).range
    if hash_range.start == hash_range.end:
        raise Unsplittable("A partition of a single hash cannot be split")
    return partitions.split(view, table, shard_id, opening)


def is_splittable(table: Table, index: int) -> bool:
    """Whether the partition at an index can be cut."""
    is_last = index == len(table.partitions) - 1
    stop = HASH_MAX + 1 if is_last else table.partitions[index + 1].start
    return len(table.partitions) < table_partitions_max and stop - table.partitions[index].start > 1
