"""Everything a replica has, sent to another: to fill a new one, and when the log is not enough.

Items first, then the tombstones, which are versions without an item. What is sent is what there is
at that moment, so writes may go on: a change that comes after an item was sent is in the log. For
the same reason a scan that is cut short goes on from where it has come to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.replication.send import Sender
from headwater.storage.engine import Engine, Span
from headwater.tables.schema import Table
from headwater.values.order import HASH_BYTES, after_prefix

Note: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Is told the key up to which everything is sent."""

_STEPS_BETWEEN_NOTES: Final = 16


async def scan(engine: Engine, sender: Sender, after: bytes, note: Note) -> int:
    """Send all items and tombstones; returns how many the target lacked. Raises as `send`.

    after: what an earlier scan noted last, or nothing.
    """
    return await _Scan(engine, sender, await sender.table(), note).run(after)


def percent(table: Table, after: bytes) -> int:
    """How much of a table is sent, in hundredths: by how far its hashes are passed.

    after: what was noted last, or nothing. Tombstones are the last hundredth.
    """
    if not after:
        return 0
    if not after.startswith(table.items_prefix):
        return 99
    start = len(table.items_prefix)
    hashed = int.from_bytes(after[start : start + HASH_BYTES], "big")
    return min(99, hashed * 100 >> 8 * HASH_BYTES)


class _Scan:
    def __init__(self, engine: Engine, sender: Sender, table: Table, note: Note) -> None:
        self._engine = engine
        self._sender = sender
        self._table = table
        self._note = note
        self._steps = 0

    async def run(self, after: bytes) -> int:
        items, versions = self._table.items_prefix, self._table.versions_prefix
        count = 0
        if not after.startswith(versions):
            count = await self._pass(items, after if after.startswith(items) else b"", _places)
        rest = after if after.startswith(versions) else b""
        return count + await self._pass(versions, rest, self._deleted)

    async def _pass(
        self, prefix: bytes, after: bytes, chosen: Callable[[list[bytes]], Awaitable[list[bytes]]]
    ) -> int:
        """Send those that are chosen of the places that have something under a prefix."""
        start, stop = after + b"\x00" if after else prefix, after_prefix(prefix)
        count = 0
        while rows := await self._engine.scan(
            Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
        ):
            places = await chosen([key[len(prefix) :] for key, _ in rows])
            count += await self._sender.send(self._table, places)
            start = rows[-1][0] + b"\x00"
            self._steps += 1
            if self._steps % _STEPS_BETWEEN_NOTES == 0:
                await self._note(rows[-1][0])
        return count

    async def _deleted(self, places: list[bytes]) -> list[bytes]:
        items = await self._engine.get([self._table.items_prefix + place for place in places])
        return [place for place, item in zip(places, items, strict=True) if item is None]


async def _places(places: list[bytes]) -> list[bytes]:
    return places
