"""Splits partitions whose writes stay above a rate.

Only tables with a log are measured: where there is none, nobody sees partitions.
"""

from __future__ import annotations

import asyncio

import structlog

from headwater.clock import Clock
from headwater.errors import ResourceNotFoundException
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams.load import Loads, SplitSettings
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import NotOpen, Resharder, Unsplittable, is_splittable
from headwater.tables.schema import Table

_log = structlog.get_logger(__name__)


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
        self._catalog = catalog
        self._resharder = resharder
        self._loads = Loads(engine, clock, settings)

    async def run(self) -> None:
        """Measure and split until cancelled."""
        await self._loads.watch(self.look)

    async def look(self) -> None:
        """Measure every open shard, and split those that have been above the rate long enough."""
        self._loads.begin()
        for table in await self._catalog.every():
            for shard_id in await self._loads.too_high(table.table_id, _splittable(table)):
                await self._split(table, shard_id)
            await asyncio.sleep(0)  # however many tables there are, requests come between

    async def _split(self, table: Table, shard_id: ShardId) -> None:
        try:
            split = await self._resharder.split(table, shard_id)
        except (NotOpen, Unsplittable, ResourceNotFoundException):
            return  # changed meanwhile by somebody else
        _log.info("partition_split", table=table.name, shard=shard_id, children=split.children)


def _splittable(table: Table) -> list[ShardId]:
    """The open shards of a table that can be split."""
    return [
        partition.shard_id
        for index, partition in enumerate(table.partitions)
        if partition.shard_id is not None and is_splittable(table, index)
    ]
