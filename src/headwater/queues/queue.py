"""A queue: its name, its attributes, and their stored form.

Names, ranges and defaults: SQS API Reference, "CreateQueue" and "SetQueueAttributes". Texts of
errors are AWS's where observed in its documentation, else in its manner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NamedTuple

import orjson

from headwater.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    QueueParameterInvalid,
    QueueUnsupportedOperation,
)
from headwater.limits import queue_message_bytes_max

_VERSION: Final = 1
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,80}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class _Range(NamedTuple):
    field: str
    least: int
    most: int


ATTRIBUTES: Final[Mapping[str, _Range]] = {
    "DelaySeconds": _Range("delay_seconds", 0, 900),
    "MaximumMessageSize": _Range("message_bytes_max", 1024, queue_message_bytes_max),
    "MessageRetentionPeriod": _Range("retention_seconds", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": _Range("wait_seconds", 0, 20),
    "VisibilityTimeout": _Range("hidden_seconds", 0, 43_200),
}
# Attributes of SQS that these queues do not have.
_ABSENT: Final = frozenset(
    {
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoQueue",
        "FifoThroughputLimit",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "Policy",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "SqsManagedSseEnabled",
    }
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. queue_id: 32 hexadecimal digits. created_at: epoch second.

    hidden_seconds: how long a received message is hidden from others (the visibility timeout).
    """

    region: str
    account: str
    name: str
    queue_id: str
    created_at: float
    delay_seconds: int = 0
    message_bytes_max: int = queue_message_bytes_max
    retention_seconds: int = 345_600
    wait_seconds: int = 0
    hidden_seconds: int = 30

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"

    def attributes(self) -> dict[str, str]:
        """What is set at its creation, by SQS's names, as text."""
        return {name: str(getattr(self, each.field)) for name, each in ATTRIBUTES.items()}

    def with_attributes(self, asked: Mapping[str, str]) -> Queue:
        """The queue with these attributes.

        Raises InvalidAttributeName, InvalidAttributeValue, QueueUnsupportedOperation.
        """
        fields: dict[str, Any] = dict(_field(name, value) for name, value in asked.items())
        return replace(self, **fields)


def check_name(name: str) -> None:
    """Raises QueueParameterInvalid, or QueueUnsupportedOperation for a first-in-first-out queue."""
    if name.endswith(".fifo"):
        raise QueueUnsupportedOperation("FIFO queues are not supported by Headwater")
    if not _NAME.fullmatch(name):
        raise QueueParameterInvalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def encode(queue: Queue) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(queue)})


def decode(stored: bytes) -> Queue:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored queue has a version this code does not know"
    return Queue(**fields)


def _field(name: str, value: str) -> tuple[str, int]:
    each = ATTRIBUTES.get(name)
    if each is None:
        if name in _ABSENT:
            raise QueueUnsupportedOperation(
                f"The attribute {name} of queues is not supported by Headwater"
            )
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    if not _NUMBER.fullmatch(value) or not each.least <= int(value) <= each.most:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return each.field, int(value)
