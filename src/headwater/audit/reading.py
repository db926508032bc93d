"""Everything between two keys, a bounded page at a time; and values that may not be readable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from headwater.audit.report import Section
from headwater.limits import MB
from headwater.storage.engine import Engine, Span
from headwater.values.order import after_prefix

_PAGE: Final = 1000
_PAGE_BYTES: Final = 4 * MB

Value = TypeVar("Value")
Row = tuple[bytes, bytes]


async def pages(engine: Engine, span: tuple[bytes, bytes]) -> AsyncIterator[list[Row]]:
    """The rows between two keys, some at a time."""
    start, stop = span
    while rows := await engine.scan(Span(start, stop, _PAGE, bytes_max=_PAGE_BYTES)):
        yield rows
        start = rows[-1][0] + b"\x00"
        await asyncio.sleep(0)  # over a server's store, requests come between


async def rows_of(engine: Engine, span: tuple[bytes, bytes]) -> AsyncIterator[Row]:
    """The rows between two keys."""
    async for page in pages(engine, span):
        for row in page:
            yield row


async def first_key(engine: Engine, span: tuple[bytes, bytes]) -> bytes | None:
    """The first key between two, or None."""
    rows = await engine.scan(Span(*span, limit=1))
    return rows[0][0] if rows else None


def prefixed(prefix: bytes) -> tuple[bytes, bytes]:
    """Start and stop of everything whose key begins with a prefix."""
    return prefix, after_prefix(prefix)


def readable(
    section: Section, name: str, stored: bytes, decode: Callable[[bytes], Value]
) -> Value | None:
    """What stored bytes decode to; a fault and None where they do not."""
    try:
        return decode(stored)
    except Exception as error:  # noqa: BLE001 - damaged bytes make a decoder raise anything
        reason = str(error) or type(error).__name__
        section.fault(f"{name} cannot be read: {reason}")
        return None
