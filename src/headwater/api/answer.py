"""Answers put together from members that are JSON already: stored items are never re-encoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson

from headwater.api.reply import Reply
from headwater.expressions.projection import Projection
from headwater.values import codec

EMPTY: Final = Reply(b"{}")


def member(name: str, content: object) -> bytes:
    """`"name":content`, encoding the content."""
    return b'"%b":%b' % (name.encode(), orjson.dumps(content))


def answer(members: Iterable[bytes]) -> Reply:
    """The object of these members."""
    return Reply(b"{" + b",".join(members) + b"}")


def projected(stored: bytes, projection: Projection | None) -> bytes:
    """The JSON of a stored item, or of what a projection wants of it."""
    if projection is None:
        return codec.body(stored)
    return orjson.dumps(projection.apply(codec.decode(stored)))
