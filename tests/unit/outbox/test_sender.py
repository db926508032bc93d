from __future__ import annotations

import asyncio

import pytest

from headwater.outbox.message import Message
from headwater.outbox.sender import Senders, SendFailed
from headwater.outbox.services import Absent, fifo_refusal

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"


class Taking:
    def __init__(self) -> None:
        self.taken: list[Message] = []

    def refusal(self, destination: str) -> str | None:
        return fifo_refusal(destination)

    async def send(self, message: Message) -> None:
        self.taken.append(message)


def to(destination: str) -> Message:
    return Message("mapping/1", "us-east-1", destination, b"{}", "k")


def test_a_message_goes_to_the_sender_of_its_service() -> None:
    queues, topics = Taking(), Taking()
    senders = Senders({"sqs": queues, "sns": topics})

    asyncio.run(senders.send(to(TOPIC)))

    assert (queues.taken, topics.taken) == ([], [to(TOPIC)])


def test_a_service_without_a_sender_is_refused_and_fails() -> None:
    senders = Senders({"sqs": Taking()})

    assert senders.refusal(TOPIC) == f"{TOPIC} is no destination that Headwater can send to"
    assert senders.refusal("mailto:a@b") is not None
    with pytest.raises(SendFailed, match="no sender for sns"):
        asyncio.run(senders.send(to(TOPIC)))


def test_a_sender_says_what_it_refuses() -> None:
    senders = Senders({"sqs": Taking(), "sns": Absent("there are no topics here")})

    assert senders.refusal(QUEUE) is None
    assert senders.refusal(QUEUE + ".fifo") == (
        f"{QUEUE}.fifo is first-in-first-out, which is not supported"
    )
    assert senders.refusal(TOPIC) == "there are no topics here"
    with pytest.raises(SendFailed, match="no topics"):
        asyncio.run(senders.send(to(TOPIC)))
