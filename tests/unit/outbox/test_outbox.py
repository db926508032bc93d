from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from headwater import limits
from headwater.clock import SeededChance
from headwater.outbox import outbox as outboxes
from headwater.outbox.message import Message
from headwater.outbox.outbox import Outbox, OutboxStore
from headwater.outbox.sender import SendFailed
from headwater.storage import delivery_keys
from headwater.storage.engine import Span
from headwater.storage.memory import MemoryEngine
from tests.memory_store import MemoryStore, living, rest

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


class Post:
    """A sender that takes messages, refuses the next ones, or keeps them waiting."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.attempts = 0
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.at_once_max = 0

    def refusal(self, destination: str) -> str | None:
        del destination
        return None

    async def send(self, message: Message) -> None:
        self.attempts += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
            self.sent.append(message)
        finally:
            self.at_once -= 1


class Reckoned(MemoryEngine):
    """A store that counts the bytes it is asked for in scans."""

    scanned_bytes = 0

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        found = await super().scan(span)
        self.scanned_bytes += sum(len(value) for _, value in found)
        return found


class World(MemoryStore):
    """An outbox over a store that outlives it."""

    def __init__(self) -> None:
        self.reckoned = Reckoned()
        super().__init__(self.reckoned)
        self.chance = SeededChance(7)
        self.post = Post()
        self.left: list[tuple[bytes, bool]] = []

    def outbox(self) -> Outbox:
        store = OutboxStore(self.engine, self.committer, self.wakeups)
        return Outbox(store, self.post, self.clock, self.chance, self.note)

    def note(self, message: Message, is_delivered: bool) -> None:
        self.left.append((message.body, is_delivered))

    async def waiting(self) -> int:
        start, stop = delivery_keys.outbox_span()
        entries = await self.engine.scan(Span(start, stop, 1000))
        (count,) = await self.engine.get([delivery_keys.message_count()])
        assert len(entries) == int(count or 0), "the count is of what waits"
        return len(entries)


def message(text: str) -> Message:
    return Message("mapping/1", "us-east-1", QUEUE, text.encode(), "k")


def running(body: Callable[[World, Outbox], Coroutine[Any, Any, None]]) -> None:
    async def main(world: World) -> None:
        outbox = world.outbox()
        task = asyncio.create_task(outbox.run())
        try:
            await body(world, outbox)
        finally:
            task.cancel()
            await asyncio.wait([task])

    living(World(), main)


def test_a_message_is_sent_at_once_and_forgotten() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        assert await outbox.put(message("a"))
        await rest()

        assert world.post.sent == [message("a")]
        assert world.left == [(b"a", True)]
        assert await world.waiting() == 0

    running(body)


def test_a_message_in_vain_is_tried_again_after_its_wait() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.failures = [SendFailed("no"), SendFailed("no")]
        await outbox.put(message("a"))
        await rest()
        assert (world.post.attempts, await world.waiting()) == (1, 1)

        world.clock.advance(0.9)
        await rest()
        assert world.post.attempts == 1
        world.clock.advance(0.1)
        await rest()
        assert world.post.attempts == 2
        world.clock.advance(2)
        await rest()

        assert [each.body for each in world.post.sent] == [b"a"]
        assert await world.waiting() == 0

    running(body)


def test_a_message_is_lost_after_its_last_attempt_and_counted() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.failures = [SendFailed("no")] * 100
        await outbox.put(message("a"))
        for _ in range(limits.outbox_attempts_max):
            await rest()
            world.clock.advance(limits.outbox_retry_seconds_max)
        await rest()

        assert world.post.attempts == limits.outbox_attempts_max
        assert world.left == [(b"a", False)]
        assert await world.waiting() == 0

    running(body)


def test_a_fault_of_the_sender_is_an_attempt_in_vain() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.failures = [ZeroDivisionError()]
        await outbox.put(message("a"))
        await rest()
        world.clock.advance(1)
        await rest()

        assert [each.body for each in world.post.sent] == [b"a"]

    running(body)


def test_one_that_fails_does_not_hold_up_others() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.failures = [SendFailed("no")]
        await outbox.put(message("bad"))
        await rest()
        await outbox.put(message("good"))
        await rest()

        assert [each.body for each in world.post.sent] == [b"good"]

    running(body)


def test_only_so_many_are_sent_at_once() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.gate = asyncio.Event()
        for number in range(limits.outbox_sends_at_once_max + 5):
            await outbox.put(message(str(number)))
        await rest()
        world.post.gate.set()
        for _ in range(10):
            await rest()

        assert world.post.at_once_max == limits.outbox_sends_at_once_max
        assert len(world.post.sent) == limits.outbox_sends_at_once_max + 5
        assert await world.waiting() == 0

    running(body)


def test_messages_under_way_are_not_read_again() -> None:
    async def body(world: World, outbox: Outbox) -> None:
        world.post.gate = asyncio.Event()
        for _ in range(limits.outbox_sends_at_once_max):
            await outbox.put(message("x" * 100_000))
            await rest()

        assert world.reckoned.scanned_bytes < 100_500 * limits.outbox_sends_at_once_max

    running(body)


def test_what_waits_is_sent_by_the_next_server() -> None:
    async def body(world: World) -> None:
        await world.outbox().put(message("a"))
        assert world.post.sent == []

        task = asyncio.create_task(world.outbox().run())
        await rest()
        task.cancel()

        assert world.post.sent == [message("a")]

    living(World(), body)


def test_what_was_under_way_at_a_stop_is_sent_again() -> None:
    async def body(world: World) -> None:
        world.post.gate = asyncio.Event()
        first = world.outbox()
        task = asyncio.create_task(first.run())
        await first.put(message("a"))
        await rest()
        task.cancel()
        await asyncio.wait([task])
        assert await world.waiting() == 1

        world.post.gate = None
        task = asyncio.create_task(world.outbox().run())
        await rest()
        task.cancel()

        assert world.post.sent == [message("a")]

    living(World(), body)


def test_beyond_the_limit_a_message_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "outbox_messages_max", 2)

    async def body(world: World) -> None:
        outbox = world.outbox()
        kept = [await outbox.put(message(str(number))) for number in range(3)]

        assert kept == [True, True, False]
        assert world.left == [(b"2", False)]
        assert await world.waiting() == 2

    living(World(), body)
