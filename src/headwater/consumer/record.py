"""A record of a stream as a handler gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from boto3.dynamodb.types import TypeDeserializer

Image: TypeAlias = Mapping[str, Any]

_deserializer: Final = TypeDeserializer()


@dataclass(frozen=True, slots=True)
class Record:
    """One change of one item.

    event_name: INSERT, MODIFY or REMOVE. created_at: epoch seconds, as exactly as is told.
    keys, new_image, old_image: attributes in DynamoDB's form, or as Python values where the
    consumer was told to deserialise; an image that the view type or the event does not give is
    None.
    is_by_service: removed by time to live. raw: the record as boto3 gives it.
    """

    event_id: str
    event_name: str
    sequence_number: int
    created_at: float
    keys: Image
    new_image: Image | None
    old_image: Image | None
    is_by_service: bool
    raw: Mapping[str, Any]


def record_of(raw: Mapping[str, Any], *, deserializes: bool) -> Record:
    """A record from GetRecords' answer."""
    change = raw["dynamodb"]

    def image(name: str) -> Image | None:
        attributes: Image | None = change.get(name)
        if attributes is None or not deserializes:
            return attributes
        return {name: _deserializer.deserialize(value) for name, value in attributes.items()}

    return Record(
        raw["eventID"],
        raw["eventName"],
        int(change["SequenceNumber"]),
        _seconds(change["ApproximateCreationDateTime"]),
        image("Keys") or {},
        image("NewImage"),
        image("OldImage"),
        "userIdentity" in raw,
        raw,
    )


def _seconds(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else moment
