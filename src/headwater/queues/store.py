"""What is done to queues and messages, as work for one commit each.

Receiving is planned from a scan and carried out in a commit that looks again: a message that
another has taken meanwhile is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headwater.errors import QueueDoesNotExist, QueueNameExists
from headwater.queues import message as messages
from headwater.queues import queue as queues
from headwater.queues.message import QueuedMessage
from headwater.queues.queue import Queue
from headwater.storage import delivery_keys
from headwater.storage.committer import View


@dataclass(frozen=True, slots=True)
class QueueWork:
    """A change of queues."""

    reads: Sequence[bytes]
    step: Callable[[View], Any]

    def run(self, view: View) -> Any:
        return self.step(view)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it is received: hidden under a new key."""

    key: bytes
    message: QueuedMessage


def key_of(queue: Queue) -> bytes:
    return delivery_keys.queue(queue.region, queue.name)


def topic_of(queue: Queue) -> bytes:
    """Woken when a message is sent to the queue."""
    return delivery_keys.queued_prefix(queue.queue_id)


def create(new: Queue, asked: Collection[str]) -> QueueWork:
    """Store a queue, unless there is one; results in the queue.

    asked: the attributes that were asked for. Raises QueueNameExists if the one there has others.
    """

    def step(view: View) -> Queue:
        stored = view.get(key_of(new))
        if stored is None:
            view.put(key_of(new), queues.encode(new))
            return new
        present = queues.decode(stored)
        for name in asked:
            if present.attributes()[name] != new.attributes()[name]:
                raise QueueNameExists(
                    "A queue already exists with the same name and a different value for "
                    f"attribute {name}"
                )
        return present

    return QueueWork([key_of(new)], step)


def send(queue: Queue, message: QueuedMessage, visible_us: int) -> QueueWork:
    """Store a message. Raises QueueDoesNotExist."""

    def step(view: View) -> None:
        if view.get(key_of(queue)) is None:
            raise QueueDoesNotExist
        key = delivery_keys.queued(queue.queue_id, visible_us, message.message_id)
        view.put(key, messages.encode(message))
        view.wake(topic_of(queue))

    return QueueWork([key_of(queue)], step)


def receive(queue: Queue, keys: Sequence[bytes], now_us: int, visible_us: int) -> QueueWork:
    """Hide those messages of these keys that are still there; results in a list of Received.

    Messages that are too old are removed instead.
    """
    oldest_ms = now_us // 1000 - queue.retention_seconds * 1000

    def step(view: View) -> list[Received]:
        received = []
        for key in keys:
            stored = view.get(key)
            if stored is None:
                continue
            view.delete(key)
            message = messages.decode(stored)
            if message.sent_ms < oldest_ms:
                continue
            message = replace(
                message,
                receives=message.receives + 1,
                first_received_ms=message.first_received_ms or now_us // 1000,
            )
            hidden = delivery_keys.queued(queue.queue_id, visible_us, message.message_id)
            view.put(hidden, messages.encode(message))
            received.append(Received(hidden, message))
        return received

    return QueueWork(keys, step)


def delete(keys: Sequence[bytes]) -> QueueWork:
    """Remove messages; those that are gone, or received again since, stay as they are."""

    def step(view: View) -> None:
        for key in keys:
            view.delete(key)

    return QueueWork((), step)
