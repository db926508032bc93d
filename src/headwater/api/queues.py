"""Handlers of queues: as much of SQS as dead-letter queues and sinks need.

Texts: SQS API Reference, else in its manner.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAddress,
    InvalidAttributeName,
    InvalidBatchEntryId,
    QueueDoesNotExist,
    QueueParameterInvalid,
    QueueUnsupportedOperation,
    ReceiptHandleIsInvalid,
    ServiceError,
    TooManyEntriesInBatchRequest,
)
from headwater.limits import (
    queue_batch_entries_max,
    queue_message_bytes_max,
    queue_receive_max,
)
from headwater.queues import message as messages
from headwater.queues.message import QueuedMessage
from headwater.queues.queue import ATTRIBUTES, Queue
from headwater.queues.service import QueueService, Receiving
from headwater.queues.store import Received
from headwater.storage import delivery_keys

_ALL: Final = "All"
_NOBODY: Final = "anonymous"
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_PLAIN: Final = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp")
_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_FIFO_ONLY: Final = ("MessageDeduplicationId", "ReceiveRequestAttemptId")

Input = Mapping[str, Any]


class QueueHandlers:
    """The handlers. endpoint: the address that queues' URLs begin with."""

    def __init__(self, queues: QueueService, endpoint: str) -> None:
        self._queues = queues
        self._endpoint = endpoint

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("sqs", "CreateQueue"): self.create_queue,
            ("sqs", "GetQueueUrl"): self.get_queue_url,
            ("sqs", "GetQueueAttributes"): self.get_queue_attributes,
            ("sqs", "SendMessage"): self.send_message,
            ("sqs", "SendMessageBatch"): self.send_message_batch,
            ("sqs", "ReceiveMessage"): self.receive_message,
            ("sqs", "DeleteMessage"): self.delete_message,
        }

    async def create_queue(self, call: Call) -> Reply:
        if call.input.get("tags"):
            raise QueueUnsupportedOperation("tags of queues are not supported by Headwater")
        attributes = call.input.get("Attributes", {})
        queue = await self._queues.create(call.region, call.input["QueueName"], attributes)
        return Reply.json({"QueueUrl": self._url(queue)})

    async def get_queue_url(self, call: Call) -> Reply:
        owner = call.input.get("QueueOwnerAWSAccountId", self._queues.account)
        if owner != self._queues.account:
            raise QueueDoesNotExist
        queue = await self._queues.find(call.region, call.input["QueueName"])
        return Reply.json({"QueueUrl": self._url(queue)})

    async def get_queue_attributes(self, call: Call) -> Reply:
        queue = await self._queue(call)
        names = call.input.get("AttributeNames", [])
        known = {*ATTRIBUTES, *_COUNTS, *_PLAIN, _ALL}
        for name in names:
            if name not in known:
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
        described = await self._described(queue, is_counted=bool({*_COUNTS, _ALL} & {*names}))
        attributes = {
            name: value for name, value in described.items() if name in names or _ALL in names
        }
        return Reply.json({"Attributes": attributes} if attributes else {})

    async def send_message(self, call: Call) -> Reply:
        queue = await self._queue(call)
        return Reply.json(await self._send(queue, call.input, call.caller))

    async def send_message_batch(self, call: Call) -> Reply:
        queue = await self._queue(call)
        entries = call.input["Entries"]
        _check_batch(entries)
        # At the same time, so that one commit is enough for all.
        told = await asyncio.gather(*(self._send_entry(queue, each, call) for each in entries))
        successful = [each for is_sent, each in told if is_sent]
        failed = [each for is_sent, each in told if not is_sent]
        return Reply.json({"Successful": successful, "Failed": failed})

    async def receive_message(self, call: Call) -> Reply:
        queue = await self._queue(call)
        asked = call.input
        _refuse_fifo(asked)
        receiving = Receiving(
            _number(asked, "MaxNumberOfMessages", 1, (1, queue_receive_max)),
            _number(asked, "VisibilityTimeout", queue.hidden_seconds, (0, 43_200)),
            _number(asked, "WaitTimeSeconds", queue.wait_seconds, (0, 20)),
        )
        received = await self._queues.receive(queue, receiving)
        told = [_told(each, asked) for each in received]
        return Reply.json({"Messages": told} if told else {})

    async def delete_message(self, call: Call) -> Reply:
        queue = await self._queue(call)
        prefix = delivery_keys.queued_prefix(queue.queue_id)
        key = messages.key_of_handle(call.input["ReceiptHandle"], prefix)
        if key is None:
            raise ReceiptHandleIsInvalid(
                f'The input receipt handle "{call.input["ReceiptHandle"]}" is not a valid '
                "receipt handle."
            )
        await self._queues.delete(key)
        return Reply(b"")

    async def _queue(self, call: Call) -> Queue:
        """The queue of a request's URL, whatever host that names."""
        url = call.input["QueueUrl"]
        parts = urlsplit(url).path.strip("/").split("/")
        if len(parts) != 2:
            raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
        account, name = parts
        if account != self._queues.account:
            raise QueueDoesNotExist
        return await self._queues.find(call.region, name)

    async def _send_entry(
        self, queue: Queue, entry: Input, call: Call
    ) -> tuple[bool, dict[str, Any]]:
        """Send a message of a batch; gives whether it was taken, and what is told of it."""
        named = {"Id": entry["Id"]}
        try:
            return True, named | await self._send(queue, entry, call.caller)
        except ServiceError as error:
            told = {"SenderFault": True, "Code": error.code, "Message": str(error)}
            return False, named | told

    async def _send(self, queue: Queue, asked: Input, caller: str | None) -> dict[str, Any]:
        """Send a message, and give what is told of it."""
        _refuse_fifo(asked)
        message = self._message(asked, caller, queue)
        delay_seconds = _number(asked, "DelaySeconds", queue.delay_seconds, (0, 900))
        await self._queues.send(queue, message, delay_seconds)
        answer = {
            "MessageId": message.message_id,
            "MD5OfMessageBody": messages.body_digest(message.body),
        }
        if message.attributes:
            answer["MD5OfMessageAttributes"] = messages.attributes_digest(message.attributes)
        if message.system:
            answer["MD5OfMessageSystemAttributes"] = messages.attributes_digest(message.system)
        return answer

    def _message(self, asked: Input, caller: str | None, queue: Queue) -> QueuedMessage:
        body = asked["MessageBody"]
        if not body:
            raise QueueParameterInvalid("The request must contain the parameter MessageBody.")
        attributes = asked.get("MessageAttributes", {})
        system = asked.get("MessageSystemAttributes", {})
        messages.check_body(body)
        messages.check_attributes(attributes)
        messages.check_attributes(system)
        if messages.size(body, attributes) > queue.message_bytes_max:
            raise QueueParameterInvalid(
                "One or more parameters are invalid. Reason: Message must be shorter than "
                f"{queue.message_bytes_max} bytes."
            )
        made = self._queues.new_message(body, caller or _NOBODY)
        return replace(
            made, attributes=attributes, system=system, group=asked.get("MessageGroupId")
        )

    async def _described(self, queue: Queue, *, is_counted: bool) -> dict[str, str]:
        created = str(int(queue.created_at))
        described = {
            **queue.attributes(),
            **dict(zip(_PLAIN, (queue.arn, created, created), strict=True)),
        }
        if is_counted:
            depth = await self._queues.depth(queue)
            counts = (depth.visible, depth.hidden, depth.delayed)
            described.update(zip(_COUNTS, map(str, counts), strict=True))
        return described

    def _url(self, queue: Queue) -> str:
        return f"{self._endpoint}/{queue.account}/{queue.name}"


