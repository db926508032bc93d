"""What sends the outbox's messages: the same promises, whatever kind of destination.

Queues are those of a running server, by SQS's protocol; buckets are an S3 server's and a
directory's; topics are those of a server that takes notes of what is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headwater.clock import SeededChance
from headwater.outbox.message import Message
from headwater.outbox.sender import Sender, SendFailed
from headwater.outbox.services import Buckets, Queues, Services, Topics
from headwater.storage.objects import DirectoryObjects
from headwater.storage.s3 import S3Objects
from tests.s3_server import S3Server, s3_server
from tests.topic_server import TOPIC, topic_server

REGION = "us-east-1"


@dataclass
class Way:
    """A sender, an ARN that it reaches and one that it does not, and what has arrived."""

    sender: Sender
    destination: str
    nowhere: str
    arrived: Callable[[], list[str]]


@contextmanager
def topics() -> Iterator[Way]:
    with topic_server() as server:
        sender = Topics(Services("sns", server.endpoint))
        yield Way(sender, TOPIC, f"{TOPIC}-other", lambda: server.published)


@contextmanager
def s3_buckets() -> Iterator[Way]:
    def arrived(server: S3Server) -> list[str]:
        return [body.decode() for body in server.bodies.values()]

    with s3_server() as server:
        sender = Buckets(S3Objects(server.endpoint, REGION))
        yield Way(sender, "arn:aws:s3:::bucket", "", lambda: arrived(server))


@pytest.fixture(params=["queue", "topic", "bucket", "directory"])
def way(
    request: pytest.FixtureRequest,
    connect: Callable[[str], Any],
    endpoint: str,
    unique_name: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[Way]:
    connect("sqs")  # for the credentials of the environment
    match request.param:
        case "queue":
            yield _queue(connect("sqs"), endpoint, unique_name("queue"))
        case "topic":
            with topics() as made:
                yield made
        case "bucket":
            with s3_buckets() as made:
                yield made
        case _:
            sender = Buckets(DirectoryObjects(tmp_path, SeededChance(1)))
            yield Way(
                sender,
                "arn:aws:s3:::bucket",
                "arn:aws:s3:::bu/cket",
                lambda: [file.read_text() for file in tmp_path.rglob("key-*")],
            )


def _queue(sqs: Any, endpoint: str, name: str) -> Way:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:000000000000:{name}"

    def arrived() -> list[str]:
        page = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [each["Body"] for each in page.get("Messages", [])]

    return Way(Queues(Services("sqs", endpoint)), arn, f"{arn}-other", arrived)


def to(destination: str, body: str, key: str = "key-1") -> Message:
    return Message("mapping/1", REGION, destination, body.encode(), key)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_message_arrives_as_it_is(way: Way) -> None:
    body = '{"text":"héllo & <b>\\n"}'

    asyncio.run(way.sender.send(to(way.destination, body)))

    assert way.arrived() == [body]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_several_messages_at_once_arrive_each(way: Way) -> None:
    async def send_all() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                message = to(way.destination, f"{number}", f"key-{number}")
                tasks.create_task(way.sender.send(message))

    asyncio.run(send_all())

    assert sorted(way.arrived()) == [str(number) for number in range(5)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_destination_that_is_not_there_fails_the_attempt(way: Way) -> None:
    if not way.nowhere:
        pytest.skip("this server makes every bucket it is asked for")

    with pytest.raises(SendFailed):
        asyncio.run(way.sender.send(to(way.nowhere, "{}")))

    assert way.arrived() == []


def test_service_that_cannot_be_reached_fails_the_attempt(connect: Callable[[str], Any]) -> None:
    connect("sqs")
    sender = Topics(Services("sns", "http://127.0.0.1:9"))

    with pytest.raises(SendFailed):
        asyncio.run(sender.send(to(TOPIC, "{}")))
