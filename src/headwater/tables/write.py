"""THE write path: writes and what is stored, in; items, index entries and log entries, out.

Every change of an item, whoever asks for it (put, update, delete, batches, transactions, time to
live, replication), is a `Write` and takes `apply`. It is a pure function over a commit's view: it
may run again after a conflict, and a write that raises leaves nothing behind.

What a write reads is known before it runs: the table, the item, the head of the shard that logs it,
and the copies that backups being made have of it. The table is read with the item, so a write sees
exactly the streams, indexes and backups there are; if they have changed since the write was
planned, so that it reads too little, `Writer` plans it again.

Values that every write makes are tuples here: a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

import orjson

from headwater.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ResourceNotFoundException,
    ServiceUnavailable,
    ValidationException,
)
from headwater.expressions.condition import Condition
from headwater.expressions.update import Update as UpdateExpression
from headwater.limits import item_bytes_max, write_plans_max
from headwater.storage.committer import Committer, Result, View, Work
from headwater.streams import log
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.shard import ShardClosed
from headwater.tables import expiry, item_collection, schema
from headwater.tables import index as indexes
from headwater.tables import version as versions
from headwater.tables.index import IndexChange
from headwater.tables.keys import ItemKey, check_index_keys
from headwater.tables.schema import Table, TableStatus
from headwater.tables.version import Version
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item, Path
from headwater.values.order import HASH_BYTES


class TableChanged(Exception):
    """The table's partitions are not those the write was planned for: plan again."""


class Put(NamedTuple):
    """Replace the item. stored: its encoded form, within the size limit.

    is_insert: there must be no item to replace.
    """

    item: Item
    stored: bytes
    is_insert: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Change the item by an expression; without one, make sure that it exists."""

    expression: UpdateExpression | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item, if it is there."""


@dataclass(frozen=True, slots=True)
class Check:
    """Change nothing; only the condition matters."""


Action: TypeAlias = Put | Update | Delete | Check


class Write(NamedTuple):
    """One change of one item.

    table: as the write was planned; only its identity binds. condition: on the old item.
    shows_item: a failed condition reports the old item. is_by_service: made by time to live.
    version: of an item that another replica sends; None is a write that is made here.
    """

    table: Table
    key: ItemKey
    action: Action
    condition: Condition | None = None
    shows_item: bool = False
    is_by_service: bool = False
    version: Version | None = None


class Effect(NamedTuple):
    """What a write did: the item before and after as stored, and what else it touched.

    old_item, new_item: the same decoded, where the write had to. touched: paths an update named.
    """

    old: bytes | None
    new: bytes | None
    old_item: Item | None = None
    new_item: Item | None = None
    touched: tuple[Path, ...] = ()
    index_changes: Sequence[IndexChange] = ()


NO_ITEM: Final = b""
"""What a backup being made has in the place of an item that was not there at its moment."""

_ABSENT: Final = Effect(None, None)


def reads_of(write: Write) -> list[bytes]:
    """Every key `apply` will get for this write."""
    shard = write.table.shard_for(write.key.partition_hash)
    keys = [write.table.key, write.key.stored]
    if shard is not None:
        keys.append(shard.head_key)
    if write.table.collection_bytes_max is not None:
        keys.append(item_collection.size_key(write.table, write.key.stored))
    if write.table.replicas:
        keys.append(versions.key_of(write.table, write.key.stored))
    if write.table.copies:
        keys += copy_keys(write.table, write.key.stored)
    return keys


def copy_keys(table: Table, item_key: bytes) -> list[bytes]:
    """Where the backups being made of a table have the item of this key."""
    suffix = item_key[len(table.items_prefix) :]
    return [prefix + suffix for prefix in table.copy_prefixes]


def current_table(view: View, planned: Table) -> Table:
    """The table as stored now.

    Raises ResourceNotFoundException if it is gone, is another by the same name, or takes no writes.
    """
    stored = view.get(planned.key)
    if stored is None:
        raise ResourceNotFoundException
    table = schema.decode(stored)
    if table.table_id != planned.table_id or table.status in _CLOSED_STATUSES:
        raise ResourceNotFoundException
    return table


