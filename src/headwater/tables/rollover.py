"""Replaces every open shard by a child once it has been open for its time.

A shard's time is told from its id alone, so nothing is remembered: whatever was due while no
server ran is rolled over after the next start. Shards differ by up to an eighth in how long they
stay open, so that those of one table, which opened together, do not all close together.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final

import structlog

from headwater.clock import Clock
from headwater.errors import ResourceNotFoundException
from headwater.limits import rollover_poll_seconds, table_retry_seconds
from headwater.storage.keyspace import ShardId
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import NotOpen, Resharder
from headwater.tables.schema import Table

_SPREAD: Final = 1 / 8
_SUFFIXES: Final = 2**32  # how many there are of eight hexadecimal digits
_log = structlog.get_logger(__name__)


def due_at(shard_id: ShardId, open_seconds: float) -> float:
    """The epoch second at which a shard is to be rolled over.

    It comes between `open_seconds` and an eighth more after the shard opened. Gaps between shard
    ids in AWS's samples lie between 4.0 and 4.5 hours.
    """
    _, milliseconds, suffix = shard_id.split("-")
    share = int(suffix, 16) / _SUFFIXES
    return int(milliseconds) / 1000 + open_seconds * (1 + share * _SPREAD)


class Rollover:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self, catalog: Catalog, resharder: Resharder, clock: Clock, open_seconds: float
    ) -> None:
        self._catalog = catalog
        self._resharder = resharder
        self._clock = clock
        self._open_seconds = open_seconds

    async def run(self) -> None:
        """Roll shards over as they fall due, until cancelled."""
        while True:
            # A shard that opens after this is due after `open_seconds` at the earliest.
            longest = self._clock.now() + self._open_seconds
            when = min(await self._attempt(), longest)
            # The look is for a clock that is set forward.
            await self._clock.wait(asyncio.Event(), when, rollover_poll_seconds)

    async def _attempt(self) -> float:
        """A round; one that fails is logged and tried again."""
        try:
            return await self.roll_due()
        except Exception as error:  # noqa: BLE001 - the task's boundary
            _log.error("shards cannot be rolled over", exc_info=error)
            return self._clock.now() + table_retry_seconds

    async def roll_due(self) -> float:
        """Roll over every shard that is due now; returns when the next of the others is."""
        when = inf
        for table in await self._catalog.every():
            for partition in table.partitions:
                if partition.shard_id is None:
                    continue
                due = due_at(partition.shard_id, self._open_seconds)
                if due <= self._clock.now():
                    await self._roll(table, partition.shard_id)
                else:
                    when = min(when, due)
            await asyncio.sleep(0)  # however many tables there are, requests come between
        return when

    async def _roll(self, table: Table, shard_id: ShardId) -> None:
        try:
            rolled = await self._resharder.roll_over(table, shard_id)
        except (NotOpen, ResourceNotFoundException):
            return  # closed meanwhile by somebody else, or gone with its table
        _log.info("shard_rolled_over", table=table.name, shard=shard_id, child=rolled.children[0])
