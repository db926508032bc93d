"""A message for a destination, and its stored form.

    stored = header newline body
    header = JSON of every field but the body, with the version of this form
    body   = UTF-8, as it is sent

It is stored under the time when it is due, so the first stored is the first to be sent. After an
attempt in vain it is stored anew, under the time of the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import orjson

from headwater.limits import (
    outbox_attempts_max,
    outbox_retry_seconds_first,
    outbox_retry_seconds_max,
)

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Message:
    """What is to reach a destination.

    source: who sends it, for counts and logs. region: where the source is. destination: an ARN.
    body: JSON. object_key: what it is stored under, if the destination is a bucket.
    attributes: what a queue or topic gets beside the body. attempts: those made in vain.
    """

    source: str
    region: str
    destination: str
    body: bytes
    object_key: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0

    @property
    def service(self) -> str:
        """The service of the destination: `sqs`, `sns`, `s3`, `lambda`."""
        return service_of(self.destination)

    def tried(self) -> Message | None:
        """The message after one more attempt in vain; None if that was the last."""
        attempts = self.attempts + 1
        return None if attempts >= outbox_attempts_max else replace(self, attempts=attempts)

    def wait_seconds(self) -> float:
        """How long to wait, after the attempts made, for the next."""
        if self.attempts == 0:
            return 0.0
        waits = outbox_retry_seconds_first * 2.0 ** (self.attempts - 1)
        return min(waits, outbox_retry_seconds_max)


def service_of(arn: str) -> str:
    """The service that an ARN names; empty if it is none."""
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 and parts[0] == "arn" else ""


def encode(message: Message) -> bytes:
    fields = {**asdict(message), "v": _VERSION}
    body: bytes = fields.pop("body")
    return orjson.dumps(fields) + b"\n" + body


def decode(stored: bytes) -> Message:
    header, _, body = stored.partition(b"\n")
    fields: dict[str, Any] = orjson.loads(header)
    version = fields.pop("v")
    assert version == _VERSION, "a stored message has a version this code does not know"
    return Message(body=body, **fields)
