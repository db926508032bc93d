"""Recovery to a point in time: switched on and off, its window, and what must be kept for it.

While it is on, the table's log is on too, seen by a stream or not, and kept for the whole window.
Texts: API Reference, "UpdateContinuousBackups", "RestoreTableToPointInTime", and observed; where
AWS's are not known they are ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headwater.clock import Chance, Clock
from headwater.errors import (
    ContinuousBackupsUnavailableException,
    InvalidRestoreTimeException,
    PointInTimeRecoveryUnavailableException,
)
from headwater.storage.committer import View
from headwater.storage.keyspace import TableId
from headwater.tables import partitions, schema, stream_switch
from headwater.tables.backups import table_not_found
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Recovery, Table, TableStatus

_DAY_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class RecoveryChange:
    """The step of a table's change that switches recovery. Reads `partitions.open_shard_keys`.

    period_days: how far back the table can be restored; None switches recovery off.
    """

    period_days: int | None
    now: float
    chance: Chance

    def __call__(self, view: View, table: Table) -> Table:
        """Raises ContinuousBackupsUnavailableException if the table is not ready for it."""
        if table.status not in (TableStatus.ACTIVE, TableStatus.UPDATING):
            raise ContinuousBackupsUnavailableException(
                f"Backups are being enabled for the table: {table.name}. Please retry later"
            )
        if self.period_days is None:
            return self._off(view, table)
        return self._on(view, table, self.period_days)

    def _on(self, view: View, table: Table, period_days: int) -> Table:
        if table.recovery is not None:
            # What a shorter period has let go does not come back with a longer one.
            since = earliest(table.recovery, self.now)
            return table.changed(recovery=Recovery(since, period_days))
        if not table.has_log:
            opening = stream_switch.hidden(self.now, self.chance)
            table = partitions.log_on(view, table, opening)
        return table.changed(recovery=Recovery(self.now, period_days))

    def _off(self, view: View, table: Table) -> Table:
        if table.recovery is None:
            return table
        if table.restores:
            raise ContinuousBackupsUnavailableException(
                f"Another table is being restored from the table: {table.name}. Please retry later"
            )
        switched = table.changed(recovery=None)
        if switched.stream is None and not switched.needs_log:
            switched = partitions.log_off(view, switched, int(self.now * 1e6))
        return switched


def earliest(recovery: Recovery, now: float) -> float:
    """The earliest moment, in epoch seconds, that a table can be restored to."""
    return max(recovery.since, now - recovery.period_days * _DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class MomentSource:
    """A moment of a table as what a table is restored from. now: epoch seconds."""

    table: Table
    moment: float
    now: float

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.table.key,)

    def hold(self, view: View, restored: TableId) -> None:
        """Keep the table's items and log for one that is being restored.

        Raises TableNotFoundException, PointInTimeRecoveryUnavailableException,
        InvalidRestoreTimeException if the moment is outside the window.
        """
        stored = view.get(self.table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self.table.table_id:
            raise table_not_found(self.table.name)
        if table.recovery is None:
            raise PointInTimeRecoveryUnavailableException(
                f"Point in time recovery is not enabled for table '{table.name}'"
            )
        if not earliest(table.recovery, self.now) <= self.moment <= self.now:
            raise InvalidRestoreTimeException
        held = table.changed(restores=(*table.restores, restored))
        view.put(table.key, schema.encode(held))


def release(view: View, key: bytes, restored: TableId) -> None:
    """Let go of the table under a key for one that is restored; the view has loaded it."""
    stored = view.get(key)
    assert stored is not None, "a table outlasts those being restored from it"
    table = schema.decode(stored)
    left = tuple(table_id for table_id in table.restores if table_id != restored)
    view.put(key, schema.encode(table.changed(restores=left)))


def kept_since(catalog: Catalog, clock: Clock) -> Callable[[], Awaitable[Mapping[TableId, int]]]:
    """Asks from which microsecond on the logs of tables are kept for recovery."""

    async def ask() -> Mapping[TableId, int]:
        now = clock.now()
        kept: dict[TableId, int] = {}
        for table in await catalog.every():
            if table.recovery is not None:
                _keep(kept, table.table_id, earliest(table.recovery, now))
            restoration = table.restoration
            if restoration is not None and restoration.is_in_progress:
                _keep(kept, restoration.source_id, restoration.moment)
        return kept

    return ask


def _keep(kept: dict[TableId, int], table_id: TableId, since: float) -> None:
    since_us = int(since * 1e6)
    kept[table_id] = min(since_us, kept.get(table_id, since_us))
