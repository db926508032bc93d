"""The queues of a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from headwater.clock import Chance, Clock, pause
from headwater.errors import QueueDoesNotExist
from headwater.limits import queue_poll_seconds, queue_sweep_seconds
from headwater.queues import message as messages
from headwater.queues import queue as queues
from headwater.queues import store as stored_queues
from headwater.queues.message import QueuedMessage
from headwater.queues.queue import Queue
from headwater.queues.store import Received
from headwater.storage import delivery_keys
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine, Span, Unavailable
from headwater.values.order import after_prefix

_PAGE: Final = 1000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueStore:
    """Where queues are stored, and by which clocks.

    clock: decides what is visible, and what is too old. machine_clock: how long a client waits.
    """

    engine: Engine
    committer: Committer
    wakeups: Wakeups
    clock: Clock
    machine_clock: Clock


@dataclass(frozen=True, slots=True)
class Receiving:
    """How messages are to be received: how many, hidden and waited for how long."""

    count_max: int
    hidden_seconds: int
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of a queue can be received, are hidden by a receiver, are delayed."""

    visible: int
    hidden: int
    delayed: int


class QueueService:
    """Every queue of a store; `run` removes what is too old."""

    def __init__(self, store: QueueStore, account: str, chance: Chance) -> None:
        self.account = account
        self._store = store
        self._chance = chance

    async def create(self, region: str, name: str, attributes: dict[str, str]) -> Queue:
        """Make a queue, or find the one of that name with these attributes.

        Raises QueueNameExists and what `Queue.with_attributes` and `check_name` do.
        """
        queues.check_name(name)
        queue_id = UUID(self._chance.uuid()).hex
        new = Queue(region, self.account, name, queue_id, self._store.clock.now())
        work = stored_queues.create(new.with_attributes(attributes), attributes.keys())
        queue: Queue = await self._store.committer.submit(work)
        return queue

    async def find(self, region: str, name: str) -> Queue:
        """Raises QueueDoesNotExist."""
        (stored,) = await self._store.engine.get([delivery_keys.queue(region, name)])
        if stored is None:
            raise QueueDoesNotExist
        return queues.decode(stored)

    def new_message(self, body: str, sender: str) -> QueuedMessage:
        """A message sent now, without attributes."""
        return QueuedMessage(self._chance.uuid(), body, int(self._store.clock.now() * 1000), sender)

    async def send(self, queue: Queue, message: QueuedMessage, delay_seconds: int) -> None:
        """Raises QueueDoesNotExist if the queue has gone meanwhile."""
        visible_us = int((self._store.clock.now() + delay_seconds) * 1e6)
        await self._store.committer.submit(stored_queues.send(queue, message, visible_us))

    async def receive(self, queue: Queue, receiving: Receiving) -> list[Received]:
        """Messages that can be received, as soon as there are any; none when time is over."""
        clock = self._store.machine_clock
        deadline = clock.now() + receiving.wait_seconds
        topic = stored_queues.topic_of(queue)
        woken = asyncio.Event()
        self._store.wakeups.subscribe(topic, woken)
        try:
            while not (received := await self._take(queue, receiving)) and clock.now() < deadline:
                # What is delayed or hidden comes back without a wake-up.
                await clock.wait(woken, deadline, queue_poll_seconds)
                woken.clear()
        finally:
            self._store.wakeups.unsubscribe(topic, woken)
        return received

    async def delete(self, key: bytes) -> None:
        """Remove a message that was received under this key."""
        await self._store.committer.submit(stored_queues.delete([key]))

    async def depth(self, queue: Queue) -> Depth:
        now_us = int(self._store.clock.now() * 1e6)
        visible = hidden = delayed = 0
        async for key, stored in self._messages(queue):
            if delivery_keys.visible_us_of_queued(key) <= now_us:
                visible += 1
            elif messages.decode(stored).receives:
                hidden += 1
            else:
                delayed += 1
        return Depth(visible, hidden, delayed)

    async def run(self) -> None:
        """Remove messages that are too old, until cancelled."""
        while True:
            await pause(self._store.clock, queue_sweep_seconds)
            try:
                await self.sweep()
            except Unavailable as error:
                _log.warning("store_unavailable", error=str(error))

    async def sweep(self) -> None:
        """Remove the messages that are too old by now."""
        start, stop = delivery_keys.every_queue_span()
        while rows := await self._store.engine.scan(Span(start, stop, 1)):
            ((key, stored),) = rows
            await self._sweep_queue(queues.decode(stored))
            start = key + b"\x00"

    async def _sweep_queue(self, queue: Queue) -> None:
        oldest_ms = (self._store.clock.now() - queue.retention_seconds) * 1000
        old: list[bytes] = []
        async for key, stored in self._messages(queue):
            if messages.decode(stored).sent_ms < oldest_ms:
                old.append(key)
            if len(old) == _PAGE:
                await self._store.committer.submit(stored_queues.delete(old))
                old = []
        if old:
            await self._store.committer.submit(stored_queues.delete(old))

    async def _take(self, queue: Queue, receiving: Receiving) -> list[Received]:
        """Messages that can be received now; those too old are met on the way and removed."""
        now_us = int(self._store.clock.now() * 1e6)
        visible_us = now_us + receiving.hidden_seconds * 1_000_000
        prefix = delivery_keys.queued_prefix(queue.queue_id)
        span = Span(prefix, prefix + (now_us + 1).to_bytes(8, "big"), receiving.count_max)
        while rows := await self._store.engine.scan(span):
            work = stored_queues.receive(queue, [key for key, _ in rows], now_us, visible_us)
            received: list[Received] = await self._store.committer.submit(work)
            if received:
                return received
        return []

    async def _messages(self, queue: Queue) -> AsyncIterator[tuple[bytes, bytes]]:
        prefix = delivery_keys.queued_prefix(queue.queue_id)
        start, stop = prefix, after_prefix(prefix)
        while rows := await self._store.engine.scan(Span(start, stop, _PAGE)):
            for row in rows:
                yield row
            start = rows[-1][0] + b"\x00"
            await asyncio.sleep(0)  # however many there are, requests come between
