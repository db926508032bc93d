"""The backups there are: begun, found, listed, deleted, held while tables are restored from them.

Every change is work for the committer. A backup and the mark in its table that makes writes feed it
appear in one commit, which is the moment the backup shows. What follows in the background is
`copying.py`'s, which is woken by `UNSETTLED_TOPIC` when a backup is left in a state that passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from headwater.arn import parse_backup
from headwater.clock import Chance, Clock
from headwater.errors import (
    BackupInUseException,
    BackupNotFoundException,
    ResourceNotFoundException,
    ServiceError,
    TableInUseException,
    TableNotFoundException,
    ValidationException,
)
from headwater.limits import backup_copies_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import BackupId, TableId
from headwater.streams.listing import entries
from headwater.tables import backup as stored_form
from headwater.tables.backup import Backup, BackupStatus
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table, TableStatus

UNSETTLED_TOPIC: Final = keyspace.every_backup_span()[0]
"""Woken when a backup is left in a state that passes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which backups to list: of one table's name or of all, begun in [`since`, `until`).

    after: the key of the backup behind which to begin. limit: how many at most.
    """

    table_name: str | None
    since: float
    until: float
    after: bytes | None
    limit: int


@dataclass(frozen=True, slots=True)
class BackupChange:
    """A change of a stored backup as work for the committer; None removes it."""

    key: bytes
    step: Callable[[Backup], Backup | None]

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.key,)

    def run(self, view: View) -> Backup | None:
        """Returns the backup as it then is.

        Raises BackupNotFoundException if there is none, and what the step raises.
        """
        stored = view.get(self.key)
        if stored is None:
            raise BackupNotFoundException
        changed = self.step(stored_form.decode(stored))
        if changed is None:
            view.delete(self.key)
        else:
            view.put(self.key, stored_form.encode(changed))
            if changed.status is not BackupStatus.AVAILABLE:
                view.wake(UNSETTLED_TOPIC)
        return changed


class Backups:
    """Backups by ARN; see the module."""

    def __init__(
        self, engine: Engine, committer: Committer, catalog: Catalog, clock: Clock, chance: Chance
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._catalog = catalog
        self._clock = clock
        self._chance = chance

    async def create(self, region: str, table_name_or_arn: str, name: str) -> Backup:
        """Begin a backup of a table as it is now.

        Raises TableNotFoundException, TableInUseException if the table is being created or deleted,
        BackupInUseException if too many backups of it are being made.
        """
        table = await named_table(self._catalog, region, table_name_or_arn)
        now = self._clock.now()
        beginning = _Beginning(stored_form.new_id(now, self._chance), name, now)
        try:
            await self._catalog.change(table, beginning)
        except ResourceNotFoundException as error:
            raise table_not_found(table.name) from error
        backup = beginning.backup(table)
        (stored,) = await self._engine.get([backup.key])
        assert stored is not None, "a backup that was begun is stored"
        return stored_form.decode(stored)

    async def find(self, region: str, arn: str) -> Backup:
        """The backup with an ARN.

        Raises ValidationException if it is no backup's, BackupNotFoundException if there is none.
        """
        (stored,) = await self._engine.get([self.key_of(region, arn)])
        backup = None if stored is None else stored_form.decode(stored)
        if backup is None or backup.status is BackupStatus.DELETED:
            raise _not_found(arn)
        return backup

    async def delete(self, region: str, arn: str) -> Backup:
        """Delete a backup; its items are erased in time.

        Raises what `find` does, BackupInUseException while it is being made or restored.
        """

        def step(backup: Backup) -> Backup:
            _check_free(backup, arn)
            if backup.restores:
                raise BackupInUseException
            return replace(backup, status=BackupStatus.DELETED)

        try:
            deleted = await self._committer.submit(BackupChange(self.key_of(region, arn), step))
        except BackupNotFoundException as error:
            raise _not_found(arn) from error
        assert deleted is not None, "a deleted backup is stored until it is erased"
        return deleted

    async def listed(self, region: str, wanted: Wanted) -> tuple[list[Backup], bool]:
        """Backups in the order of table names and times, and whether more follow."""
        start, stop = keyspace.backups_span(region, wanted.table_name)
        if wanted.after is not None:
            start = max(start, wanted.after + b"\x00")
        found: list[Backup] = []
        async for _, stored in entries(self._engine, (start, stop)):
            backup = stored_form.decode(stored)
            is_in_time = wanted.since <= backup.created_at < wanted.until
            if is_in_time and backup.status is not BackupStatus.DELETED:
                if len(found) == wanted.limit:
                    return found, True
                found.append(backup)
        return found, False

    async def unsettled(self) -> list[Backup]:
        """All backups of all regions that somebody must carry on."""
        found = []
        async for _, stored in entries(self._engine, keyspace.every_backup_span()):
            backup = stored_form.decode(stored)
            if backup.status is not BackupStatus.AVAILABLE:
                found.append(backup)
        return found

    def key_of(self, region: str, arn: str) -> bytes:
        """Where the backup with an ARN is stored.

        Raises ValidationException if the ARN is no backup's, BackupNotFoundException if it is of
        another account or region, whose backups are not here.
        """
        parts = parse_backup(arn)
        if parts is None:
            raise ValidationException(
                f"Invalid BackupArn: Invalid ResourceArn provided as input {arn}"
            )
        if (parts.region, parts.account) != (region, self._catalog.account):
            raise _not_found(arn)
        return keyspace.backup(region, parts.table, BackupId(parts.backup))


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The step of a table's change with which a backup of it begins."""

    backup_id: BackupId
    name: str
    now: float

    def __call__(self, view: View, table: Table) -> Table:
        if table.status in (TableStatus.CREATING, TableStatus.DELETING):
            raise TableInUseException(f"Table is in {table.status} state: {table.name}")
        if len(table.copies) >= backup_copies_max:
            raise BackupInUseException
        backup = self.backup(table)
        view.put(backup.key, stored_form.encode(backup))
        view.wake(UNSETTLED_TOPIC)
        return table.changed(copies=(*table.copies, self.backup_id))

    def backup(self, table: Table) -> Backup:
        return Backup(self.backup_id, self.name, table, self.now)


