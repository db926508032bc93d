"""The messages that wait to be sent.

A message is stored with a count of all that wait, in one commit, and taken out once its destination
has it. Messages that are due are sent at the same time, a few at once and in no order. What cannot
be delivered is tried again, waiting longer each time, then dropped with a word in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import structlog

from headwater.clock import Chance, Clock
from headwater.limits import (
    outbox_messages_max,
    outbox_poll_seconds,
    outbox_send_seconds_max,
    outbox_sends_at_once_max,
)
from headwater.outbox import message as messages
from headwater.outbox.message import Message
from headwater.outbox.sender import Sender, SendFailed
from headwater.storage import delivery_keys
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import Engine, Span, Unavailable

TOPIC: Final = b"o"  # woken when a message is stored
_TOKEN_BYTES: Final = 8
_log = structlog.get_logger(__name__)

Note: TypeAlias = Callable[[Message, bool], None]
"""Told each message that has left the outbox, and whether its destination has it."""


@dataclass(frozen=True, slots=True)
class OutboxStore:
    """Where messages are stored, and who is woken."""

    engine: Engine
    committer: Committer
    wakeups: Wakeups


class Outbox:
    """Run it in a task group; cancelling it is safe: what was under way is sent again.

    sender: for every destination (`Senders`).
    """

    def __init__(
        self, store: OutboxStore, sender: Sender, clock: Clock, chance: Chance, note: Note
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._note = note
        self._sending: set[bytes] = set()
        self._woken = asyncio.Event()

    def refusal(self, destination: str) -> str | None:
        """Why nothing can ever be sent to this ARN here, or None if it can be tried."""
        return self._sender.refusal(destination)

    async def put(self, message: Message) -> bool:
        """Keep a message until it is delivered or given up.

        Returns False, with a word in the log, if too many wait: then it is lost.
        Raises Unavailable.
        """
        is_kept = await self._store.committer.submit(_Put(self._key(message), message))
        if not is_kept:
            self._lose(message, "too many messages wait")
        return is_kept

    async def run(self) -> None:
        """Send what is stored and what is put, until cancelled."""
        self._store.wakeups.subscribe(TOPIC, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._woken.clear()
                    due_at = await self._begin(tasks)
                    await self._clock.wait(self._woken, due_at, outbox_poll_seconds)
        finally:
            self._store.wakeups.unsubscribe(TOPIC, self._woken)

    async def _begin(self, tasks: asyncio.TaskGroup) -> float | None:
        """Begin to send what is due, as far as there is room; returns when the next is."""
        now = self._clock.now()
        try:
            async for key, stored in self._waiting():
                due_at = delivery_keys.due_us_of_message(key) / 1e6
                if due_at > now:
                    return due_at
                if len(self._sending) == outbox_sends_at_once_max:
                    break  # the end of one of them wakes
                self._sending.add(key)
                tasks.create_task(self._send(key, messages.decode(stored)))
        except Unavailable as error:
            _log.warning("store_unavailable", error=str(error))
        return None

    async def _waiting(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """What is stored and not being sent, in order; one by one, as each may be megabytes."""
        start, stop = delivery_keys.outbox_span()
        for end in [*sorted(self._sending), stop]:
            while found := await self._store.engine.scan(Span(start, end, 1)):
                yield found[0]
                start = _behind(found[0][0])
            start = _behind(end)

    async def _send(self, key: bytes, message: Message) -> None:
        try:
            await self._settle(key, message, await self._attempt(message))
        except Unavailable as error:  # it is still stored, and sent once more
            _log.warning("store_unavailable", error=str(error))
        finally:
            self._sending.discard(key)
            self._woken.set()

    async def _attempt(self, message: Message) -> str | None:
        """Send a message once; says what went wrong."""
        try:
            async with asyncio.timeout(outbox_send_seconds_max):
                await self._sender.send(message)
        except SendFailed as error:
            return str(error)
        except TimeoutError:
            return "the destination does not answer"
        except Exception as error:  # noqa: BLE001 - a boundary: a sender's fault stays its own
            _log.error("sender_fault", destination=message.destination, exc_info=error)
            return "the sender failed unexpectedly"
        return None

    async def _settle(self, key: bytes, message: Message, error: str | None) -> None:
        """Take a message out, or store it for its next attempt."""
        if error is None:
            await self._store.committer.submit(_Take(key))
            self._note(message, True)  # noqa: FBT003 - a verdict is all there is to say
            return
        later = message.tried()
        if later is None:
            await self._store.committer.submit(_Take(key))
            self._lose(replace(message, attempts=message.attempts + 1), error)
            return
        _log.info("send_failed", **_told(later, error))
        await self._store.committer.submit(_Retry(key, self._key(later), later))

    def _lose(self, message: Message, error: str) -> None:
        _log.error("message_lost", **_told(message, error))
        self._note(message, False)  # noqa: FBT003 - as above

    def _key(self, message: Message) -> bytes:
        due_at = self._clock.now() + message.wait_seconds()
        return delivery_keys.message(int(due_at * 1e6), self._chance.token(_TOKEN_BYTES))


def _behind(key: bytes) -> bytes:
    return key + b"\x00"


def _told(message: Message, error: str) -> dict[str, object]:
    return {
        "source": message.source,
        "destination": message.destination,
        "attempts": message.attempts,
        "error": error,
    }


class _Put:
    """Work that stores a message, unless too many wait; results in whether it did."""

    reads = (delivery_keys.message_count(),)

    def __init__(self, key: bytes, message: Message) -> None:
        self._key = key
        self._message = message

    def run(self, view: View) -> bool:
        if _count(view) >= outbox_messages_max:
            return False
        _change_count(view, 1)
        view.put(self._key, messages.encode(self._message))
        view.wake(TOPIC)
        return True


class _Take:
    """Work that takes a message out; one that is gone already changes nothing."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.reads = (key, delivery_keys.message_count())

    def run(self, view: View) -> None:
        if view.get(self._key) is not None:
            view.delete(self._key)
            _change_count(view, -1)


class _Retry:
    """Work that stores a message for its next attempt."""

    def __init__(self, key: bytes, later_key: bytes, later: Message) -> None:
        self._key = key
        self._later_key = later_key
        self._later = later
        self.reads = (key,)

    def run(self, view: View) -> None:
        if view.get(self._key) is not None:
            view.delete(self._key)
            view.put(self._later_key, messages.encode(self._later))


def _count(view: View) -> int:
    stored = view.get(delivery_keys.message_count())
    return 0 if stored is None else int(stored)


def _change_count(view: View, by: int) -> None:
    view.put(delivery_keys.message_count(), b"%d" % (_count(view) + by))