_CLOSED_STATUSES: Final = (TableStatus.CREATING, TableStatus.DELETING)


def apply(view: View, write: Write, now_us: int) -> Effect:
    """Run one write over the view and say what it did.

    now_us: microseconds since the epoch. Raises ServiceError for what the client is to be told,
    TableChanged if the write must be planned again.
    """
    return apply_to(view, current_table(view, write.table), write, now_us)


def apply_to(view: View, table: Table, write: Write, now_us: int) -> Effect:
    """Run one write on a table that the caller has looked at: an import's takes no other writes."""
    old = view.get(write.key.stored)
    effect = _decide(write, old)
    if effect.new == old:
        return effect
    return _store(view, table, write, effect, now_us)


def _decide(write: Write, old: bytes | None) -> Effect:
    """The item after the write, judged by the item before."""
    action = write.action
    condition = write.condition
    old_item = None
    if old is not None and (condition is not None or isinstance(action, Update)):
        old_item = codec.decode(old)
    if condition is not None and not condition.matches(old_item):
        shown = write.shows_item and old is not None
        raise ConditionalCheckFailedException(members={"Item": old_item} if shown else None)
    match action:
        case Put():
            if action.is_insert and old is not None:
                raise DuplicateItemException
            return Effect(old, action.stored, old_item, action.item)
        case Delete():
            return _ABSENT if old is None else Effect(old, None, old_item)
        case Check():
            return Effect(old, old, old_item, old_item)
        case Update(expression):
            return _updated(write.key, expression, old, old_item)


def _updated(
    key: ItemKey, expression: UpdateExpression | None, old: bytes | None, old_item: Item | None
) -> Effect:
    if expression is None:
        if old is not None:
            return Effect(old, old, old_item, old_item)
        stored = codec.encode(key.attributes, items.size(key.attributes))
        return Effect(None, stored, None, key.attributes)
    applied = expression.apply(old_item, key.attributes)
    if applied.item is None:
        return _ABSENT
    size = items.size(applied.item)
    if size > item_bytes_max:
        raise ValidationException("Item size to update has exceeded the maximum allowed size")
    stored = codec.encode(applied.item, size)
    return Effect(old, stored, old_item, applied.item, applied.touched)


def _store(view: View, table: Table, write: Write, effect: Effect, now_us: int) -> Effect:
    """Write item, index, expiry and log entries; returns the effect with its index changes."""
    stored_key = write.key.stored
    if table.copies:
        _keep_for_copies(view, copy_keys(table, stored_key), effect.old)
    if table.replicas:
        _stamp(view, table, write, now_us)
    if effect.new is None:
        view.delete(stored_key)
    else:
        view.put(stored_key, effect.new)
    if table.indexes:
        effect = _follow_by_indexes(view, table, write, effect)
    if table.expiry_attribute is not None:
        before = expiry.seconds_of(table.expiry_attribute, effect.old, effect.old_item)
        after = expiry.seconds_of(table.expiry_attribute, effect.new, effect.new_item)
        expiry.move_entry(view, table, stored_key, (before, after), now_us)
    shard = table.shard_for(write.key.partition_hash)
    if shard is not None:
        if not view.has(shard.head_key):
            raise TableChanged
        try:
            log.append(view, shard, _entry(write, effect, now_us))
        except ShardClosed as error:
            raise TableChanged from error
    return effect


def _keep_for_copies(view: View, keys: Sequence[bytes], old: bytes | None) -> None:
    """Give the backups being made the item as it was, if they do not have it yet."""
    for key in keys:
        if not view.has(key):
            raise TableChanged
        if view.get(key) is None:
            view.put(key, NO_ITEM if old is None else old)


