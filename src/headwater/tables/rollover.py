"""Replaces every open shard by a child once it has been open for its time.

A shard's time is told from its id alone, so nothing is remembered: whatever was due while no
server ran is rolled over after the next start. Shards differ by up to an eighth in how long they
stay open, so that those of one table, which opened together, do not all close together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Final, NamedTuple

import structlog

from headwater.clock import Clock
from headwater.errors import ResourceNotFoundException
from headwater.limits import rollover_poll_seconds, table_retry_seconds
from headwater.storage.keyspace import ShardId, TableId
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import NotOpen, Resharder
from headwater.tables.schema import Table

_SPREAD: Final = 1 / 8
_SUFFIXES: Final = 2**32  # how many there are of eight hexadecimal digits
_TABLES_AT_ONCE: Final = 16
_log = structlog.get_logger(__name__)


def due_at(shard_id: ShardId, open_seconds: float) -> float:
    """The epoch second at which a shard is to be rolled over.

    It comes between `open_seconds` and an eighth more after the shard opened. Gaps between shard
    ids in AWS's samples lie between 4.0 and 4.5 hours.
    """
    _, milliseconds, suffix = shard_id.split("-")
    share = int(suffix, 16) / _SUFFIXES
    return int(milliseconds) / 1000 + open_seconds * (1 + share * _SPREAD)


class _Open(NamedTuple):
    """An open shard, and the epoch second at which it is to be rolled over."""

    due: float
    table: Table
    shard_id: ShardId


class Rollover:
    """Run it in a task group; cancelling it is safe at any moment.

    quiet_until: the epoch second up to which time will jump without a stop, or now, if it does not.
    """

    def __init__(
        self,
        catalog: Catalog,
        resharder: Resharder,
        clock: Clock,
        open_seconds: float,
        quiet_until: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._resharder = resharder
        self._clock = clock
        self._open_seconds = open_seconds
        self._quiet_until = quiet_until

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
        """Roll over every shard that is due; returns when the next of the others is.

        In a jump of time, shards that fall due one after another, and nothing else between them,
        are awaited and rolled over together, each at its own moment: to whoever looks afterwards
        that is the same, and one commit is waited for instead of many.
        """
        now = self._clock.now()
        shards = await self._open_shards()
        first = min((each.due for each in shards), default=inf)
        if first > now:
            return first
        # A child of the first is not due before this.
        end = max(now, min(self._quiet_until(), first + self._open_seconds))
        last = max(each.due for each in shards if each.due <= end)
        if last > now:
            await self._clock.sleep(last - now)
        due: dict[TableId, list[_Open]] = {}
        for each in shards:
            if each.due <= end:
                due.setdefault(each.table.table_id, []).append(each)
        for some in _chunks(list(due.values())):
            async with asyncio.TaskGroup() as tasks:
                for of_table in some:
                    tasks.create_task(self._roll(of_table, now))
        return min((each.due for each in shards if each.due > end), default=inf)

    async def _open_shards(self) -> list[_Open]:
        found: list[_Open] = []
        for table in await self._catalog.every():
            for partition in table.partitions:
                if partition.shard_id is not None:
                    due = due_at(partition.shard_id, self._open_seconds)
                    found.append(_Open(due, table, partition.shard_id))
            await asyncio.sleep(0)  # however many tables there are, requests come between
        return found

    async def _roll(self, shards: Sequence[_Open], now: float) -> None:
        """Roll over shards of one table, none of them before this time."""
        table = shards[0].table
        moments = {each.shard_id: max(each.due, now) for each in shards}
        try:
            rolled = await self._resharder.roll_over_all(table, moments)
        except (NotOpen, ResourceNotFoundException):
            return  # closed meanwhile by somebody else, or gone with its table
        children = {each.parent: each.children[0] for each in rolled}
        _log.info("shards_rolled_over", table=table.name, children=children)


def _chunks(tables: Sequence[list[_Open]]) -> Iterator[Sequence[list[_Open]]]:
    """As many at a time as may share a commit."""
    for start in range(0, len(tables), _TABLES_AT_ONCE):
        yield tables[start : start + _TABLES_AT_ONCE]
