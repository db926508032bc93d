"""Splits partitions whose writes stay above a rate.

Writes are counted by what is there already: an open shard's head tells how many entries the shard's
line has had, and heads are read a few times in the period that a rate must last. So a write costs
nothing more, and only tables with a log are measured: where there is none, nobody sees partitions.
What was measured is not stored; after a restart a rate must last anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from headwater.clock import Clock, pause
from headwater.errors import ResourceNotFoundException
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams.shard import decode_head, line_count
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import NotOpen, Resharder, Unsplittable, is_splittable
from headwater.tables.schema import Table

_LOOKS: Final = 6  # in the period that a rate must last
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Entries a second of one partition above which it is split, and how long they must last."""

    entries_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """A shard's line as measured at an epoch second.

    count: entries it has had. above_since: since when its rate is above the limit, if it is.
    """

    count: int
    at: float
    above_since: float | None = None


def measured(before: Load | None, count: int, now: float, rate_max: float) -> Load:
    """The load now, from the one measured before."""
    if before is None:
        return Load(count, now)
    if count - before.count <= rate_max * (now - before.at):
        return Load(count, now)
    return Load(count, now, before.at if before.above_since is None else before.above_since)


class Splitting:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        resharder: Resharder,
        clock: Clock,
        settings: SplitSettings,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._resharder = resharder
        self._clock = clock
        self._settings = settings
        self._loads: Mapping[ShardId, Load] = {}

    async def run(self) -> None:
        """Measure and split until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the task's boundary
                _log.error("partitions cannot be measured", exc_info=error)
            await pause(self._clock, self._settings.seconds / _LOOKS)

    async def look(self) -> None:
        """Measure every open shard, and split those that have been above the rate long enough."""
        loads: dict[ShardId, Load] = {}
        for table in await self._catalog.every():
            for shard_id, load in (await self._measure(table)).items():
                since = load.above_since
                if since is not None and self._clock.now() - since >= self._settings.seconds:
                    await self._split(table, shard_id)
                else:
                    loads[shard_id] = load
            await asyncio.sleep(0)  # however many tables there are, requests come between
        self._loads = loads

    async def _measure(self, table: Table) -> dict[ShardId, Load]:
        ids = [
            partition.shard_id
            for index, partition in enumerate(table.partitions)
            if partition.shard_id is not None and is_splittable(table, index)
        ]
        if not ids:
            return {}
        heads = await self._engine.get([keyspace.head(table.table_id, each) for each in ids])
        now = self._clock.now()
        return {
            shard_id: measured(
                self._loads.get(shard_id),
                line_count(decode_head(head).last),
                now,
                self._settings.entries_per_second,
            )
            for shard_id, head in zip(ids, heads, strict=True)
            if head is not None
        }

    async def _split(self, table: Table, shard_id: ShardId) -> None:
        try:
            split = await self._resharder.split(table, shard_id)
        except (NotOpen, Unsplittable, ResourceNotFoundException):
            return  # changed meanwhile by somebody else
        _log.info("partition_split", table=table.name, shard=shard_id, children=split.children)
