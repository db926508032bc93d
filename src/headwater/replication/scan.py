"""Everything a replica has, sent to another: to fill a new one, and when the log is not enough.

Items first, then the tombstones, which are versions without an item. What is sent is what there is
at that moment, so writes may go on: a change that comes after an item was sent is in the log.
"""

from __future__ import annotations

from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.replication.send import Sender
from headwater.storage.engine import Engine, Span
from headwater.tables.schema import Table
from headwater.values.order import after_prefix


async def scan(engine: Engine, sender: Sender) -> int:
    """Send all items and tombstones; returns how many the target lacked. Raises as `send`."""
    table = await sender.table()
    count = 0
    start, stop = table.items_prefix, after_prefix(table.items_prefix)
    while rows := await engine.scan(
        Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
    ):
        count += await sender.send(table, [key[len(table.items_prefix) :] for key, _ in rows])
        start = rows[-1][0] + b"\x00"
    return count + await _send_tombstones(engine, sender, table)


async def _send_tombstones(engine: Engine, sender: Sender, table: Table) -> int:
    count = 0
    start, stop = table.versions_prefix, after_prefix(table.versions_prefix)
    while rows := await engine.scan(Span(start, stop, table_step_items_max)):
        places = [key[len(table.versions_prefix) :] for key, _ in rows]
        items = await engine.get([table.items_prefix + place for place in places])
        gone = [place for place, item in zip(places, items, strict=True) if item is None]
        count += await sender.send(table, gone)
        start = rows[-1][0] + b"\x00"
    return count
