"""A log entry: one change of one item, or one record put into a data stream, as stored.

Grammar of the stored bytes (all integers big-endian):

    entry   = version kind flags time keys_size new_size old_size keys_length new_length
              origin_length origin keys new old
    version = 1 byte, 1
    kind    = 1 byte: 1 insert, 2 modify, 3 remove, 4 record
    flags   = 1 byte: bit 0 made by the service (time to live), others 0
    time    = 8 bytes, microseconds since the epoch, never decreasing along a lineage
    *_size  = 4 bytes, item size as DynamoDB counts it; 0 where the image is absent
    *_length = 4 bytes, length of the JSON that follows; origin_length is 1 byte
    origin  = UTF-8, region where the change was first made; empty: here
    keys new old = canonical JSON of the key attributes and the two images; absent images are empty

A record has its partition key as `keys`, UTF-8, and its data as `new`, as they are.

Always both images, so that every view type, Lambda's event and Kinesis' record are renderings of
the same bytes, which they splice and never re-encode.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

HEADER: Final = struct.Struct(">BBBQIIIIIB")
_VERSION: Final = 1
_BY_SERVICE: Final = 1


class Kind(IntEnum):
    """What happened to the item; or, of a data stream, that a record was put."""

    INSERT = 1
    MODIFY = 2
    REMOVE = 3
    RECORD = 4


CHANGES: Final = (Kind.INSERT, Kind.MODIFY, Kind.REMOVE)


class Image(NamedTuple):
    """An item's canonical JSON and its size as DynamoDB counts it."""

    body: bytes
    size: int


NO_IMAGE: Final = Image(b"", 0)


class Entry(NamedTuple):
    """One change. `new` is absent for a removal, `old` for an insert.

    A tuple, as every write makes one.

    time_us: microseconds since the epoch. origin: region of the first write, empty if this one.
    """

    kind: Kind
    time_us: int
    keys: Image
    new: Image
    old: Image
    is_by_service: bool = False
    origin: str = ""


def record_entry(partition_key: str, data: bytes, time_us: int) -> Entry:
    """A record of a data stream as an entry."""
    key = partition_key.encode()
    return Entry(Kind.RECORD, time_us, Image(key, len(key)), Image(data, len(data)), NO_IMAGE)


def encode(entry: Entry, time_us: int) -> bytes:
    """The stored bytes of an entry that takes this time instead of its own."""
    keys, new, old = entry.keys, entry.new, entry.old
    origin = entry.origin.encode()
    header = HEADER.pack(
        _VERSION,
        entry.kind,
        _BY_SERVICE if entry.is_by_service else 0,
        time_us,
        keys.size,
        new.size,
        old.size,
        len(keys.body),
        len(new.body),
        len(origin),
    )
    return b"".join((header, origin, keys.body, new.body, old.body))


def decode(stored: bytes) -> Entry:
    """The entry of stored bytes."""
    (
        version,
        kind,
        flags,
        time_us,
        keys_size,
        new_size,
        old_size,
        keys_length,
        new_length,
        origin,
    ) = HEADER.unpack_from(stored)
    assert version == _VERSION, "a stored log entry has a version this code does not know"
    keys_at = HEADER.size + origin
    new_at = keys_at + keys_length
    old_at = new_at + new_length
    return Entry(
        Kind(kind),
        time_us,
        Image(stored[keys_at:new_at], keys_size),
        Image(stored[new_at:old_at], new_size),
        Image(stored[old_at:], old_size),
        is_by_service(flags),
        stored[HEADER.size : keys_at].decode(),
    )


def is_by_service(flags: int) -> bool:
    """Whether an entry with these flags was made by the service, not by a client."""
    return bool(flags & _BY_SERVICE)


def has_origin(stored: bytes) -> bool:
    """Whether a stored entry came from another region, without decoding it."""
    return stored[HEADER.size - 1] != 0


def keys_of(stored: bytes) -> bytes:
    """The JSON of the keys of a stored entry, without decoding the rest."""
    _, _, _, _, _, _, _, keys_length, _, origin = HEADER.unpack_from(stored)
    keys_at = HEADER.size + origin
    return stored[keys_at : keys_at + keys_length]


def time_us_of(stored: bytes) -> int:
    """The time of a stored entry, without decoding the rest."""
    return int.from_bytes(stored[3:11], "big")
