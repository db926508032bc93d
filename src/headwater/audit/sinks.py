"""Sinks can be read, and what is stored for one is of one that is there."""

from __future__ import annotations

from functools import partial

from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report
from headwater.sinks import sink as sinks
from headwater.sinks.alterations import decode_progress
from headwater.storage import delivery_keys
from headwater.storage.engine import Engine


async def check(engine: Engine, report: Report) -> None:
    """Look at every sink, its positions, how far it is filled, and what its writer keeps."""
    section = report.section("sinks")
    known = {}
    async for key, stored in rows_of(engine, delivery_keys.every_sink_span()):
        sink = readable(section, f"sink {key!r}", stored, sinks.decode)
        if sink is None:
            continue
        section.count("sinks")
        known[sink.sink_id] = sink
        if sink.key != key:
            section.fault(f"sink {sink.name} is stored under another's key")
    async for key, stored in rows_of(engine, delivery_keys.every_sink_progress_span()):
        owner = known.get(delivery_keys.sink_of_progress(key))
        if owner is None:
            section.fault(f"the progress {key!r} is of no sink")
        else:
            decode = partial(decode_progress, sink=owner)
            readable(section, f"the progress of sink {owner.name}", stored, decode)
    async for key, _ in rows_of(engine, delivery_keys.every_sink_note_span()):
        if delivery_keys.sink_of_note(key) not in known:
            section.fault(f"the note {key!r} is of no sink")
    async for key, _ in rows_of(engine, prefixed(b"k")):
        sink_id = sinks.sink_id_of(key[1:].partition(b"\x00")[0].decode())
        if sink_id is not None and sink_id not in known:
            section.fault(f"the position {key!r} is of no sink")
