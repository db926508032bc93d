"""A log entry: one change of one item, or one record put into a data stream, as stored.

Grammar of the stored bytes (all integers big-endian):

    entry   = version kind flags time sizes places text_at origin_length origin rest text
    version = 1 byte, 2
    kind    = 1 byte: 1 insert, 2 modify, 3 remove, 4 record
    flags   = 1 byte: bit 0 made by the service (time to live), bit 1 has a text, bits 2 and 3 the
              text shows the new, the old image; others 0
    time    = 8 bytes, microseconds since the epoch, never decreasing along a lineage
    sizes   = 4 bytes each of keys, new and old image: as DynamoDB counts them; 0 where absent
    places  = 4 bytes each for where keys, new and old image begin, then for how long they are
    text_at = 4 bytes, where the text begins; origin_length is 1 byte
    origin  = UTF-8, region where the change was first made; empty: here
    rest    = of keys, new and old image those that the text does not have
    text    = what the record of the shard's stream says of this change alone: TEXT_HEAD_BYTES of
              number and name, then from the time on to the record's last brace, without it

Keys and images are canonical JSON; absent images are empty. A record of a data stream has its
partition key as `keys`, UTF-8, and its data as `new`, as they are. It has no text, nor has a change
that no stream shows.

Always both images, so that every view type, Lambda's event and Kinesis' record are renderings of
the same bytes, which they splice and never re-encode. The text is what GetRecords sends: a page is
cut out of the log and joined.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from headwater.storage.keyspace import SequenceNumber
from headwater.streams.shard import TEXT_BASE
from headwater.streams.window import ViewType

TEXT_HEAD_BYTES: Final = 16 + len(b'","eventName":"INSERT')
"""The number in hexadecimal digits, and the name; all names are equally long."""

RECORD_IDENTITY: Final = (
    b',"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}'
)
"""Who made a change that no client has made. It comes last in a text."""

_HEADER: Final = struct.Struct(">BBBQ3I6IIB")
TEXT_AT: Final = slice(_HEADER.size - 5, _HEADER.size - 1)
"""Where an entry says where its text begins."""
_PLACES: Final = struct.Struct(">4I")
_PLACES_OFFSET: Final = 23
_VERSION: Final = 2
_BY_SERVICE, _HAS_TEXT, _SHOWS_NEW, _SHOWS_OLD = 1, 2, 4, 8
_KEYS, _NEW, _OLD = b',"Keys":', b',"NewImage":', b',"OldImage":'
_NUMBER, _SIZE = b',"SequenceNumber":"', b'","SizeBytes":'


class Kind(IntEnum):
    """What happened to the item; or, of a data stream, that a record was put."""

    INSERT = 1
    MODIFY = 2
    REMOVE = 3
    RECORD = 4


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


class Place(NamedTuple):
    """Where an entry stands in a log: its number, the time it takes, and what shows it.

    view: of the stream that shows the entry; None if none does.
    """

    number: SequenceNumber
    time_us: int
    view: ViewType | None


class _Look(NamedTuple):
    """What entries of a view have in common. tails: of texts, by a client and by the service."""

    flags: int
    tails: tuple[bytes, bytes] = (b"", b"")


def _look(view: ViewType, flags: int) -> _Look:
    tail = b',"StreamViewType":"%b"}' % view.encode()
    return _Look(_HAS_TEXT | flags, (tail, tail + RECORD_IDENTITY))


_LOOKS: Final = {
    None: _Look(0),
    ViewType.KEYS_ONLY: _look(ViewType.KEYS_ONLY, 0),
    ViewType.NEW_IMAGE: _look(ViewType.NEW_IMAGE, _SHOWS_NEW),
    ViewType.OLD_IMAGE: _look(ViewType.OLD_IMAGE, _SHOWS_OLD),
    ViewType.NEW_AND_OLD_IMAGES: _look(ViewType.NEW_AND_OLD_IMAGES, _SHOWS_NEW | _SHOWS_OLD),
}
_VIEWS: Final = {look.flags: view for view, look in _LOOKS.items()}
_NAMES: Final = (b"", *(b'","eventName":"%b' % kind.name.encode() for kind in Kind))


_Layout: TypeAlias = tuple[int, int, int, int, list[bytes]]
"""Where keys, new image, old image and text begin, and what follows the origin, in pieces.

