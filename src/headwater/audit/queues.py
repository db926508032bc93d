"""Queues and their messages, and the outbox with its count."""

from __future__ import annotations

from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.outbox import message as messages
from headwater.queues import message as queued
from headwater.queues import queue as queues
from headwater.storage import delivery_keys
from headwater.storage.engine import Engine


async def check(engine: Engine, report: Report) -> None:
    """Look at everything that waits for a receiver or a destination."""
    await _check_outbox(engine, report.section("outbox"))
    await _check_queues(engine, report.section("queues"))


async def _check_outbox(engine: Engine, section: Section) -> None:
    waiting = 0
    async for key, stored in rows_of(engine, delivery_keys.outbox_span()):
        waiting += 1
        readable(section, f"message {key!r}", stored, messages.decode)
    section.count("messages", waiting)
    (stored_count,) = await engine.get([delivery_keys.message_count()])
    counted = readable(section, "the number of messages", stored_count or b"0", int)
    if counted is not None and counted != waiting:
        section.fault(f"{waiting} messages wait, but {counted} are counted")


async def _check_queues(engine: Engine, section: Section) -> None:
    prefixes = set()
    async for key, stored in rows_of(engine, delivery_keys.every_queue_span()):
        queue = readable(section, f"queue {key!r}", stored, queues.decode)
        if queue is None:
            continue
        section.count("queues")
        prefixes.add(delivery_keys.queued_prefix(queue.queue_id))
        if delivery_keys.queue(queue.region, queue.name) != key:
            section.fault(f"queue {queue.name} is stored under another's key")
    async for key, stored in rows_of(engine, prefixed(b"qm")):
        message = readable(section, f"message {key!r}", stored, queued.decode)
        if message is None:
            continue
        section.count("messages")
        if not any(key.startswith(prefix) for prefix in prefixes):
            section.fault(f"message {message.message_id} is of no queue")
        elif delivery_keys.message_id_of_queued(key) != message.message_id:
            section.fault(f"message {message.message_id} is stored under another's key")
