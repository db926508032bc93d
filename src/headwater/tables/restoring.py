"""Fills a table that is restored, from a backup or from the present and the log of its source.

Nobody else writes the table meanwhile: it is CREATING. Each step is one bounded commit that puts
items with their index entries, and all of it may be done twice, so a restoration that a restart cut
short begins again.

The state of a moment is made of two things. First every item is copied as it is now, beside the
writes that go on. Then the log is walked from its end back to the moment, and what an entry has as
the old image takes the item's place. The last to do so is the item's first change after the moment,
and what that change found is what there was. An item that was copied after a change is put right in
the same way, since that change is in the log by then; one without such a change is as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from headwater.arn import parse_backup, parse_table
from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import BackupId, TableId
from headwater.streams import listing
from headwater.streams import shard as shards
from headwater.streams.entry import Image, decode, time_us_of
from headwater.streams.shard import Shard
from headwater.tables import backup as backup_form
from headwater.tables import backups, item_collection, keys, recovery, schema
from headwater.tables import index as indexes
from headwater.tables.schema import Restoration, Table, TableStatus
from headwater.values import codec
from headwater.values.order import HASH_BYTES, after_prefix


@dataclass(frozen=True, slots=True)
class _Step:
    """Items set in one commit: by what follows the prefix in their keys, None for no item."""

    table: Table
    items: Sequence[tuple[bytes, bytes | None]]

    @property
    def reads(self) -> Sequence[bytes]:
        prefix = self.table.items_prefix
        item_keys = [prefix + suffix for suffix, _ in self.items]
        if self.table.collection_bytes_max is None:
            return (self.table.key, *item_keys)
        sizes = [item_collection.size_key(self.table, key) for key in item_keys]
        return (self.table.key, *item_keys, *sizes)

    def run(self, view: View) -> None:
        stored = view.get(self.table.key)
        assert stored is not None, "a table that is being created is not deleted"
        table = schema.decode(stored)
        assert table.status is TableStatus.CREATING, "only a new table is filled"
        for suffix, new in self.items:
            _set_item(view, table, suffix, new)


def _set_item(view: View, table: Table, suffix: bytes, new: bytes | None) -> None:
    key = table.items_prefix + suffix
    old = view.get(key)
    if new == old:
        return
    if new is None:
        view.delete(key)
    else:
        view.put(key, new)
    if not table.indexes:
        return
    old_item = None if old is None else codec.decode(old)
    new_item = None if new is None else codec.decode(new)
    changes = indexes.changes(table, suffix[HASH_BYTES:], old_item, new_item)
    item_collection.count(view, table, key, item_collection.growth(old, new, changes))
    for change in changes:
        if change.removed is not None:
            view.delete(change.removed)
        if change.put is not None:
            view.put(*change.put)


async def refill(engine: Engine, committer: Committer, table: Table) -> None:
    """Give a table that is being restored its items.

    Raises Unavailable.
    """
    restoration = table.restoration
    assert restoration is not None, "only a restored table is filled"
    if restoration.backup_arn is not None:
        (stored,) = await engine.get([source_key(restoration)])
        assert stored is not None, "a backup outlasts the tables being restored from it"
        await _copy(engine, committer, table, backup_form.decode(stored).items_prefix)
    else:
        await _copy(engine, committer, table, keyspace.items_prefix(restoration.source_id))
        await _undo(engine, committer, table, restoration)


def source_key(restoration: Restoration) -> bytes:
    """Where what a table is restored from is stored: a backup, or another table."""
    if restoration.backup_arn is not None:
        backup = parse_backup(restoration.backup_arn)
        assert backup is not None, "a stored ARN was made by this server"
        return keyspace.backup(backup.region, backup.table, BackupId(backup.backup))
    source = parse_table(restoration.source_arn)
    assert source is not None, "a stored ARN was made by this server"
    return keyspace.table(source.region, source.table)


def release(view: View, restoration: Restoration, restored: TableId) -> None:
    """Let go of the source of a table that has its items; reads `source_key`."""
    key = source_key(restoration)
    if restoration.backup_arn is not None:
        backups.release(view, key, restored)
    else:
        recovery.release(view, key, restored)


async def _copy(engine: Engine, committer: Committer, table: Table, prefix: bytes) -> None:
    """Set every item that is stored under a prefix."""
    start, stop = prefix, after_prefix(prefix)
    while rows := await engine.scan(
        Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
    ):
        items = [(key[len(prefix) :], value) for key, value in rows]
        await committer.submit(_Step(table, items))
        start = rows[-1][0] + b"\x00"


async def _undo(
    engine: Engine, committer: Committer, table: Table, restoration: Restoration
) -> None:
    """Set every item that has changed since the moment to what it then was."""
    moment_us = round(restoration.moment * 1e6)
    for shard in await _shards_since(engine, restoration.source_id, moment_us):
        start = keyspace.log_prefix(restoration.source_id, shard.shard_id)
        stop = start + b"\xff" * 9
        while rows := await engine.scan(
            Span(start, stop, table_step_items_max, reverse=True, bytes_max=table_step_bytes_max)
        ):
            later = [entry for _, entry in rows if time_us_of(entry) > moment_us]
            await committer.submit(_Step(table, _olds(table, later)))
            if len(later) < len(rows):
                break
            stop = rows[-1][0]


async def _shards_since(engine: Engine, table_id: TableId, moment_us: int) -> list[Shard]:
    """The shards that may have entries later than a moment, later parts of a lineage first."""
    found = []
    async for _, stored in listing.entries(engine, keyspace.shards_span(table_id)):
        shard = shards.decode(stored)
        if shard.closed_us is None or shard.closed_us > moment_us:
            found.append(shard)
    return sorted(found, key=lambda shard: shard.first, reverse=True)


def _olds(table: Table, entries: Sequence[bytes]) -> list[tuple[bytes, bytes | None]]:
    """What items were before the entries, latest entry first; the last one for an item counts."""
    olds: dict[bytes, bytes | None] = {}
    for stored in entries:
        entry = decode(stored)
        key = keys.of_key(table, orjson.loads(entry.keys.body)).stored
        olds[key[len(table.items_prefix) :]] = _item(entry.old)
    return list(olds.items())


def _item(image: Image) -> bytes | None:
    return codec.join(image.body, image.size) if image.body else None
