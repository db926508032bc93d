"""A message of a queue: what is stored, where, and the digests a client checks.

It is stored under the moment from which it can be received, so the first of a queue is the next:

    key = queue, visible 8 bytes (microseconds since the epoch), message 16 bytes

Receiving moves it to a later moment; its receipt handle is the key it then has, so an older handle
finds nothing. Attributes keep the form of the wire, a JSON object for each.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from headwater.errors import InvalidMessageContents, QueueParameterInvalid
from headwater.limits import queue_message_attributes_max

_VERSION: Final = 1
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME: Final = re.compile(r"(?!\.)(?!.*\.$)(?!.*\.\.)[a-zA-Z0-9_.-]{1,256}", re.ASCII)
_TYPES: Final = ("String", "Number", "Binary")
_BINARY: Final = "BinaryValue"
_TEXT: Final = "StringValue"

Attributes = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message. sent_ms, first_received_ms: epoch milliseconds. receives: how often it was.

    sender: the access key that sent it. system: attributes for the service itself.
    """

    message_id: str
    body: str
    sent_ms: int
    sender: str
    attributes: Attributes = field(default_factory=dict)
    system: Attributes = field(default_factory=dict)
    group: str | None = None
    receives: int = 0
    first_received_ms: int = 0


def encode(message: QueuedMessage) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(message)})


def decode(stored: bytes) -> QueuedMessage:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored message has a version this code does not know"
    return QueuedMessage(**fields)


def size(body: str, attributes: Attributes) -> int:
    """Bytes that count towards the limit: the body, names, types and values of attributes."""
    total = len(body.encode())
    for name, each in attributes.items():
        total += len(name.encode()) + len(each["DataType"].encode()) + len(_value(each))
    return total


def check_body(body: str) -> None:
    """Raises InvalidMessageContents for characters that SQS does not take."""
    if _FORBIDDEN.search(body):
        raise InvalidMessageContents(
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
            "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
        )


def check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises QueueParameterInvalid for an attribute that SQS does not take."""
    if len(attributes) > queue_message_attributes_max:
        raise QueueParameterInvalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{queue_message_attributes_max}]."
        )
    for name, each in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise QueueParameterInvalid(f"Invalid message attribute name: {name}")
        kind = each["DataType"].partition(".")[0]
        if kind not in _TYPES or len(each["DataType"]) > 256:
            raise QueueParameterInvalid(
                f"The message attribute '{name}' has an invalid message attribute type, "
                "the set of supported type prefixes is Binary, Number, and String."
            )
        value = each.get(_BINARY if kind == "Binary" else _TEXT)
        if not value or len(each) != 2:
            raise QueueParameterInvalid(
                f"The message attribute '{name}' must contain a non-empty message attribute value "
                f"for message attribute type '{kind}'."
            )
        if kind == "String":
            check_body(value)


def body_digest(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def attributes_digest(attributes: Attributes) -> str:
    """SQS Developer Guide, "Calculating the MD5 message digest for message attributes"."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        each = attributes[name]
        transport = b"\x02" if _BINARY in each else b"\x01"
        for part in (name.encode(), each["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        value = _value(each)
        digest.update(transport + len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()


def wanted_attributes(attributes: Attributes, names: list[str]) -> Attributes:
    """Those a receiver asks for: by name, all (`All`, `.*`), or by prefix (`name.*`)."""
    if "All" in names or ".*" in names:
        return attributes
    prefixes = tuple(name.removesuffix("*") for name in names if name.endswith(".*"))
    return {
        name: each
        for name, each in attributes.items()
        if name in names or (prefixes and name.startswith(prefixes))
    }


def handle_of(key: bytes) -> str:
    """The receipt handle for a key."""
    return base64.urlsafe_b64encode(key).decode()


def key_of_handle(handle: str, prefix: bytes) -> bytes | None:
    """The key that a receipt handle stands for, or None if it is none of this queue."""
    try:
        key = base64.b64decode(handle, b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if key.startswith(prefix) and len(key) == len(prefix) + 24 else None


def _value(attribute: Mapping[str, str]) -> bytes:
    if _BINARY in attribute:
        return base64.b64decode(attribute[_BINARY])
    return attribute[_TEXT].encode()