@dataclass(frozen=True, slots=True)
class BackupSource:
    """A backup as what a table is restored from."""

    backup: Backup
    arn: str

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.backup.key,)

    def hold(self, view: View, restored: TableId) -> None:
        """Keep the backup for a table that is being restored.

        Raises BackupNotFoundException, BackupInUseException if it is still being made.
        """
        stored = view.get(self.backup.key)
        if stored is None:
            raise _not_found(self.arn)
        backup = stored_form.decode(stored)
        _check_free(backup, self.arn)
        held = replace(backup, restores=(*backup.restores, restored))
        view.put(backup.key, stored_form.encode(held))


def release(view: View, key: bytes, restored: TableId) -> None:
    """Let go of the backup under a key for a table that is restored; the view has loaded it."""
    stored = view.get(key)
    assert stored is not None, "a backup outlasts the tables being restored from it"
    backup = stored_form.decode(stored)
    left = tuple(table_id for table_id in backup.restores if table_id != restored)
    view.put(key, stored_form.encode(replace(backup, restores=left)))


async def named_table(catalog: Catalog, region: str, name_or_arn: str) -> Table:
    """The table of a request about backups, whose errors have a name of their own.

    Raises TableNotFoundException.
    """
    try:
        return await catalog.describe(region, name_or_arn)
    except ResourceNotFoundException as error:
        raise table_not_found(name_or_arn) from error


def table_not_found(name_or_arn: str) -> ServiceError:
    return TableNotFoundException(f"Table not found: {name_or_arn}")


def _check_free(backup: Backup, arn: str) -> None:
    if backup.status is BackupStatus.DELETED:
        raise _not_found(arn)
    if backup.status is BackupStatus.CREATING:
        raise BackupInUseException


def _not_found(arn: str) -> BackupNotFoundException:
    return BackupNotFoundException(f"Backup not found: {arn}")
