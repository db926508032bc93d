"""What becomes of messages as time passes."""

from __future__ import annotations

import asyncio

import pytest

from headwater.clock import SeededChance
from headwater.outbox.message import Message
from headwater.outbox.sender import SendFailed
from headwater.queues.queue import Queue
from headwater.queues.sender import LocalQueues
from headwater.queues.service import Depth, QueueService, QueueStore, Receiving
from tests.memory_store import MemoryStore, living, rest

ACCOUNT = "000000000000"
ONE = Receiving(count_max=1, hidden_seconds=30, wait_seconds=0)


class World(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        store = QueueStore(self.engine, self.committer, self.wakeups, self.clock, self.clock)
        self.service = QueueService(store, ACCOUNT, SeededChance(3))

    async def queue(self, **attributes: str) -> Queue:
        return await self.service.create("us-east-1", "q", attributes)

    async def send(self, queue: Queue, body: str, delay_seconds: int = 0) -> None:
        await self.service.send(queue, self.service.new_message(body, "me"), delay_seconds)

    async def receive(self, queue: Queue, receiving: Receiving = ONE) -> list[str]:
        return [each.message.body for each in await self.service.receive(queue, receiving)]


def test_message_comes_back_when_it_was_not_deleted_in_time() -> None:
    async def body(world: World) -> None:
        queue = await world.queue()
        await world.send(queue, "a")

        assert await world.receive(queue) == ["a"]
        assert await world.service.depth(queue) == Depth(0, 1, 0)
        world.clock.advance(29.9)
        assert await world.receive(queue) == []
        world.clock.advance(0.2)
        assert await world.receive(queue) == ["a"]

    living(World(), body)


def test_delayed_message_comes_at_its_time() -> None:
    async def body(world: World) -> None:
        queue = await world.queue()
        await world.send(queue, "late", delay_seconds=20)
        await world.send(queue, "now")

        assert await world.service.depth(queue) == Depth(1, 0, 1)
        assert await world.receive(queue) == ["now"]
        assert await world.receive(queue) == []
        world.clock.advance(20)
        assert await world.receive(queue) == ["late"]

    living(World(), body)


def test_message_too_old_is_not_received_and_is_removed() -> None:
    async def body(world: World) -> None:
        queue = await world.queue(MessageRetentionPeriod="60")
        await world.send(queue, "old")
        world.clock.advance(61)
        await world.send(queue, "new")

        assert await world.receive(queue) == ["new"]
        assert await world.service.depth(queue) == Depth(0, 1, 0)

    living(World(), body)


def test_sweep_removes_what_is_too_old_of_every_queue() -> None:
    async def body(world: World) -> None:
        queue = await world.queue(MessageRetentionPeriod="60")
        other = await world.service.create("eu-west-1", "q", {})
        await world.send(queue, "old")
        await world.send(other, "kept")
        world.clock.advance(61)
        await world.send(queue, "new")

        await world.service.sweep()

        assert await world.service.depth(queue) == Depth(1, 0, 0)
        assert await world.service.depth(other) == Depth(1, 0, 0)

    living(World(), body)


def test_waiting_receiver_is_woken_by_a_message_and_by_time() -> None:
    async def body(world: World) -> None:
        queue = await world.queue()
        waiting = asyncio.create_task(world.receive(queue, Receiving(1, 5, 20)))
        await rest()
        await world.send(queue, "a")
        assert await waiting == ["a"]

        waiting = asyncio.create_task(world.receive(queue, Receiving(1, 5, 20)))
        for _ in range(6):  # it looks again each second for what is hidden no more
            await rest()
            world.clock.advance(1)
        await rest()
        assert await waiting == ["a"]

        empty = asyncio.create_task(world.receive(queue, Receiving(1, 5, 3)))
        for _ in range(3):
            await rest()
            assert not empty.done()
            world.clock.advance(1)
        await rest()
        assert await empty == []

    living(World(), body)


def to(arn: str, body: bytes = b"{}") -> Message:
    return Message("mapping/1", "us-east-1", arn, body, "k")


def test_message_of_the_outbox_arrives_in_the_queue_of_its_arn() -> None:
    async def body(world: World) -> None:
        queue = await world.queue()
        sender = LocalQueues(world.service)

        await sender.send(to(queue.arn, b'{"a":1}'))

        assert sender.refusal(queue.arn) is None
        assert await world.receive(queue) == ['{"a":1}']

    living(World(), body)


def test_queue_that_cannot_take_a_message_fails_the_attempt() -> None:
    async def body(world: World) -> None:
        queue = await world.queue(MaximumMessageSize="1024")
        sender = LocalQueues(world.service)

        with pytest.raises(SendFailed, match="does not exist"):
            await sender.send(to(queue.arn + "-other"))
        with pytest.raises(SendFailed, match="at most 1024 bytes"):
            await sender.send(to(queue.arn, b"a" * 1025))

    living(World(), body)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-east-1:111111111111:q",
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
        "arn:aws:sqs:us-east-1:000000000000",
    ],
)
def test_queue_that_can_never_be_is_refused(arn: str) -> None:
    async def body(world: World) -> None:
        assert LocalQueues(world.service).refusal(arn) is not None

    living(World(), body)