def _check_batch(entries: Sequence[Input]) -> None:
    """Raises what the request as a whole is refused with."""
    if not entries:
        raise EmptyBatchRequest
    if len(entries) > queue_batch_entries_max:
        raise TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are {queue_batch_entries_max}. "
            f"You have sent {len(entries)}."
        )
    seen: set[str] = set()
    for entry in entries:
        name = entry["Id"]
        if not _ENTRY_ID.fullmatch(name):
            raise InvalidBatchEntryId
        if name in seen:
            raise BatchEntryIdsNotDistinct(f"Id {name} repeated.")
        seen.add(name)
    size = sum(
        messages.size(entry["MessageBody"], entry.get("MessageAttributes", {})) for entry in entries
    )
    if size > queue_message_bytes_max:
        raise BatchRequestTooLong(
            f"Batch requests cannot be longer than {queue_message_bytes_max} bytes. "
            f"You have sent {size} bytes."
        )


def _refuse_fifo(asked: Input) -> None:
    for name in _FIFO_ONLY:
        if name in asked:
            raise QueueParameterInvalid(
                f"Value {asked[name]} for parameter {name} is invalid. Reason: The request "
                "include parameter that is not valid for this queue type."
            )


def _number(asked: Input, name: str, default: int, bounds: tuple[int, int]) -> int:
    number: int = asked.get(name, default)
    least, most = bounds
    if not least <= number <= most:
        raise QueueParameterInvalid(
            f"Value {number} for parameter {name} is invalid. Reason: Must be between {least} and "
            f"{most}, if provided."
        )
    return number


def _told(received: Received, asked: Input) -> dict[str, Any]:
    """A message as its receiver sees it."""
    message = received.message
    told: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": messages.handle_of(received.key),
        "MD5OfBody": messages.body_digest(message.body),
        "Body": message.body,
    }
    names = [*asked.get("AttributeNames", []), *asked.get("MessageSystemAttributeNames", [])]
    system = {
        name: value
        for name, value in _system(message).items()
        if value is not None and (name in names or _ALL in names)
    }
    if system:
        told["Attributes"] = system
    wanted = messages.wanted_attributes(message.attributes, asked.get("MessageAttributeNames", []))
    if wanted:
        told["MessageAttributes"] = wanted
        told["MD5OfMessageAttributes"] = messages.attributes_digest(wanted)
    return told


def _system(message: QueuedMessage) -> dict[str, str | None]:
    return {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
        "MessageGroupId": message.group,
        "AWSTraceHeader": message.system.get("AWSTraceHeader", {}).get("StringValue"),
    }
