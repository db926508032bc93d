"""A record that the function cannot read, and what became of it.

In the middle of the history an item is written whose size is no number, and at the end it is
deleted. The function fails on every batch that holds one of the two records. The mapping splits
such a batch until the record is alone, tries it again, gives it up and names it in a queue of the
server's own; all other records must get through as if it had never been.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.cli.demo.history import File
from headwater.cli.demo.proofs import Proof, ShardRecords, records
from headwater.clock import Clock

QUEUE: Final = "malformed"
RETRIES: Final = 2
WAIT_SECONDS: Final = 30
_CLAIM: Final = "each malformed record is in the dead-letter queue, once, all others are not"
# No file of git ends in a slash.
_PATH: Final = "malformed/"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message of the queue says: which records were given up, and after how many tries."""

    first: str
    last: str
    condition: str
    tries: int


def key(neighbour: File) -> dict[str, Any]:
    """The key of the malformed item, in the folder of a file, so that their shard is one."""
    return {"folder": {"S": neighbour.folder}, "path": {"S": _PATH}}


def item(neighbour: File) -> dict[str, Any]:
    """The malformed item."""
    return {**key(neighbour), "size": {"S": "not a number"}}


def is_malformed(record: Mapping[str, Any]) -> bool:
    """Whether a record of the stream is of the malformed item."""
    return bool(record["dynamodb"]["Keys"]["path"]["S"] == _PATH)


def settings(queue_arn: str) -> dict[str, Any]:
    """What a mapping is told, so that such a record does not stop its shard for long."""
    return {
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": RETRIES,
        "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
    }


async def letters(sqs: Any, clock: Clock, expected: int) -> list[Letter]:
    """Every message of the queue; waits for as many as are expected, but not for ever."""
    url = await asyncio.to_thread(lambda: sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])
    found: list[Letter] = []
    deadline = clock.monotonic() + WAIT_SECONDS
    while clock.monotonic() < deadline:
        # Once all are there, one more look, without waiting, finds what should not be.
        wait = 1 if len(found) < expected else 0
        page = await asyncio.to_thread(
            sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait
        )
        messages = page.get("Messages", [])
        found.extend(_letter(json.loads(message["Body"])) for message in messages)
        if not wait and not messages:
            break
    return found


def _letter(body: Mapping[str, Any]) -> Letter:
    context, batch = body["requestContext"], body["DDBStreamBatchInfo"]
    return Letter(
        batch["startSequenceNumber"],
        batch["endSequenceNumber"],
        context["condition"],
        context["approximateInvokeCount"],
    )


def given_up_alone(shards: Sequence[ShardRecords], found: Sequence[Letter]) -> Proof:
    """Each malformed record, and no other, was given up, alone, after all its retries."""
    numbers = sorted(
        record["dynamodb"]["SequenceNumber"] for record in records(shards) if is_malformed(record)
    )
    return Proof(_CLAIM, len(numbers), next(_faults(numbers, found), None))


def _faults(numbers: Sequence[str], found: Sequence[Letter]) -> Iterator[str]:
    for letter in found:
        if letter.first != letter.last:
            yield f"{letter.first} to {letter.last} were given up together"
        if letter.condition != "RetryAttemptsExhausted" or letter.tries <= RETRIES:
            yield f"{letter.first} was given up after {letter.tries}: {letter.condition}"
    if sorted(letter.first for letter in found) != numbers:
        yield f"{len(numbers)} malformed, {len(found)} in the queue"
