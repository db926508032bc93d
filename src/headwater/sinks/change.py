"""A change as a sink writes it, and items as plain JSON.

Plain means without DynamoDB's types: a number is a number, a set a list, binary its base64. Numbers
keep all their digits: those that no float can hold exactly are Decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson

from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams.entry import Kind
from headwater.streams.log import Stored
from headwater.streams.render import event_id
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item

Document: TypeAlias = dict[str, Any]

_FLOAT_DIGITS: Final = 15
_INTEGER_DIGITS: Final = 18


class Event(StrEnum):
    """What happened. SNAPSHOT: nothing, the item was there when the sink began."""

    INSERT = "INSERT"
    MODIFY = "MODIFY"
    REMOVE = "REMOVE"
    SNAPSHOT = "SNAPSHOT"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one item.

    id: no other change of the table has it, and every delivery has the same.
    version: grows with every change of the item; that of a SNAPSHOT is above the versions of all
    changes that are in it, and below those of all that are not.
    time_us: microseconds since the epoch. keys: of the item. new, old: absent images are None.
    document: what is to be held for the item, after the transform; None if nothing is.
    """

    event: Event
    id: str
    version: int
    time_us: int
    keys: Item
    new: Item | None
    old: Item | None
    is_by_service: bool
    document: Document | None

    @property
    def key(self) -> bytes:
        """The key as bytes, to tell items apart."""
        return orjson.dumps(self.keys)


def change_of(shard_id: ShardId, stored: Stored, *, is_snapshot: bool) -> Change:
    """The change of a log entry of a shard; untransformed, so its document is the whole image."""
    entry = entries.decode(stored.entry)
    new: Item | None = orjson.loads(entry.new.body) if entry.new.body else None
    old: Item | None = orjson.loads(entry.old.body) if entry.old.body else None
    assert (new is None) == (entry.kind is Kind.REMOVE), "only a removal leaves no image"
    return Change(
        Event.SNAPSHOT if is_snapshot else Event(entry.kind.name),
        _id(shard_id, stored.number, entry.keys.body if is_snapshot else b""),
        stored.number,
        entry.time_us,
        orjson.loads(entry.keys.body),
        new,
        old,
        entry.is_by_service,
        None if new is None else plain(new),
    )


def _id(shard_id: ShardId, number: int, keys: bytes) -> str:
    """keys: of a snapshot, as all that are read together have their shard's number."""
    made = event_id(shard_id, number)
    return f"{made}-{blake2b(keys, digest_size=8).hexdigest()}" if keys else made


def plain(item: Mapping[str, AttributeValue]) -> Document:
    """An item as plain JSON."""
    return {name: plain_value(value) for name, value in item.items()}


def plain_value(value: AttributeValue) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return number(content)
        case "NS":
            return [number(each) for each in content]
        case "L":
            return [plain_value(each) for each in content]
        case "M":
            return plain(content)
        case "NULL":
            return None
        case _:
            return content


def number(text: str) -> int | float | Decimal:
    """A number as the simplest type that holds it exactly."""
    if len(text) <= _INTEGER_DIGITS and text.lstrip("-").isdecimal():
        return int(text)
    value = Decimal(text)
    if len(value.as_tuple().digits) <= _FLOAT_DIGITS and Decimal(repr(float(value))) == value:
        return float(value)
    return value


def dumps(document: Any) -> bytes:
    """A plain document as JSON, with all digits of its numbers."""
    return orjson.dumps(document, default=_digits)


def _digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not of JSON")
