"""Carries tables from the states that pass to those that last.

    CREATING -> ACTIVE; UPDATING -> ACTIVE, with indexes settled or their back-fill begun
    index CREATING, back-filling -> ACTIVE once every item has its entry
    index DELETING -> gone once its entries are erased
    time to live ENABLING -> ENABLED once every item that expires has its expiry entry
    time to live DISABLING -> gone once the expiry entries are erased
    table DELETING -> gone once nobody copies from it, and its items and all entries are erased
    table CREATING by a restoration -> ACTIVE once it has its items

Every step is one change of the stored table, made only if the table is still in the state the step
is for, after work that may be done twice. So a server that dies in the middle goes on from what is
stored: `run` begins with every table that is not settled. One process of a store runs it; tables
that others leave unsettled are marked, and the marks are looked at when told so and every few
seconds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from headwater.clock import Clock, linger, pause
from headwater.errors import ResourceNotFoundException
from headwater.limits import (
    table_maintenance_max,
    table_poll_seconds,
    table_retry_seconds,
    write_settle_seconds,
)
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.erase import erase
from headwater.storage.keyspace import IndexId, index_prefix, indexes_span
from headwater.streams.listing import entries
from headwater.tables import expiry, schema, unsettled
from headwater.tables.backfill import Filling, expiry_entries, fill, index_entries
from headwater.tables.catalog import Catalog
from headwater.tables.restoring import refill, release, source_key
from headwater.tables.schema import (
    Index,
    IndexStatus,
    Restoration,
    Table,
    TableStatus,
    TimeToLive,
    TimeToLiveStatus,
)
from headwater.values.order import after_prefix

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a table's items are read and changed in bulk, and what tells that there is work."""

    engine: Engine
    committer: Committer
    wakeups: Wakeups


