"""The kind `sqs`: a message for each change, in a queue of the server's own, or of SQS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from headwater.aws import AwsService, CallFailed
from headwater.errors import QueueDoesNotExist
from headwater.limits import KB
from headwater.queues import message as messages
from headwater.queues.queue import Queue
from headwater.queues.service import QueueService
from headwater.sinks.kind import (
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    SinkBroken,
    Surroundings,
    Writer,
)
from headwater.sinks.posting import (
    Called,
    Operation,
    Post,
    Posted,
    PostingWriter,
    attributes_of,
    failure,
    is_ordered,
    region_of,
)
from headwater.sinks.settings import means

_SENDER: Final = "headwater"
_CALL: Final = Operation("send_message_batch", "QueueUrl", "Entries", "MessageBody")


@dataclass(frozen=True, slots=True)
class SqsSettings:
    """Settings of a queue."""

    queue: str = field(metadata=means("The queue's ARN: `arn:aws:sqs:REGION:ACCOUNT:NAME`."))
    endpoint: str | None = field(
        default=None,
        metadata=means(
            "Address of SQS (`https://sqs.eu-west-1.amazonaws.com`), or of a service that speaks "
            "its protocol; else the server's `sqs_endpoint`; else the queue is the server's own."
        ),
    )

    def __post_init__(self) -> None:
        region_of(self.queue, "sqs")


class OwnQueue:
    """`Post` to a queue of the server's own."""

    def __init__(self, queues: QueueService, queue: Queue) -> None:
        self._queues = queues
        self._queue = queue

    async def send(self, posted: Sequence[Posted]) -> Mapping[int, str]:
        sends = [self._send(message) for message in posted]
        try:
            told = await asyncio.gather(*sends)
        except QueueDoesNotExist as error:
            raise CallFailed(error.code, str(error)) from error
        return {place: reason for place, reason in enumerate(told) if reason is not None}

    async def _send(self, message: Posted) -> str | None:
        """Send a message, or say why it is refused."""
        queued = self._queues.new_message(message.body, _SENDER)
        queued = replace(queued, attributes=attributes_of(message))
        if messages.size(queued.body, queued.attributes) > self._queue.message_bytes_max:
            return f"The queue takes at most {self._queue.message_bytes_max} bytes."
        await self._queues.send(self._queue, queued, self._queue.delay_seconds)
        return None


async def _open(opening: Opening) -> Writer:
    settings: SqsSettings = opening.settings
    around = opening.around
    endpoint = settings.endpoint or around.sqs_endpoint
    post = (
        await _own(settings, around.queues)
        if endpoint is None
        else await _elsewhere(settings, endpoint)
    )
    return PostingWriter(post, is_ordered=is_ordered(settings.queue))


async def _own(settings: SqsSettings, queues: QueueService) -> Post:
    _, _, _, region, _, name = settings.queue.split(":", 5)
    try:
        return OwnQueue(queues, await queues.find(region, name))
    except QueueDoesNotExist as error:
        raise SinkBroken(f"{settings.queue}: {error}") from error


async def _elsewhere(settings: SqsSettings, endpoint: str) -> Post:
    _, _, _, region, account, name = settings.queue.split(":", 5)
    service = AwsService("sqs", endpoint, region)
    try:
        found = await service.call("get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
    except CallFailed as error:
        raise failure(error.code, str(error)) from error
    return Called(service, _CALL, str(found["QueueUrl"]))


async def _check(settings: SqsSettings, around: Surroundings) -> None:
    if settings.endpoint or around.sqs_endpoint:
        return
    account = settings.queue.split(":")[4]
    if account != around.queues.account:
        raise InvalidSettings(f"queue: this server has no queues of the account {account}")
    if is_ordered(settings.queue):
        raise InvalidSettings("queue: the queues of this server are not first-in-first-out")


KIND: Final = Kind(
    "sqs",
    "A message for each change, in a queue.",
    SqsSettings,
    _open,
    Pace(100, 1000, 256 * KB, 0.0),
    _check,
)
