"""Makes backups beside the writes of their tables, and erases deleted ones, in bounded commits.

    CREATING -> AVAILABLE    copy; take the mark from the table; drop what was no item; count
    DELETED  -> gone         once its items are erased

While the mark is in the table, the first write of an item since the backup began leaves there what
the item was, or that there was none. A copying step therefore puts an item only where nothing is
yet, in a commit that reads both: whatever it finds nowhere has not changed since the beginning. All
of it may be done twice, so a copy that a restart cut short begins again with the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from headwater.clock import Clock, pause
from headwater.limits import (
    backup_poll_seconds,
    table_maintenance_max,
    table_retry_seconds,
    table_step_bytes_max,
    table_step_items_max,
)
from headwater.storage.committer import View
from headwater.storage.engine import Span, Unavailable
from headwater.storage.erase import Erasure, erase
from headwater.storage.keyspace import BackupId
from headwater.tables import schema
from headwater.tables.backup import Backup, BackupStatus
from headwater.tables.backups import UNSETTLED_TOPIC, BackupChange, Backups
from headwater.tables.catalog import Catalog
from headwater.tables.count import Count
from headwater.tables.schema import Table
from headwater.tables.transitions import Stores
from headwater.tables.write import NO_ITEM, copy_keys
from headwater.values import codec
from headwater.values.order import after_prefix

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Step:
    """Some items copied in one commit; says whether the backup is still fed by writes."""

    table: Table
    backup_id: BackupId
    keys: Sequence[bytes]

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.table.key, *self.keys, *map(self._copy_key, self.keys))

    def run(self, view: View) -> bool:
        stored = view.get(self.table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self.table.table_id:
            return False
        if self.backup_id not in table.copies:
            return False
        for key in self.keys:
            item, copy_key = view.get(key), self._copy_key(key)
            if item is not None and view.get(copy_key) is None:
                view.put(copy_key, item)
        return True

    def _copy_key(self, item_key: bytes) -> bytes:
        return copy_keys(self.table, item_key)[0]


class BackupMaker:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(self, backups: Backups, catalog: Catalog, stores: Stores, clock: Clock) -> None:
        self._backups = backups
        self._catalog = catalog
        self._stores = stores
        self._clock = clock
        self._under_way: set[bytes] = set()
        self._heavy = asyncio.Semaphore(table_maintenance_max)

    async def run(self) -> None:
        """Carry on every backup that is not settled, and those that come, until cancelled."""
        woken = asyncio.Event()
        self._stores.wakeups.subscribe(UNSETTLED_TOPIC, woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    woken.clear()
                    await self._look(tasks)
                    await self._clock.wait(woken, None, backup_poll_seconds)
        finally:
            self._stores.wakeups.unsubscribe(UNSETTLED_TOPIC, woken)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin with every backup that is not settled and not under way."""
        try:
            unsettled = await self._backups.unsettled()
        except Unavailable as error:
            _log.warning("backups cannot be read", error=str(error))
            return
        for backup in unsettled:
            if backup.key not in self._under_way:
                self._under_way.add(backup.key)
                tasks.create_task(self._settle(backup))

    async def _settle(self, backup: Backup) -> None:
        try:
            await self._settled(backup)
        finally:
            self._under_way.discard(backup.key)

    async def _settled(self, backup: Backup) -> None:
        while True:
            try:
                async with self._heavy:
                    await self._step(backup)
            except Exception as error:  # noqa: BLE001 - the task's boundary: logged, tried again
                _log.error("backup cannot settle", backup=backup.backup_id, exc_info=error)
                await pause(self._clock, table_retry_seconds)
            else:
                return

    async def _step(self, backup: Backup) -> None:
        if backup.status is BackupStatus.CREATING:
            await self._make(backup)
            return
        prefix = backup.items_prefix
        await erase(self._stores.engine, self._stores.committer, (prefix, after_prefix(prefix)))
        await self._stores.committer.submit(BackupChange(backup.key, _removed))

    async def _make(self, backup: Backup) -> None:
        if await self._copy(backup):
            await self._catalog.change(backup.table, _Release(backup.backup_id))
        count = await self._count(backup)

        def available(present: Backup) -> Backup:
            assert present.status is BackupStatus.CREATING, "only this makes a backup available"
            return replace(
                present, status=BackupStatus.AVAILABLE, items=count.items, size=count.size
            )

        await self._stores.committer.submit(BackupChange(backup.key, available))

    async def _copy(self, backup: Backup) -> bool:
        """Copy every item that writes have not; not if that was done before a restart."""
        table = backup.table.changed(copies=(backup.backup_id,))
        start, stop = table.items_prefix, after_prefix(table.items_prefix)
        if not await self._stores.committer.submit(_Step(table, backup.backup_id, ())):
            return False
        while rows := await self._stores.engine.scan(_page(start, stop)):
            keys = [key for key, _ in rows]
            await self._stores.committer.submit(_Step(table, backup.backup_id, keys))
            start = keys[-1] + b"\x00"
        return True

    async def _count(self, backup: Backup) -> Count:
        """Drop what stands for no item, and count the rest; nobody writes here any more."""
        start, stop = backup.items_prefix, after_prefix(backup.items_prefix)
        count = Count()
        while rows := await self._stores.engine.scan(_page(start, stop)):
            if absent := [key for key, stored in rows if stored == NO_ITEM]:
                await self._stores.committer.submit(Erasure(absent))
            items = [stored for _, stored in rows if stored != NO_ITEM]
            count += Count(len(items), sum(map(codec.size, items)))
            start = rows[-1][0] + b"\x00"
            await asyncio.sleep(0)  # an engine in this process would never let others run
        return count


@dataclass(frozen=True, slots=True)
class _Release:
    """The step of a table's change after which writes feed a backup no more."""

    backup_id: BackupId

    def __call__(self, _view: View, table: Table) -> Table:
        if self.backup_id not in table.copies:
            return table
        left = tuple(backup_id for backup_id in table.copies if backup_id != self.backup_id)
        return table.changed(copies=left)


def _removed(_backup: Backup) -> None:
    return None


def _page(start: bytes, stop: bytes) -> Span:
    return Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
