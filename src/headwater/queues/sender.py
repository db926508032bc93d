"""The queues of this server as destinations of the outbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from headwater.errors import ServiceError
from headwater.outbox.message import Message
from headwater.outbox.sender import SendFailed
from headwater.outbox.services import fifo_refusal
from headwater.queues import message as messages
from headwater.queues.service import QueueService

_SENDER: Final = "headwater"


class _Name(NamedTuple):
    region: str
    account: str
    queue: str


class LocalQueues:
    """`Sender` to queues of the server's own account."""

    def __init__(self, service: QueueService) -> None:
        self._service = service

    def refusal(self, destination: str) -> str | None:
        name = _name(destination)
        if name is None or name.account != self._service.account:
            return f"{destination} is no queue of account {self._service.account}"
        return fifo_refusal(destination)

    async def send(self, message: Message) -> None:
        name = _name(message.destination)
        if name is None:
            raise SendFailed("this is no queue's ARN")
        body = message.body.decode()
        try:
            queue = await self._service.find(name.region, name.queue)
        except ServiceError as error:
            raise SendFailed(str(error)) from error
        attributes = {
            name: {"DataType": "String", "StringValue": text}
            for name, text in message.attributes.items()
        }
        if messages.size(body, attributes) > queue.message_bytes_max:
            raise SendFailed(f"the queue takes at most {queue.message_bytes_max} bytes")
        queued = replace(self._service.new_message(body, _SENDER), attributes=attributes)
        await self._service.send(queue, queued, queue.delay_seconds)


def _name(arn: str) -> _Name | None:
    parts = arn.split(":")
    return _Name(*parts[3:]) if len(parts) == 6 else None
