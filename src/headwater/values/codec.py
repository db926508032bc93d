"""Items as stored bytes.

    stored  = version size body
    version = one byte, 01
    size    = four bytes, big-endian: the item's size as DynamoDB counts it
    body    = the item as compact wire JSON, UTF-8, the members of every object sorted by name

The item is canonical (see `attribute.py`), so equal items have equal bytes: the write path compares
bytes to see whether anything changed. The body is what a client is sent, so readers splice it.
"""

from __future__ import annotations

from typing import Final

import orjson

from headwater.values.item import Item

VERSION: Final = 1

_VERSION_BYTE: Final = bytes((VERSION,))
_BODY: Final = 5


def encode(item: Item, size: int) -> bytes:
    """The stored bytes of a canonical item; size as `item.normalise` or `item.size` found it."""
    return (
        _VERSION_BYTE
        + size.to_bytes(_BODY - 1, "big")
        + orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    )


def join(body: bytes, size: int) -> bytes:
    """The stored bytes of an item whose wire JSON came out of stored bytes, and its size."""
    return _VERSION_BYTE + size.to_bytes(_BODY - 1, "big") + body


def decode(stored: bytes) -> Item:
    """The item of stored bytes, canonical and shared with nobody."""
    assert stored[0] == VERSION, stored[0]
    item: Item = orjson.loads(stored[_BODY:])
    return item


def body(stored: bytes) -> bytes:
    """The wire JSON of the item, to be spliced into an answer."""
    assert stored[0] == VERSION, stored[0]
    return stored[_BODY:]


def size(stored: bytes) -> int:
    """The size of the item, without reading it."""
    assert stored[0] == VERSION, stored[0]
    return int.from_bytes(stored[1:_BODY], "big")
