"""Key values as bytes whose order is DynamoDB's order.

    key bytes   S: the UTF-8; B: the bytes; N: sign, magnitude, digits, as follows
      zero      02
      positive  03  magnitude+130  digits, two a byte, each pair plus one
      negative  01  then magnitude and pairs as for the positive number, each taken from ff, then ff
    part        key bytes with 00 written as 00 ff, then the terminator 00 01

A part's order is its key bytes' order, no part is a prefix of another, and parts written one after
the other are ordered as the tuple is. So all keys that begin with some parts are exactly the keys
with those bytes as prefix. Types are not written: all values of one key attribute have one type.
"""

from __future__ import annotations

from binascii import a2b_base64
from hashlib import blake2b
from typing import Final

from headwater.limits import sort_key_bytes_max
from headwater.values import number

HASH_BYTES: Final = 8
TERMINATOR: Final = b"\x00\x01"

_ZERO_ESCAPED: Final = b"\x00\xff"
_NEGATIVE, _ZERO, _POSITIVE = b"\x01", b"\x02", b"\x03"
_COMPLEMENT: Final = bytes(255 - value for value in range(256))
# Greater than every sort key: the longest run of ff bytes a sort key can begin with is shorter.
_BEYOND: Final = b"\xff" * (sort_key_bytes_max + 1)


def key_bytes(type: str, value: str) -> bytes:  # noqa: A002 - the field's word
    """A canonical key value of type S, N or B as bytes that sort as the values do."""
    if type == "S":
        return value.encode()
    if type == "B":
        return a2b_base64(value)
    assert type == "N", type
    return _number_bytes(value)


def escape(part: bytes) -> bytes:
    """A part of a key, terminated, so that parts can be written one after the other."""
    return part.replace(b"\x00", _ZERO_ESCAPED) + TERMINATOR


def unescape(key: bytes, start: int = 0) -> tuple[bytes, int]:
    """The part that begins at start, and where the next one begins."""
    end = start
    while True:
        end = key.index(b"\x00", end)
        if key[end + 1 : end + 2] == b"\x01":
            return key[start:end].replace(_ZERO_ESCAPED, b"\x00"), end + 2
        end += 2


def partition_hash(key: bytes) -> bytes:
    """Where a partition key lies in the hash space: eight bytes, spread evenly."""
    return blake2b(key, digest_size=HASH_BYTES).digest()


def after_prefix(prefix: bytes) -> bytes:
    """The smallest key greater than every key with that prefix.

    prefix: holds a byte other than ff; beyond a run of ff there is no such key.
    """
    stripped = prefix.rstrip(b"\xff")
    assert stripped, "no key lies after every key with this prefix"
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def prefix_range(type: str, value: str) -> tuple[bytes, bytes]:  # noqa: A002 - the field's word
    """From which part on (inclusive) up to which (exclusive) the values begin with a value.

    type: S or B. Both bounds are to be written after the parts that come before, unterminated.
    """
    start = key_bytes(type, value).replace(b"\x00", _ZERO_ESCAPED)
    return start, after_prefix(start) if start.strip(b"\xff") else _BEYOND


def _number_bytes(canonical: str) -> bytes:
    if canonical == "0":
        return _ZERO
    digits, magnitude = number.scientific(canonical)
    if len(digits) % 2:
        digits += "0"
    pairs = bytes(int(digits[at : at + 2]) + 1 for at in range(0, len(digits), 2))
    unsigned = bytes((magnitude - number.MAGNITUDE_MIN,)) + pairs
    if canonical[0] == "-":
        return _NEGATIVE + unsigned.translate(_COMPLEMENT) + b"\xff"
    return _POSITIVE + unsigned
