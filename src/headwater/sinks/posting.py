"""Changes as messages for queues and topics: a message for each, in calls of several.

A message's body is the change as JSON; its attributes are `event` and `id`. Where an order is kept
(names that end in `.fifo`), the messages of an item are a group, and one that comes again within
five minutes is told by the change's id.

Sources: SQS API Reference, "SendMessageBatch"; SNS API Reference, "PublishBatch".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Protocol

from headwater.aws import AwsService, CallFailed
from headwater.limits import KB
from headwater.sinks.change import Change, dumps
from headwater.sinks.kind import ChangeBatch, InvalidSettings, Rejected, SinkBroken, SinkUnavailable
from headwater.sinks.transform import outcome

CALL_MESSAGES_MAX: Final = 10
_CALL_BYTES_MAX: Final = 256 * KB  # which every such service takes, if not more
_CALLS_AT_ONCE_MAX: Final = 4
_FIFO: Final = ".fifo"
_GROUP_BYTES: Final = 16
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z]+):(?P<region>[a-z0-9-]+):[0-9]{12}:.+")
# Characters that these services refuse, and JSON can escape.
_ESCAPES: Final = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}
# Trying again helps only once somebody has changed something.
_HOPELESS: Final = re.compile(
    r"AccessDenied|AuthorizationError|InvalidAddress|InvalidClientTokenId|InvalidSecurity|KMS|Kms"
    r"|NonExistentQueue|QueueDoesNotExist|NotFound|SignatureDoesNotMatch|UnrecognizedClient"
    r"|UnsupportedOperation"
)
_REFUSED: Final = re.compile(
    r"TooLong|InvalidMessageContents|InvalidParameter|ParameterValueInvalid"
)


@dataclass(frozen=True, slots=True)
class Posted:
    """A change as a message."""

    body: str
    attributes: Mapping[str, str]
    group: str
    id: str


def message_of(change: Change) -> Posted:
    body = dumps(outcome(change)).decode().translate(_ESCAPES)
    group = blake2b(change.key, digest_size=_GROUP_BYTES).hexdigest()
    return Posted(body, {"event": change.event.value, "id": change.id}, group, change.id)


def attributes_of(message: Posted) -> dict[str, dict[str, str]]:
    """As queues and topics take them."""
    return {
        name: {"DataType": "String", "StringValue": text}
        for name, text in message.attributes.items()
    }


def region_of(arn: str, service: str) -> str:
    """The region in an ARN of a service. Raises InvalidSettings."""
    match = _ARN.fullmatch(arn)
    if match is None or match["service"] != service:
        raise InvalidSettings(f"{arn!r} is no ARN of {service}")
    return match["region"]


class Post(Protocol):
    """One call that takes several messages."""

    async def send(self, messages: Sequence[Posted]) -> Mapping[int, str]:
        """Send up to CALL_MESSAGES_MAX; gives why some are refused for good, by their place.

        Raises CallFailed.
        """


class PostingWriter:
    """`Writer` of queues and topics. is_ordered: one call at a time, so that order is kept."""

    def __init__(self, post: Post, *, is_ordered: bool) -> None:
        self._post = post
        self._at_once = asyncio.Semaphore(1 if is_ordered else _CALLS_AT_ONCE_MAX)

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        messages = [message_of(change) for change in batch.changes]
        try:
            async with asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(self._send(part)) for part in _parts(messages)]
        except* (SinkBroken, SinkUnavailable) as failures:
            raise failures.exceptions[0] from failures
        return [rejected for call in calls for rejected in call.result()]

    async def close(self) -> None:
        return None

    async def _send(self, part: Sequence[tuple[int, Posted]]) -> list[Rejected]:
        async with self._at_once:
            return await self._sent(part)

    async def _sent(self, part: Sequence[tuple[int, Posted]]) -> list[Rejected]:
        try:
            refused = await self._post.send([message for _, message in part])
        except CallFailed as error:
            if not _REFUSED.search(error.code):
                raise failure(error.code, str(error)) from error
            if len(part) == 1:
                return [Rejected(part[0][0], str(error))]
            rejected = []
            for each in part:  # whichever it is, the others are to be sent
                rejected += await self._sent([each])
            return rejected
        return [Rejected(part[place][0], reason) for place, reason in refused.items()]


def failure(code: str, reason: str) -> SinkBroken | SinkUnavailable:
    """What follows of a call's failure."""
    return SinkBroken(reason) if _HOPELESS.search(code) else SinkUnavailable(reason)


def refusals(answer: Mapping[str, Any]) -> dict[int, str]:
    """The messages of a call that were refused for good, by their place, which is their `Id`.

    Raises SinkBroken or SinkUnavailable if some failed for another reason.
    """
    refused = {}
    for each in answer.get("Failed", []):
        code, reason = str(each["Code"]), str(each.get("Message") or each["Code"])
        if not _REFUSED.search(code):
            raise failure(code, reason)
        refused[int(each["Id"])] = reason
    return refused


def _parts(messages: Sequence[Posted]) -> list[list[tuple[int, Posted]]]:
    """Messages with their places, in parts that one call takes."""
    parts: list[list[tuple[int, Posted]]] = []
    room = 0
    for index, message in enumerate(messages):
        size = len(message.body.encode()) + KB  # its attributes have a few dozen
        if not parts or len(parts[-1]) == CALL_MESSAGES_MAX or size > room:
            parts.append([])
            room = _CALL_BYTES_MAX
        parts[-1].append((index, message))
        room -= size
    return parts


@dataclass(frozen=True, slots=True)
class Operation:
    """How a call of several messages is made. name: as boto3 has it.

    place: the parameter that says where to. entries: the one with the messages. body: the member of
    an entry that holds its text.
    """

    name: str
    place: str
    entries: str
    body: str


class Called:
    """`Post` by AWS's protocol."""

    def __init__(self, service: AwsService, operation: Operation, name: str) -> None:
        """name: the queue's address, or the topic's ARN."""
        self._service = service
        self._operation = operation
        self._name = name

    async def send(self, messages: Sequence[Posted]) -> Mapping[int, str]:
        operation = self._operation
        answer = await self._service.call(
            operation.name,
            **{
                operation.place: self._name,
                operation.entries: [
                    self._entry(place, message) for place, message in enumerate(messages)
                ],
            },
        )
        return refusals(answer)

    def _entry(self, place: int, message: Posted) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Id": str(place),
            self._operation.body: message.body,
            "MessageAttributes": attributes_of(message),
        }
        if is_ordered(self._name):
            entry |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
        return entry


def is_ordered(name: str) -> bool:
    """Whether a queue or topic of this name keeps an order."""
    return name.endswith(_FIFO)
