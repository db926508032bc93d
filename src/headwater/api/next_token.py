"""Where a SELECT goes on: tokens that hold a position and know the statement they belong to.

    token    = base64url( version mark position )
    version  = 1 byte, 1
    mark     = 16 bytes: hash of the table, the statement and its parameters
    position = the storage key of the entry read last, without the prefix of its table or index

Nothing is remembered for a token, so it may be used again, at any server of a store. It is not
sealed: a made-up position reads nothing that the statement would not have read.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any, Final

import orjson

from headwater.errors import ValidationException
from headwater.tables.read import Source

_VERSION: Final = b"\x01"
_MARK_BYTES: Final = 16
_POSITION_AT: Final = 1 + _MARK_BYTES


def token_after(position: bytes, place: Source, request: dict[str, Any]) -> str:
    """The token of what a request has left after the entry with this storage key."""
    payload = _VERSION + _mark(place, request) + position.removeprefix(place.prefix)
    return urlsafe_b64encode(payload).decode()


def position_of(token: str, place: Source, request: dict[str, Any]) -> bytes:
    """The storage key after which a request goes on.

    Raises ValidationException if the token is none, or that of another statement.
    """
    try:
        payload = urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise ValidationException("Invalid NextToken") from None
    if payload[:1] != _VERSION or len(payload) <= _POSITION_AT:
        raise ValidationException("Invalid NextToken")
    if payload[1:_POSITION_AT] != _mark(place, request):
        raise mismatch()
    return place.prefix + payload[_POSITION_AT:]


def mismatch() -> ValidationException:
    """The error for a token of another request."""
    return ValidationException("NextToken does not match request")


def _mark(place: Source, request: dict[str, Any]) -> bytes:
    asked = [place.table.table_id, request["Statement"], request.get("Parameters")]
    content = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    return blake2b(content, digest_size=_MARK_BYTES).digest()
