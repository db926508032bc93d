"""A backup: the items of a table at one moment, and what the table then was.

A value and its stored form; `backups.py` says which there are, `copying.py` makes them. While a
backup is CREATING the writes of its table give it every item they change, as it was before
(`write.py`), and what nobody changes is copied beside them. So it holds the table as it was in the
commit that began it.

The stored form is JSON of the fields; the table in it is as `schema.encode` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from headwater.arn import backup_arn
from headwater.clock import Chance
from headwater.storage import keyspace
from headwater.storage.keyspace import BackupId, TableId
from headwater.tables import schema
from headwater.tables.schema import Table


class BackupStatus(StrEnum):
    CREATING = "CREATING"
    AVAILABLE = "AVAILABLE"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup; see the module.

    table: as it was. created_at: epoch seconds. items, size: once it is AVAILABLE, as DynamoDB
    counts them. restores: tables being restored from it, which it must outlast. A DELETED backup is
    gone for everybody but who erases it.
    """

    backup_id: BackupId
    name: str
    table: Table
    created_at: float
    status: BackupStatus = BackupStatus.CREATING
    items: int = 0
    size: int = 0
    restores: tuple[TableId, ...] = ()

    @property
    def key(self) -> bytes:
        """Where the backup is stored."""
        return keyspace.backup(self.table.region, self.table.name, self.backup_id)

    @property
    def items_prefix(self) -> bytes:
        return keyspace.backup_prefix(self.table.table_id, self.backup_id)

    def arn(self, account: str) -> str:
        return backup_arn(self.table.region, account, self.table.name, self.backup_id)


def new_id(now: float, chance: Chance) -> BackupId:
    """An id for a backup begun at an epoch second."""
    return BackupId(f"{int(now * 1000):014d}-{chance.token(4).hex()}")


def encode(backup: Backup) -> bytes:
    """The stored bytes of a backup."""
    return orjson.dumps(
        {
            "backup_id": backup.backup_id,
            "name": backup.name,
            "table": orjson.Fragment(schema.encode(backup.table)),
            "created_at": backup.created_at,
            "status": backup.status,
            "items": backup.items,
            "size": backup.size,
            "restores": backup.restores,
        }
    )


def decode(stored: bytes) -> Backup:
    """The backup of stored bytes."""
    values: dict[str, Any] = orjson.loads(stored)
    values["table"] = schema.decode(orjson.dumps(values["table"]))
    values["status"] = BackupStatus(values["status"])
    values["restores"] = tuple(values["restores"])
    return Backup(**values)
