"""Log entries as the JSON a reader is sent: stream records, and records of Lambda's event.

Both are the stored bytes of keys and images between fixed pieces; nothing is decoded and encoded
again. Members stand in the order AWS sends them.

Shapes: API Reference, "Record" and "StreamRecord"; Lambda Developer Guide, "Using Lambda to process
records from Amazon DynamoDB Streams".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import CHANGES, HEADER, Kind, is_by_service
from headwater.streams.log import Stored
from headwater.streams.shard import TEXT_BASE
from headwater.streams.window import ViewType

_SHOWS_NEW: Final = frozenset({ViewType.NEW_IMAGE, ViewType.NEW_AND_OLD_IMAGES})
_SHOWS_OLD: Final = frozenset({ViewType.OLD_IMAGE, ViewType.NEW_AND_OLD_IMAGES})
# GetRecords capitalises the members of userIdentity, events do not.
_RECORD_IDENTITY: Final = (
    b',"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}'
)
_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_EVENT_IDENTITY: Final = (
    b',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
)


@dataclass(frozen=True, slots=True)
class Form:
    """Records of one kind, as JSON to be filled in by `records`; which images it has room for."""

    json: bytes
    shows_new: bool
    shows_old: bool


@dataclass(frozen=True, slots=True)
class Style:
    """How all records of a stream look: a form for each kind of change, by the service or not."""

    view: ViewType
    forms: dict[tuple[int, bool], Form]


def record_style(region: str, view: ViewType) -> Style:
    """Records as GetRecords answers them."""
    return _style(region, view, b"%d", (_RECORD_IDENTITY, b"}"))


def event_style(region: str, view: ViewType, stream_arn: str) -> Style:
    """Records as a function's event holds them."""
    end = b',"eventSourceARN":%b}' % orjson.dumps(stream_arn)
    return _style(region, view, b"%d.0", (_EVENT_IDENTITY, end))


def event_id(shard_id: ShardId, number: int) -> str:
    """The event id of an entry, see `records`."""
    return f"{_digest(shard_id)}{number:016x}"


def number_in_event_id(text: str) -> SequenceNumber | None:
    """The number of the entry with an event id; None for what is no event id."""
    return SequenceNumber(int(text[16:], 16)) if _EVENT_ID.fullmatch(text) else None


def records(style: Style, shard_id: ShardId, entries: Iterable[Stored]) -> list[bytes]:
    """The JSON of each entry of a shard.

    An event id is a digest of the shard, then the entry's number: the same at every reading, and
    none twice in a stream.
    """
    forms = style.forms
    unpack, header_size = HEADER.unpack_from, HEADER.size
    shard = _digest(shard_id).encode()
    rendered = []
    for number, entry in entries:
        _, kind, flags, time_us, size, new_size, old_size, keys_length, new_length, origin = unpack(
            entry
        )
        form = forms[kind, is_by_service(flags)]
        keys_at = header_size + origin
        new_at = keys_at + keys_length
        old_at = new_at + new_length
        new = old = b""
        if form.shows_new:
            new = entry[new_at:old_at]
            size += new_size
        if form.shows_old:
            old = entry[old_at:]
            size += old_size
        seconds = time_us // 1_000_000
        keys = entry[keys_at:new_at]
        rendered.append(
            form.json % (shard, number, seconds, keys, new, old, TEXT_BASE + number, size)
        )
    return rendered


def framed(opening: bytes, records: list[bytes], closing: bytes) -> bytes:
    """Records, which the caller gives away, as an array between two pieces; copied but once."""
    if not records:
        return opening + closing
    records[0] = opening + records[0]
    records[-1] += closing
    return b",".join(records)


def shown_bytes(style: Style, entry: bytes) -> int:
    """The bytes of keys and images that the record of a stored entry shows."""
    _, _, _, _, _, _, _, keys_length, new_length, origin = HEADER.unpack_from(entry)
    length: int = keys_length
    if style.view in _SHOWS_NEW:
        length += new_length
    if style.view in _SHOWS_OLD:
        length += len(entry) - HEADER.size - origin - keys_length - new_length
    return length


def _digest(shard_id: ShardId) -> str:
    return hashlib.blake2b(shard_id.encode(), digest_size=8).hexdigest()


def _style(region: str, view: ViewType, time: bytes, tail: tuple[bytes, bytes]) -> Style:
    """tail: the identity of the service, and what comes last."""
    identity, end = tail
    return Style(
        view,
        {
            (kind, is_by_service): _form(
                region, (kind, view), time, (identity if is_by_service else b"") + end
            )
            for kind in CHANGES
            for is_by_service in (False, True)
        },
    )


def _form(region: str, shown: tuple[Kind, ViewType], time: bytes, end: bytes) -> Form:
    kind, view = shown
    shows_new = kind is not Kind.REMOVE and view in _SHOWS_NEW
    shows_old = kind is not Kind.INSERT and view in _SHOWS_OLD
    pieces = (
        b'{"eventID":"%b%016x","eventName":"',
        kind.name.encode(),
        b'","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":',
        _literal(orjson.dumps(region)),
        b',"dynamodb":{"ApproximateCreationDateTime":',
        time,
        b',"Keys":%b',
        b',"NewImage":%b' if shows_new else b"%b",
        b',"OldImage":%b' if shows_old else b"%b",
        b',"SequenceNumber":"%d","SizeBytes":%d,"StreamViewType":"',
        view.value.encode(),
        b'"}',
        _literal(end),
    )
    return Form(b"".join(pieces), shows_new, shows_old)


def _literal(text: bytes) -> bytes:
    """A text as a form holds it."""
    return text.replace(b"%", b"%%")
