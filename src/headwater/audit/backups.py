"""Backups hold what they say; exports, imports and tokens can be read, and are what they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from headwater.audit.catalog import Catalog
from headwater.audit.items import check_page
from headwater.audit.reading import pages, prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.tables import backup as backups
from headwater.tables import export, imports, tokens
from headwater.tables.backup import Backup, BackupStatus
from headwater.tables.schema import Table
from headwater.tables.write import NO_ITEM
from headwater.values import codec

_HASH_BYTES: Final = 32


class _Job(Protocol):
    @property
    def key(self) -> bytes: ...


_KINDS: Final[dict[bytes, tuple[str, Callable[[bytes], _Job]]]] = {
    export.KIND: ("export", export.decode),
    imports.KIND: ("import", imports.decode),
}


async def check(engine: Engine, report: Report, catalog: Catalog) -> None:
    """Look at every backup and its items, and at every export and import."""
    section = report.section("backups, exports and imports")
    known: set[bytes] = set()
    async for key, stored in rows_of(engine, keyspace.every_backup_span()):
        backup = readable(section, f"backup {key!r}", stored, backups.decode)
        if backup is None:
            continue
        section.count("backups")
        known.add(backup.items_prefix)
        if backup.key != key:
            section.fault(f"backup {backup.backup_id} is stored under another's key")
        await _check_backup(engine, section, backup)
    async for key, _ in rows_of(engine, prefixed(b"b")):
        if key[: 1 + 16 + 12] not in known:
            section.fault(f"an item is of no backup: {key!r}")
    for kind, (name, decode) in _KINDS.items():
        await _check_jobs(engine, section, kind, (name, decode))
    await _check_transactions(engine, report.section("transactions"))
    for table in catalog.tables.values():
        await _check_table(engine, section, table)


async def _check_backup(engine: Engine, section: Section, backup: Backup) -> None:
    items, size = 0, 0
    async for page in pages(engine, prefixed(backup.items_prefix)):
        kept = [(key, stored) for key, stored in page if stored != NO_ITEM]
        if backup.status is BackupStatus.AVAILABLE and len(kept) < len(page):
            section.fault(f"backup {backup.backup_id} is made, but holds marks of its making")
        for each in check_page(section, backup.table, backup.items_prefix, kept):
            items += 1
            size += codec.size(each.stored)
    if backup.status is BackupStatus.AVAILABLE and (items, size) != (backup.items, backup.size):
        section.fault(
            f"backup {backup.backup_id} has {items} items of {size} bytes, "
            f"but says {backup.items} of {backup.size}"
        )


async def _check_jobs(
    engine: Engine, section: Section, kind: bytes, form: tuple[str, Callable[[bytes], _Job]]
) -> None:
    name, decode = form
    async for key, stored in rows_of(engine, keyspace.every_job_span(kind)):
        job = readable(section, f"{name} {key!r}", stored, decode)
        if job is None:
            continue
        section.count(f"{name}s")
        if job.key != key:
            section.fault(f"{name} {key!r} is stored under another's key")
    async for key, token in rows_of(engine, prefixed(b"jt" + kind)):
        section.count("client tokens")
        if not token[_HASH_BYTES:].startswith(b"j" + kind):
            section.fault(f"the client token {key!r} is of no {name}")


async def _check_transactions(engine: Engine, section: Section) -> None:
    async for key, stored in rows_of(engine, keyspace.transactions_span()):
        section.count("client tokens")
        readable(section, f"transaction token {key!r}", stored, tokens.check_stored)


async def _check_table(engine: Engine, section: Section, table: Table) -> None:
    """What a table says is being made of it, or makes it, is there."""
    wanted = {
        f"the backup {each}": keyspace.backup(table.region, table.name, each)
        for each in table.copies
    }
    if table.importing is not None:
        job = keyspace.job(imports.KIND, table.region, table.name, table.importing)
        wanted[f"the import {table.importing}"] = job
    for name, found in zip(wanted, await engine.get(list(wanted.values())), strict=True):
        if found is None:
            section.fault(f"table {table.name} speaks of {name}, which is missing")
