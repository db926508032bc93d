"""A queue: letters that are sent, read and deleted while the server is killed.

A letter whose sending was answered comes at least once, as long as it is not deleted; one whose
deletion was answered never comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from headwater.cli.client import Client
from tests.torture.world import World

QUEUE: Final = "letters"
_SECONDS_MAX: Final = 300


async def write(client: Client, world: World, tick: Callable[[], None]) -> None:
    """Send letters without end."""
    url = await _url(client)
    while True:
        letter = str(world.number())
        world.letters.sent.add(letter)
        await client.call("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": letter})
        world.letters.due.add(letter)
        tick()


async def read(client: Client, world: World) -> None:
    """Read and delete letters without end."""
    url = await _url(client)
    while True:
        await _read_some(client, world, url)


async def prove(client: Client, world: World) -> None:
    """Every letter that is due comes, be the disk as slow as it likes."""
    url = await _url(client)
    while due := len(world.letters.due):
        async with asyncio.timeout(_SECONDS_MAX):
            while len(world.letters.due) == due:
                await _read_some(client, world, url)


async def _read_some(client: Client, world: World, url: str) -> None:
    letters = world.letters
    asked: dict[str, Any] = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
    for message in (await client.call("sqs", "ReceiveMessage", asked)).get("Messages", ()):
        letter = message["Body"]
        assert letter in letters.sent, f"{letter} was never sent"
        assert letter not in letters.deleted, f"{letter} has come again"
        letters.due.discard(letter)
        handle = message["ReceiptHandle"]
        await client.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": handle})
        letters.deleted.add(letter)


async def _url(client: Client) -> str:
    answer = await client.call("sqs", "GetQueueUrl", {"QueueName": QUEUE})
    return str(answer["QueueUrl"])
