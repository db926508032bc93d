"""Deletes items once they have expired, soon after their time, in bounded commits.

Each round asks every table with time to live for its earliest expiry entry, so it reads what is due
and little else, and then waits until the next is. Nothing is remembered between rounds: what a
server leaves the next one finds. An item is deleted by the write path, like any other, in a commit
that looks at its time once more: an item whose time has been changed meanwhile stays.

The waking topic of `expiry.py` tells of an item that expires within `expiry_foresight_seconds`;
those that expire later wake nobody, so a round is due that often, also in time that jumps. It is a
hint: without it an item is found by the look that is made every `expiry_poll_seconds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from math import inf

import structlog

from headwater.clock import Clock, linger
from headwater.errors import ResourceNotFoundException
from headwater.limits import (
    expiry_foresight_seconds,
    expiry_pause_seconds,
    expiry_poll_seconds,
    expiry_round_seconds,
    expiry_step_bytes_max,
    expiry_step_items_max,
)
from headwater.storage import keyspace
from headwater.storage.committer import View, Wakeups
from headwater.storage.engine import Engine, Span
from headwater.tables import expiry, item_collection, keys, schema
from headwater.tables import version as versions
from headwater.tables.schema import Table, TableStatus, TimeToLiveStatus
from headwater.tables.write import Delete, Write, Writer, apply, copy_keys, current_table
from headwater.values import codec
from headwater.values.order import HASH_BYTES, after_prefix

_log = structlog.get_logger(__name__)


class _Expiry:
    """Items with due expiry entries, deleted in one commit if they are expired still."""

    __slots__ = ("_entries", "_now", "_table", "reads")

    def __init__(self, table: Table, entries: Sequence[bytes], now: float) -> None:
        self._table = table
        self._entries = entries
        self._now = now
        self.reads = [table.key]
        for item_key in (expiry.item_key(table, entry) for entry in entries):
            if table.collection_bytes_max is not None:
                self.reads.append(item_collection.size_key(table, item_key))
            at = len(table.items_prefix)
            shard = table.shard_for(item_key[at : at + HASH_BYTES])
            self.reads += (item_key,) if shard is None else (item_key, shard.head_key)
            if table.replicas:
                self.reads.append(versions.key_of(table, item_key))
            self.reads += copy_keys(table, item_key)

    def run(self, view: View) -> int:
        """Returns how many items were deleted.

        Raises ResourceNotFoundException if the table is gone, TableChanged if this must be planned
        again.
        """
        table = current_table(view, self._table)
        if not _expires(table):
            return 0
        now_us = int(self._now * 1e6)
        count = 0
        for entry in self._entries:
            item_key = expiry.item_key(table, entry)
            stored = view.get(item_key)
            if stored is not None and expiry.is_expired(table, stored, int(self._now)):
                key = keys.of_stored(table, item_key, codec.decode(stored))
                apply(view, Write(table, key, Delete(), is_by_service=True), now_us)
                count += 1
            view.delete(entry)  # whatever its item is now, it has had its turn
        return count


class Expirer:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(self, engine: Engine, writer: Writer, wakeups: Wakeups, clock: Clock) -> None:
        self._engine = engine
        self._writer = writer
        self._wakeups = wakeups
        self._clock = clock

    async def run(self) -> None:
        """Delete what has expired, and what expires, until cancelled."""
        woken = asyncio.Event()
        self._wakeups.subscribe(expiry.WAKING_TOPIC, woken)
        try:
            while True:
                woken.clear()
                when = await self._attempt()
                if when <= self._clock.now():
                    await linger(self._clock, expiry_pause_seconds)
                else:
                    await linger(self._clock, expiry_round_seconds)
                    await self._clock.wait(woken, when, expiry_poll_seconds)
        finally:
            self._wakeups.unsubscribe(expiry.WAKING_TOPIC, woken)

    async def _attempt(self) -> float:
        """A round; one that fails is logged and tried again."""
        try:
            return await self._round()
        except Exception as error:  # noqa: BLE001 - the task's boundary
            _log.error("expired items cannot be deleted", exc_info=error)
            return self._clock.now() + expiry_round_seconds

    async def _round(self) -> float:
        """Delete a commit's worth of what is due in every table; returns when to look again."""
        now = self._clock.now()
        when = now + expiry_foresight_seconds
        async for table in self._tables():
            try:
                when = min(when, await self._expire(table, now))
            except ResourceNotFoundException:
                continue  # deleted meanwhile, with its entries
        return when

    async def _tables(self) -> AsyncIterator[Table]:
        """The tables whose items expire: their names stand before their entries."""
        start, stop = keyspace.every_expiry_span()
        while rows := await self._engine.scan(Span(start, stop, 1)):
            ((first, table_key),) = rows
            prefix = keyspace.expiries_prefix_of(first)
            (stored,) = await self._engine.get([table_key])
            if stored is not None:
                table = schema.decode(stored)
                if table.expiries_prefix == prefix and _expires(table):
                    yield table
            start = after_prefix(prefix)
            await asyncio.sleep(0)  # however many tables there are, requests come between

    async def _expire(self, table: Table, now: float) -> float:
        """Delete a commit's worth of what is due in a table; returns when to look at it again."""
        second = int(now)
        start = expiry.entry_key(table, expiry.oldest(second))
        earliest = await self._engine.scan(Span(start, after_prefix(table.expiries_prefix), 1))
        if not earliest:
            return inf
        due_at = expiry.seconds_of_entry(table, earliest[0][0])
        if due_at > second:
            return due_at
        stop = expiry.entry_key(table, second + 1)
        rows = await self._engine.scan(Span(start, stop, expiry_step_items_max))
        entries = await self._bounded(table, [entry for entry, _ in rows])
        await self._writer.submit([table], lambda tables: _Expiry(tables[0], entries, now))
        return now

    async def _bounded(self, table: Table, entries: Sequence[bytes]) -> Sequence[bytes]:
        """As many of the entries as a commit can hold with their items."""
        size = 0
        for count, entry in enumerate(entries, 1):
            (stored,) = await self._engine.get([expiry.item_key(table, entry)])
            size += 0 if stored is None else len(stored)
            if size >= expiry_step_bytes_max:
                return entries[:count]
        return entries


def _expires(table: Table) -> bool:
    """Whether expired items are to be deleted now."""
    time_to_live = table.time_to_live
    return (
        time_to_live is not None
        and time_to_live.status is TimeToLiveStatus.ENABLED
        and table.status is not TableStatus.DELETING
    )
