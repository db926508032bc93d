"""Log entries as the JSON a reader is sent: stream records, and records of Lambda's event.

Both are the stored bytes of keys and images between fixed pieces; nothing is decoded and encoded
again. Members stand in the order AWS sends them.

Shapes: API Reference, "Record" and "StreamRecord"; Lambda Developer Guide, "Using Lambda to process
records from Amazon DynamoDB Streams".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from headwater.storage.keyspace import ShardId
from headwater.streams.entry import HEADER, Kind, is_by_service
from headwater.streams.log import Stored
from headwater.streams.shard import TEXT_BASE
from headwater.streams.window import ViewType

_SHOWS_NEW: Final = frozenset({ViewType.NEW_IMAGE, ViewType.NEW_AND_OLD_IMAGES})
_SHOWS_OLD: Final = frozenset({ViewType.OLD_IMAGE, ViewType.NEW_AND_OLD_IMAGES})
# GetRecords capitalises the members of userIdentity, events do not.
_RECORD_IDENTITY: Final = (
    b',"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}'
)
_EVENT_IDENTITY: Final = (
    b',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
)


@dataclass(frozen=True, slots=True)
class Style:
    """What all records of a stream have in common, as ready pieces of JSON.

    before_time: from the event's name to its time, by kind. after_time: what follows the digits.
    """

    view: ViewType
    before_time: dict[int, bytes]
    after_time: bytes
    after_size: bytes
    identity: bytes
    end: bytes


def record_style(region: str, view: ViewType) -> Style:
    """Records as GetRecords answers them."""
    return Style(view, _before_time(region), b"", _after_size(view), _RECORD_IDENTITY, b"}")


def event_style(region: str, view: ViewType, stream_arn: str) -> Style:
    """Records as a function's event holds them."""
    end = b',"eventSourceARN":%b}' % orjson.dumps(stream_arn)
    return Style(view, _before_time(region), b".0", _after_size(view), _EVENT_IDENTITY, end)


def records(style: Style, shard_id: ShardId, entries: Iterable[Stored]) -> list[bytes]:
    """The JSON of each entry of a shard.

    The event id is a digest of shard and number: the same at every reading.
    """
    shows_new, shows_old = style.view in _SHOWS_NEW, style.view in _SHOWS_OLD
    before_time, after_time, after_size = style.before_time, style.after_time, style.after_size
    unpack, header_size = HEADER.unpack_from, HEADER.size
    shard_digest = hashlib.blake2b(shard_id.encode(), digest_size=16)
    rendered = []
    for number, entry in entries:
        _, kind, flags, time_us, size, new_size, old_size, keys_length, new_length, origin = unpack(
            entry
        )
        keys_at = header_size + origin
        new_at = keys_at + keys_length
        old_at = new_at + new_length
        digest = shard_digest.copy()
        digest.update(number.to_bytes(8, "big"))
        new = old = b""
        if shows_new and new_length:
            new = b',"NewImage":' + entry[new_at:old_at]
            size += new_size
        if shows_old and old_at < len(entry):
            old = b',"OldImage":' + entry[old_at:]
            size += old_size
        rendered.append(
            b'{"eventID":"%b%b%d%b,"Keys":%b%b%b,"SequenceNumber":"%d","SizeBytes":%d%b%b%b'
            % (
                digest.hexdigest().encode(),
                before_time[kind],
                time_us // 1_000_000,
                after_time,
                entry[keys_at:new_at],
                new,
                old,
                TEXT_BASE + number,
                size,
                after_size,
                style.identity if is_by_service(flags) else b"",
                style.end,
            )
        )
    return rendered


def shown_bytes(style: Style, entry: bytes) -> int:
    """The bytes of keys and images that the record of a stored entry shows."""
    _, _, _, _, _, _, _, keys_length, new_length, origin = HEADER.unpack_from(entry)
    length: int = keys_length
    if style.view in _SHOWS_NEW:
        length += new_length
    if style.view in _SHOWS_OLD:
        length += len(entry) - HEADER.size - origin - keys_length - new_length
    return length


def _before_time(region: str) -> dict[int, bytes]:
    return {
        int(kind): b'","eventName":"%b","eventVersion":"1.1","eventSource":"aws:dynamodb",'
        b'"awsRegion":%b,"dynamodb":{"ApproximateCreationDateTime":'
        % (kind.name.encode(), orjson.dumps(region))
        for kind in Kind
    }


def _after_size(view: ViewType) -> bytes:
    return b',"StreamViewType":"%b"}' % view.value.encode()
