"""Items that other replicas send, applied to a table by the ordinary write path.

An item is a key, its content or none, and the version of the write that made it so. What is newer
than what the table has replaces it, and becomes a record of the table's own stream; what is not is
passed in silence. So it does no harm to be sent an item again, or late, or out of order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.clock import Clock
from headwater.errors import ResourceNotFoundException
from headwater.replication.conflict import wins
from headwater.replication.link import End
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.tables import keys, schema
from headwater.tables import version as versions
from headwater.tables.keys import ItemKey
from headwater.tables.schema import Table, TableStatus
from headwater.tables.version import Version
from headwater.tables.write import Delete, Put, TableChanged, Write, Writer, apply_to, reads_of
from headwater.values import codec
from headwater.values.order import HASH_BYTES


class Arrival(NamedTuple):
    """An item as another replica has it.

    place: what follows the prefix in its storage key, which is the same in all replicas. stored:
    None for a deletion.
    """

    place: bytes
    stored: bytes | None
    version: Version


class _Arrivals:
    """Items applied in one commit."""

    __slots__ = ("_now_us", "_table", "_writes", "reads")

    def __init__(self, table: Table, arrivals: Sequence[Arrival], now_us: int) -> None:
        self._table = table
        self._now_us = now_us
        self._writes = [_write(table, arrival) for arrival in arrivals]
        self.reads = [table.key, *(key for write in self._writes for key in reads_of(write))]

    def run(self, view: View) -> int:
        """Returns how many items were newer.

        Raises ResourceNotFoundException if the table takes none any more, TableChanged if this must
        be planned again.
        """
        stored = view.get(self._table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self._table.table_id or not takes(table):
            raise ResourceNotFoundException
        return sum(self._apply(view, table, write) for write in self._writes)

    def _apply(self, view: View, table: Table, write: Write) -> bool:
        version = write.version
        assert version is not None, "what arrives has a version"
        item_key = write.key.stored
        version_key = versions.key_of(table, item_key)
        if not view.has(version_key):
            raise TableChanged
        old = view.get(item_key)
        stored = view.get(version_key)
        present = versions.present(stored, has_item=old is not None, region=table.region)
        if not wins(version, present):
            return False
        if old is not None and isinstance(write.action, Delete):
            write = write._replace(key=keys.of_stored(table, item_key, codec.decode(old)))
        apply_to(view, table, write, self._now_us)
        # An item that is the same already is no change, but now of this version.
        view.put(version_key, versions.encode(version))
        return True


class Receiver:
    """Takes items for the tables of a store."""

    def __init__(self, engine: Engine, writer: Writer, clock: Clock) -> None:
        self._engine = engine
        self._writer = writer
        self._clock = clock

    async def take(self, name: str, target: End, arrivals: Sequence[Arrival]) -> int:
        """Apply items durably; returns how many were newer than what there was.

        Raises ResourceNotFoundException if the table takes none any more, ServiceUnavailable or
        Unavailable if they should be sent again.
        """
        (stored,) = await self._engine.get([keyspace.table(target.region, name)])
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != target.table_id:
            raise ResourceNotFoundException
        now_us = int(self._clock.now() * 1e6)
        return await self._writer.submit(
            [table], lambda tables: _Arrivals(tables[0], arrivals, now_us)
        )


def takes(table: Table) -> bool:
    """Whether a table still has other replicas to hear of."""
    return bool(table.replicas) and table.status is not TableStatus.DELETING


def _write(table: Table, arrival: Arrival) -> Write:
    """What arrives as a write; a deletion's key attributes are those of the item that it finds."""
    key = table.items_prefix + arrival.place
    if arrival.stored is None:
        unnamed = ItemKey({}, key, arrival.place[:HASH_BYTES])
        return Write(table, unnamed, Delete(), version=arrival.version)
    item = codec.decode(arrival.stored)
    put = Put(item, arrival.stored)
    return Write(table, keys.of_stored(table, key, item), put, version=arrival.version)