A plain tuple, as all here: each change of a table with a stream makes one."""


def encode(entry: Entry, place: Place) -> bytes:
    """The stored bytes of an entry at its place in a log; its own time does not count."""
    kind, _, keys, new, old, is_by_service, origin_name = entry
    look = _LOOKS[place.view]  # but once: the members of an enumeration are slow keys
    origin = origin_name.encode()
    rest_at = _HEADER.size + len(origin)
    layout = (_with_text if look.flags else _without_text)(entry, place, look, rest_at)
    keys_at, new_at, old_at, text_at, content = layout
    header = _HEADER.pack(
        _VERSION,
        kind,
        look.flags | is_by_service,
        place.time_us,
        keys.size,
        new.size,
        old.size,
        keys_at,
        new_at,
        old_at,
        len(keys.body),
        len(new.body),
        len(old.body),
        text_at,
        len(origin),
    )
    return b"".join((header, origin, *content))


def _without_text(entry: Entry, _place: Place, _look: _Look, at: int) -> _Layout:
    """The layout of an entry that no stream shows; at: where it begins."""
    keys, new, old = entry.keys.body, entry.new.body, entry.old.body
    new_at = at + len(keys)
    old_at = new_at + len(new)
    return at, new_at, old_at, old_at + len(old), [keys, new, old]


def _with_text(entry: Entry, place: Place, look: _Look, at: int) -> _Layout:
    """The layout of an entry that a stream shows; at: where it begins."""
    kind, _, (keys, size), (new, new_size), (old, old_size), is_by_service, _ = entry
    number, time_us, _ = place
    shows_new, shows_old = look.flags & _SHOWS_NEW, look.flags & _SHOWS_OLD
    rest = (b"" if shows_new else new) + (b"" if shows_old else old)
    text_at = at + len(rest)
    seconds = b"%d" % (time_us // 1_000_000)
    parts = [rest, number.to_bytes(8, "big").hex().encode(), _NAMES[kind], seconds, _KEYS, keys]
    keys_at = text_at + TEXT_HEAD_BYTES + len(seconds) + len(_KEYS)
    end = keys_at + len(keys)
    new_at, old_at = at, text_at - len(old)
    if shows_new and new:
        parts += (_NEW, new)
        new_at = end + len(_NEW)
        end = new_at + len(new)
        size += new_size
    if shows_old and old:
        parts += (_OLD, old)
        old_at = end + len(_OLD)
        size += old_size
    # Joining is much quicker than one form for all, which is copied at each of its fields.
    parts += (_NUMBER, b"%d" % (TEXT_BASE + number), _SIZE, b"%d" % size, look.tails[is_by_service])
    return keys_at, new_at, old_at, text_at, parts


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
        keys_at,
        new_at,
        old_at,
        keys_length,
        new_length,
        old_length,
        _,
        origin_length,
    ) = _HEADER.unpack_from(stored)
    assert version == _VERSION, "a stored log entry has a version this code does not know"
    return Entry(
        Kind(kind),
        time_us,
        Image(stored[keys_at : keys_at + keys_length], keys_size),
        Image(stored[new_at : new_at + new_length], new_size),
        Image(stored[old_at : old_at + old_length], old_size),
        bool(flags & _BY_SERVICE),
        stored[_HEADER.size : _HEADER.size + origin_length].decode(),
    )


def text_at(stored: bytes) -> int:
    """Where the text of a stored entry begins."""
    return int.from_bytes(stored[TEXT_AT])


def is_by_service(stored: bytes) -> bool:
    """Whether a stored entry was made by the service, not by a client."""
    return bool(stored[2] & _BY_SERVICE)


def view_of(stored: bytes) -> ViewType | None:
    """The view type whose text a stored entry has; None if it has none."""
    return _VIEWS[stored[2] & ~_BY_SERVICE]


def has_origin(stored: bytes) -> bool:
    """Whether a stored entry came from another region, without decoding it."""
    return stored[_HEADER.size - 1] != 0


def keys_of(stored: bytes) -> bytes:
    """The JSON of the keys of a stored entry, without decoding the rest."""
    at, _, _, length = _PLACES.unpack_from(stored, _PLACES_OFFSET)
    return stored[at : at + length]


def time_us_of(stored: bytes) -> int:
    """The time of a stored entry, without decoding the rest."""
    return int.from_bytes(stored[3:11], "big")