def _stamp(view: View, table: Table, write: Write, now_us: int) -> None:
    """Keep the item's version beside it: another's that came with it, or a new one of this."""
    key = versions.key_of(table, write.key.stored)
    if not view.has(key):
        raise TableChanged
    version = write.version
    if version is None:
        version = versions.following(view.get(key), now_us, table.region)
    view.put(key, versions.encode(version))


def _follow_by_indexes(view: View, table: Table, write: Write, effect: Effect) -> Effect:
    """Write index entries and count the collection; returns the effect with its index changes."""
    effect = _with_index_changes(table, write, effect)
    for change in effect.index_changes:
        if change.removed is not None:
            view.delete(change.removed)
        if change.put is not None:
            view.put(*change.put)
    if table.collection_bytes_max is not None:
        growth = item_collection.growth(effect.old, effect.new, effect.index_changes)
        # What another replica has acknowledged is not judged again.
        judged = item_collection.grow if write.version is None else item_collection.count
        judged(view, table, write.key.stored, growth)
    return effect


def _with_index_changes(table: Table, write: Write, effect: Effect) -> Effect:
    old_item, new_item = effect.old_item, effect.new_item
    if old_item is None and effect.old is not None:
        old_item = codec.decode(effect.old)
    if new_item is not None and write.version is None:
        check_index_keys(table, new_item)
    base = write.key.stored[len(table.items_prefix) + HASH_BYTES :]
    changes = indexes.changes(table, base, old_item, new_item)
    return Effect(effect.old, effect.new, old_item, new_item, effect.touched, changes)


def _entry(write: Write, effect: Effect, now_us: int) -> Entry:
    if effect.old is None:
        kind = Kind.INSERT
    else:
        kind = Kind.REMOVE if effect.new is None else Kind.MODIFY
    attributes = write.key.attributes
    keys = Image(orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS), items.size(attributes))
    origin = "" if write.version is None else write.version.region
    images = _image(effect.new), _image(effect.old)
    return Entry(kind, now_us, keys, *images, write.is_by_service, origin)


def _image(stored: bytes | None) -> Image:
    return NO_IMAGE if stored is None else Image(codec.body(stored), codec.size(stored))


class WriteWork:
    """One write as work for the committer."""

    __slots__ = ("_now_us", "_write", "reads")

    def __init__(self, write: Write, now_us: int) -> None:
        self.reads = reads_of(write)
        self._write = write
        self._now_us = now_us

    def run(self, view: View) -> Effect:
        return apply(view, self._write, self._now_us)


class Tables(Protocol):
    """Where a writer finds the present state of a table (the catalog)."""

    async def reload(self, table: Table) -> Table:
        """The table as stored now.

        Raises ResourceNotFoundException if it is gone or another has its name.
        """


class Writer:
    """Submits writes, and plans them again when a table's partitions have changed meanwhile.

    work: makes the work of a single write; another is one that enforces provisioned capacity.
    """

    def __init__(
        self,
        committer: Committer,
        tables: Tables,
        work: Callable[[Write, int], Work[Effect]] = WriteWork,
    ) -> None:
        self._committer = committer
        self._tables = tables
        self._work = work

    async def write(self, write: Write, now_us: int) -> Effect:
        """Apply one write durably.

        Raises ServiceError as `apply` does, ServiceUnavailable if the table changes faster than
        writes can be planned, Unavailable if the store cannot commit.
        """
        try:
            return await self._committer.submit(self._work(write, now_us))
        except TableChanged:
            return await self.submit(
                [write.table], lambda tables: self._work(write._replace(table=tables[0]), now_us)
            )

    async def submit(
        self, planned: Sequence[Table], plan: Callable[[Sequence[Table]], Work[Result]]
    ) -> Result:
        """Run the work that `plan` makes from the tables as they are, until they stay so."""
        tables = [await self._tables.reload(table) for table in planned]
        for _ in range(write_plans_max):
            try:
                return await self._committer.submit(plan(tables))
            except TableChanged:
                tables = [await self._tables.reload(table) for table in planned]
        raise ServiceUnavailable
