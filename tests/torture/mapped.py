"""The functions that follow `orders`, by mappings of three manners, and what each has been given.

writer  by lanes: every record, those of each key in order
tally   by windows: each record is counted in the final state of exactly one
picky   fails for some records for good: they end in a queue, one by one, and it is given the others
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from headwater.cli.client import Client
from headwater.cli.deployment import deploy, packed
from tests.torture.world import FUNCTION, World, settled

DISLIKED: Final = 40
GIVEN_UP: Final = "given-up"
_SECONDS_MAX: Final = 300


def follow(world: World, functions: Any, stream_arn: str, queue_arn: str) -> None:
    """Deploy the functions, and map the stream to them."""
    variables = {"NOTES": str(world.notes), "DISLIKED": str(DISLIKED)}
    manners: dict[str, dict[str, Any]] = {
        "writer": {"ParallelizationFactor": 3, "BatchSize": 20},
        "tally": {"TumblingWindowInSeconds": 1},
        "picky": {
            "BatchSize": 20,
            "MaximumRetryAttempts": 0,
            "BisectBatchOnFunctionError": True,
            "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
        },
    }
    for name, manner in manners.items():
        configuration = {"Handler": f"app.{name}", "Environment": {"Variables": variables}}
        deploy(functions, name, packed(FUNCTION), configuration)
        functions.create_event_source_mapping(
            EventSourceArn=stream_arn,
            FunctionName=name,
            StartingPosition="TRIM_HORIZON",
            **manner,
        )


async def prove(client: Client, world: World) -> int:
    """Wait until each function has been given all there is; returns how often the writer was."""
    follower = world.followers["orders"]
    await follower.read(client)
    disliked = {
        number
        for records in follower.told.values()
        for number, _, value, _ in records
        if value is not None and value % DISLIKED == 0
    }
    async with asyncio.timeout(_SECONDS_MAX):
        while not (
            len(_distinct(world, "writer")) == follower.records
            and len(_distinct(world, "picky")) == follower.records - len(disliked)
            and sum(_windows(world).values()) == follower.records
            and world.given_up == disliked
        ):
            world.given_up |= await _given_up(client)
            await settled(client, "orders")
    _check_order(world, "writer", set())
    _check_order(world, "picky", disliked)
    return len(world.noted("writer"))


def _distinct(world: World, name: str) -> set[str]:
    return {number for number, _ in world.noted(name)}


def _windows(world: World) -> dict[str, int]:
    """How many records each window has counted; a final state that is told twice is the same."""
    found: dict[str, int] = {}
    for window, count in world.noted("tally"):
        assert found.setdefault(window, int(count)) == int(count), f"{window} has two ends"
    return found


async def _given_up(client: Client) -> set[str]:
    """The numbers that messages of the queue tell of; the messages are taken out."""
    url = (await client.call("sqs", "GetQueueUrl", {"QueueName": GIVEN_UP}))["QueueUrl"]
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10}
    numbers = set()
    for message in (await client.call("sqs", "ReceiveMessage", asked)).get("Messages", ()):
        batch = json.loads(message["Body"])["DDBStreamBatchInfo"]
        assert batch["startSequenceNumber"] == batch["endSequenceNumber"], "it was not split"
        numbers.add(batch["startSequenceNumber"])
        handle = message["ReceiptHandle"]
        await client.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": handle})
    return numbers


def _check_order(world: World, name: str, left_out: Iterable[str]) -> None:
    """What a function was given when it came first came in each key's order."""
    given: dict[str, dict[str, None]] = {}
    for number, key in world.noted(name):
        given.setdefault(key, {})[number] = None
    for key, records in world.followers["orders"].told.items():
        wanted = [number for number, _, _, _ in records if number not in left_out]
        found = list(given.get(key, ()))
        assert found == wanted, f"{key}: {name} was given {len(found)} of {len(wanted)} records"
