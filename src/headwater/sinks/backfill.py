"""The items that were there when a sink began, written before the records that follow.

An item is read together with the head of its shard, in one commit: the head's number is then the
item's version, above all changes that are in it and below all that are not. Changes that come
later by the stream have greater ones, so a destination that heeds versions never takes an older
image for a newer.

Steps are written one after the other, and each is noted when it is there: after a crash the step
under way is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from headwater.consumers.delivery import Selection
from headwater.errors import ResourceNotFoundException
from headwater.limits import table_step_bytes_max, table_step_items_max, write_plans_max
from headwater.sinks.alterations import Progress
from headwater.sinks.kind import SinkUnavailable
from headwater.sinks.sink import Sink
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import SequenceNumber, ShardId, shard_of_head
from headwater.streams import entry as entries
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place
from headwater.streams.log import Stored
from headwater.streams.shard import decode_head
from headwater.tables import schema
from headwater.tables.keys import of_stored
from headwater.tables.schema import Table
from headwater.values import codec
from headwater.values import item as items
from headwater.values.order import HASH_BYTES, after_prefix

Record: TypeAlias = tuple[ShardId, Stored]


@dataclass(frozen=True, slots=True)
class Step:
    """Records to write together, as insertions of now, and how far that is.

    after: key of the last item read; None if there are no more.
    """

    records: Sequence[Record]
    after: bytes | None


class TableChanged(Exception):
    """The table's shards are not those the reading was planned for."""


class ItemReader:
    """Reads the items of a sink's table, step by step."""

    def __init__(
        self, engine: Engine, committer: Committer, sink: Sink, selection: Selection | None
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._sink = sink
        self._selection = selection

    async def step(self, progress: Progress, now_us: int) -> Step:
        """The items that follow, as many as make a batch of the sink.

        Raises ResourceNotFoundException if the table is gone, SinkUnavailable if it changes too
        quickly, Unavailable.
        """
        manner = self._sink.manner
        table = await self._table()
        after: bytes | None = bytes.fromhex(progress.after)
        records: list[Record] = []
        size = 0
        while after is not None and size < manner.batch_bytes_max:
            room = manner.batch_records_max - len(records)
            if room <= 0:
                break
            found, after = await self._page(table, after, min(room, table_step_items_max))
            size += sum(len(value) for _, value in found)
            records += self._selected(
                await self._versioned(table, [key for key, _ in found], now_us)
            )
        return Step(records, after)

    async def _page(
        self, table: Table, after: bytes, limit: int
    ) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
        start = after + b"\x00" if after else table.items_prefix
        span = Span(start, after_prefix(table.items_prefix), limit, bytes_max=table_step_bytes_max)
        rows = list(await self._engine.scan(span))
        return rows, rows[-1][0] if rows else None

    async def _versioned(self, table: Table, keys: Sequence[bytes], now_us: int) -> list[Record]:
        for _ in range(write_plans_max):
            try:
                return await self._committer.submit(_Reading(table, keys, now_us))
            except TableChanged:
                table = await self._table()
        raise SinkUnavailable("The table changes faster than it can be read.")

    def _selected(self, records: Sequence[Record]) -> list[Record]:
        if self._selection is None:
            return list(records)
        wanted = self._selection.wanted
        return [record for record in records if wanted(record[0], [record[1]])[0]]

    async def _table(self) -> Table:
        (stored,) = await self._engine.get([self._sink.table_key])
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self._sink.table_id or not table.has_log:
            raise ResourceNotFoundException(f"Table {self._sink.table_name} or its stream is gone")
        return table


class _Reading:
    """Work that changes nothing: items and the numbers of their shards' heads, of one commit."""

    def __init__(self, table: Table, keys: Sequence[bytes], now_us: int) -> None:
        self._table = table
        self._keys = keys
        self._now_us = now_us
        self._heads = [_head_key(table, key) for key in keys]
        self.reads = [table.key, *keys, *dict.fromkeys(self._heads)]

    def run(self, view: View) -> list[Record]:
        stored = view.get(self._table.key)
        if stored is None or schema.decode(stored).partitions != self._table.partitions:
            raise TableChanged
        records = []
        for key, head_key in zip(self._keys, self._heads, strict=True):
            item, head = view.get(key), view.get(head_key)
            assert head is not None, "an open shard has a head"
            if item is not None:  # else its removal is in the log
                number = decode_head(head).last
                records.append((shard_of_head(head_key)[1], self._record(key, item, number)))
        return records

    def _record(self, key: bytes, stored: bytes, number: SequenceNumber) -> Stored:
        keys = of_stored(self._table, key, codec.decode(stored)).attributes
        image = Image(codec.body(stored), codec.size(stored))
        entry = Entry(
            Kind.INSERT,
            self._now_us,
            Image(orjson.dumps(keys, option=orjson.OPT_SORT_KEYS), items.size(keys)),
            image,
            NO_IMAGE,
        )
        return Stored(number, entries.encode(entry, Place(number, self._now_us, None)))


def _head_key(table: Table, key: bytes) -> bytes:
    at = len(table.items_prefix)
    shard = table.shard_for(key[at : at + HASH_BYTES])
    assert shard is not None, "the table has a log"
    return shard.head_key