class Transitions:
    """Run it in a task group; cancelling it is safe at any moment.

    transition_seconds: how long a table stays CREATING, UPDATING or DELETING at least; 0 is until
    the event loop's next turn.
    """

    def __init__(
        self, catalog: Catalog, stores: Stores, clock: Clock, transition_seconds: float
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._clock = clock
        self._transition_seconds = transition_seconds
        self._heavy = asyncio.Semaphore(table_maintenance_max)
        self._under_way: set[bytes] = set()

    async def run(self) -> None:
        """Settle every table that is not, and those that change, until cancelled."""
        woken = asyncio.Event()
        self._stores.wakeups.subscribe(unsettled.TOPIC, woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                for table in await self._catalog.every():
                    if not unsettled.is_settled(table):
                        self._start(tasks, table)
                while True:
                    woken.clear()
                    await self._look(tasks)
                    await self._clock.wait(woken, None, table_poll_seconds)
        finally:
            self._stores.wakeups.unsubscribe(unsettled.TOPIC, woken)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin with every table that is marked; a store that cannot serve is looked at again."""
        engine = self._stores.engine
        try:
            marks = [key async for key, _ in entries(engine, keyspace.unsettled_span())]
            for stored in await engine.get([keyspace.table_of_unsettled(mark) for mark in marks]):
                if stored is not None:
                    self._start(tasks, schema.decode(stored))
        except Unavailable as error:
            _log.warning("unsettled tables cannot be read", error=str(error))

    def _start(self, tasks: asyncio.TaskGroup, table: Table) -> None:
        """Settle a table in a task of its own, unless there is one: it sees what has changed."""
        if table.key not in self._under_way:
            self._under_way.add(table.key)
            tasks.create_task(self._settle(table))

    async def _settle(self, table: Table) -> None:
        try:
            latest: Table | None = table
            while latest is not None and not unsettled.is_settled(latest):
                latest = await self._stepped(latest)
        finally:
            self._under_way.discard(table.key)

    async def _stepped(self, table: Table) -> Table | None:
        """The table of that name after a step, or None if there is none any more."""
        try:
            with suppress(ResourceNotFoundException):  # another may have the name: look once more
                await self._step(table)
            return await self._catalog.describe(table.region, table.name)
        except ResourceNotFoundException:
            return None
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged and tried again
            _log.error("table cannot settle", table=table.name, exc_info=error)
            await pause(self._clock, table_retry_seconds)
            return table

    async def _step(self, table: Table) -> None:
        """Take a table one state further."""
        if table.status is TableStatus.ACTIVE:
            await self._fill_indexes(table)
            if table.time_to_live is not None:
                await self._settle_time_to_live(table, table.time_to_live)
            return
        await self._wait()
        if table.status is TableStatus.DELETING:
            # Whoever reads its items comes first.
            if table.copies or table.restores or table.replicas:
                await pause(self._clock, table_retry_seconds)
            else:
                await self._erase_table(table)
        elif table.restoration is not None and table.restoration.is_in_progress:
            await self._restore(table, table.restoration)
        else:
            await self._erase_indexes(table)
            await self._catalog.change(table, settled)

    async def _wait(self) -> None:
        if self._transition_seconds > 0:
            await linger(self._clock, self._transition_seconds)
        else:
            await asyncio.sleep(0)

    async def _restore(self, table: Table, restoration: Restoration) -> None:
        """Fill a restored table; it is ACTIVE, and its source is free, from one moment on."""
        if restoration.backup_arn is None:
            # Writes are stamped before they commit: those of before the moment shall be there.
            settled_at = restoration.moment + write_settle_seconds
            await linger(self._clock, max(0.0, settled_at - self._clock.now()))
        async with self._heavy:
            await refill(self._stores.engine, self._stores.committer, table)

        def step(view: View, present: Table) -> Table:
            release(view, restoration, present.table_id)
            return settled(view, present).changed(
                restoration=replace(restoration, is_in_progress=False)
            )

        await self._catalog.change(table, step, lambda _: (source_key(restoration),))

    async def _fill_indexes(self, table: Table) -> None:
        for index in table.indexes:
            if index.status is IndexStatus.CREATING:
                is_full = await self._fill(table, index_entries(index.index_id))
                if is_full:
                    await self._catalog.change(table, _Activation(index.index_id))

    async def _settle_time_to_live(self, table: Table, time_to_live: TimeToLive) -> None:
        if time_to_live.status is TimeToLiveStatus.ENABLED:
            return
        await self._wait()
        if time_to_live.status is TimeToLiveStatus.DISABLING:
            await self._erase((table.expiries_prefix, after_prefix(table.expiries_prefix)))
            await self._catalog.change(table, _without_time_to_live)
        elif await self._fill(table, expiry_entries):
            await self._catalog.change(table, _with_time_to_live)

    async def _fill(self, table: Table, filling: Filling) -> bool:
        async with self._heavy:
            return await fill(self._stores.engine, self._stores.committer, table, filling)

    async def _erase_indexes(self, table: Table) -> None:
        for index in table.indexes:
            if index.status is IndexStatus.DELETING:
                prefix = index_prefix(table.table_id, index.index_id)
                await self._erase((prefix, after_prefix(prefix)))

    async def _erase_table(self, table: Table) -> None:
        await self._erase((table.items_prefix, after_prefix(table.items_prefix)))
        await self._erase((table.collections_prefix, after_prefix(table.collections_prefix)))
        await self._erase((table.versions_prefix, after_prefix(table.versions_prefix)))
        await self._erase(indexes_span(table.table_id))
        await self._erase((table.expiries_prefix, after_prefix(table.expiries_prefix)))
        await self._catalog.change(table, _removed)

    async def _erase(self, span: tuple[bytes, bytes]) -> None:
        async with self._heavy:
            await erase(self._stores.engine, self._stores.committer, span)


def settled(_view: View, table: Table) -> Table:
    """A created or updated table in the state that follows; erased indexes are dropped."""
    if table.status not in (TableStatus.CREATING, TableStatus.UPDATING):
        return table
    is_new = table.status is TableStatus.CREATING
    indexes = (
        _settled_index(index, is_new=is_new)
        for index in table.indexes
        if index.status is not IndexStatus.DELETING
    )
    return table.changed(status=TableStatus.ACTIVE, indexes=tuple(indexes))


def _settled_index(index: Index, *, is_new: bool) -> Index:
    """An index after its table's step. A new table has no items to fill its indexes with."""
    if index.status is IndexStatus.CREATING and not is_new:
        return replace(index, is_backfilling=True)
    return replace(index, status=IndexStatus.ACTIVE, is_backfilling=False)


def _with_time_to_live(view: View, table: Table) -> Table:
    """Time to live in force, if it is still being enabled."""
    time_to_live = table.time_to_live
    if time_to_live is None or time_to_live.status is not TimeToLiveStatus.ENABLING:
        return table
    view.wake(expiry.WAKING_TOPIC)
    return table.changed(time_to_live=replace(time_to_live, status=TimeToLiveStatus.ENABLED))


def _without_time_to_live(_view: View, table: Table) -> Table:
    """Time to live gone, if it is still being disabled."""
    time_to_live = table.time_to_live
    if time_to_live is None or time_to_live.status is not TimeToLiveStatus.DISABLING:
        return table
    return table.changed(time_to_live=None)


def _removed(_view: View, table: Table) -> Table | None:
    return None if table.status is TableStatus.DELETING else table


@dataclass(frozen=True, slots=True)
class _Activation:
    """The step with which a filled index becomes ACTIVE, if it is still being created."""

    index_id: IndexId

    def __call__(self, _view: View, table: Table) -> Table:
        if not any(self._is_filled(index) for index in table.indexes):
            return table
        return table.changed(indexes=tuple(map(self._activated, table.indexes)))

    def _activated(self, index: Index) -> Index:
        if not self._is_filled(index):
            return index
        return replace(index, status=IndexStatus.ACTIVE, is_backfilling=False)

    def _is_filled(self, index: Index) -> bool:
        return index.index_id == self.index_id and index.status is IndexStatus.CREATING
