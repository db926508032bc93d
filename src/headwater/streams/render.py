"""Log entries as the JSON a reader is sent: pages of stream records, and records of Lambda's event.

Both are the stored texts of entries between fixed pieces; nothing is decoded and encoded again.
Members stand in the order AWS sends them.

Shapes: API Reference, "Record" and "StreamRecord"; Lambda Developer Guide, "Using Lambda to process
records from Amazon DynamoDB Streams".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import (
    RECORD_IDENTITY,
    TEXT_AT,
    TEXT_HEAD_BYTES,
    Place,
    decode,
    encode,
    is_by_service,
    text_at,
    time_us_of,
    view_of,
)
from headwater.streams.log import Stored
from headwater.streams.window import ViewType

_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
# GetRecords capitalises the members of userIdentity, events do not.
_EVENT_IDENTITY: Final = (
    b',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
)
_EVENT_TIME_END: Final = b".0"
_OPENING: Final = b'{"eventID":"'
_DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class EventStyle:
    """How a function's event shows the entries of a stream.

    middle: what stands between the two parts of each text; end: what comes last. frame_bytes: what
    a record has beside its text, and a comma.
    """

    view: ViewType
    middle: bytes
    end: bytes
    frame_bytes: int


def event_style(region: str, view: ViewType, stream_arn: str) -> EventStyle:
    """Records as a function's event holds them."""
    end = b',"eventSourceARN":%b}' % orjson.dumps(stream_arn)
    middle = record_middle(region)
    around = (_OPENING, b"0" * _DIGEST_LENGTH, middle, _EVENT_TIME_END, end, b",")
    return EventStyle(view, middle, end, sum(map(len, around)))


def record_middle(region: str) -> bytes:
    """What all records of a region have between their name and their time."""
    return (
        b'","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":%b,'
        b'"dynamodb":{"ApproximateCreationDateTime":' % orjson.dumps(region)
    )


def event_id(shard_id: ShardId, number: int) -> str:
    """The event id of an entry: a digest of the shard, then the entry's number.

    It is the same at every reading, and none comes twice in a stream.
    """
    return f"{_digest(shard_id)}{number:016x}"


def number_in_event_id(text: str) -> SequenceNumber | None:
    """The number of the entry with an event id; None for what is no event id."""
    return SequenceNumber(int(text[16:], 16)) if _EVENT_ID.fullmatch(text) else None


def record_page(middle: bytes, shard_id: ShardId, stored: Sequence[bytes], closing: bytes) -> bytes:
    """The answer to GetRecords for entries of a shard as their stream shows them.

    middle: of the stream's region. closing: what follows the last record. All records are joined at
    once: what the end of one and the begin of the next have in common is what joins them.
    """
    opening = _OPENING + _digest(shard_id).encode()
    number, between = int.from_bytes, middle.join
    texts = [
        between(
            (
                entry[(at := number(entry[TEXT_AT])) : at + TEXT_HEAD_BYTES],
                entry[at + TEXT_HEAD_BYTES :],
            )
        )
        for entry in stored
    ]
    if not texts:
        return b'{"Records":[' + closing
    texts[0] = b'{"Records":[%b%b' % (opening, texts[0])
    texts[-1] += b"}" + closing
    return (b"}," + opening).join(texts)


def events(style: EventStyle, shard_id: ShardId, entries: Iterable[Stored]) -> list[bytes]:
    """The JSON of each entry of a shard in an event, whatever it is stored for."""
    opening = _OPENING + _digest(shard_id).encode()
    rendered = []
    for number, stored in entries:
        entry = _shown_as(style.view, number, stored)
        at = text_at(entry)
        middle = at + TEXT_HEAD_BYTES
        time_end = entry.index(b",", middle)
        end, identity = None, b""
        if is_by_service(entry):
            end, identity = -len(RECORD_IDENTITY), _EVENT_IDENTITY
        parts = (
            opening,
            entry[at:middle],
            style.middle,
            entry[middle:time_end],
            _EVENT_TIME_END,
            entry[time_end:end],
            identity,
            style.end,
        )
        rendered.append(b"".join(parts))
    return rendered


def event_bytes(style: EventStyle, stored: bytes) -> int:
    """What a stored entry adds to an event, with a comma."""
    entry = _shown_as(style.view, SequenceNumber(0), stored)
    return style.frame_bytes + len(entry) - text_at(entry)


def framed(opening: bytes, records: list[bytes], closing: bytes) -> bytes:
    """Records, which the caller gives away, as an array between two pieces; copied but once."""
    if not records:
        return opening + closing
    records[0] = opening + records[0]
    records[-1] += closing
    return b",".join(records)


def _shown_as(view: ViewType, number: SequenceNumber, stored: bytes) -> bytes:
    if view_of(stored) is view:
        return stored
    return encode(decode(stored), Place(number, time_us_of(stored), view))


def _digest(shard_id: ShardId) -> str:
    return hashlib.blake2b(shard_id.encode(), digest_size=_DIGEST_LENGTH // 2).hexdigest()
