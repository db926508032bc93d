"""Requests and responses of HTTP as values, and a response as bytes.

What handlers take and give. Promises that no header of a response can smuggle in a second one, and
that a compressed body never grows past its limit. Knows nothing of sockets, nor of what the bodies
mean.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

CLOSE: Final = "connection: close\r\n"
KEEP: Final = "connection: keep-alive\r\n"
UNSAID: Final = ""  # HTTP/1.1 keeps a connection unless told otherwise

_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
_NO_CONTENT: Final = 204  # the plain number: comparing with an enumeration's member takes longer
_GZIP_WINDOW: Final = 31  # zlib's way to say: a gzip header and trailer, the largest window


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a client's requests come from: its address, and whether it speaks TLS."""

    address: str = ""
    is_secure: bool = False


_NOWHERE: Final = Origin()


@dataclass(slots=True)
class Request:
    """One whole request. Not frozen only because that makes each one three times as dear.

    path: as sent, still percent-encoded; query: as sent, without the question mark.
    headers: names in lower case; a repeated header's values are joined with commas.
    body: decoded. encoded_body: the bytes sent, where they were compressed.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    encoded_body: bytes | None = None
    origin: Origin = _NOWHERE

    @property
    def signed_body(self) -> bytes:
        """The bytes a signature covers: what was sent, before any decoding."""
        return self.body if self.encoded_body is None else self.encoded_body


@dataclass(slots=True)
class Response:
    """One whole answer; the edge adds `content-length` and `connection`."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BadEncoding(Exception):
    """A compressed body cannot be had: status and text are what to answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def plain(status: int, text: str) -> Response:
    """An answer of the edge itself, given where no handler was asked."""
    return Response(status, [("content-type", "text/plain")], text.encode())


def response_head(response: Response, connection: str) -> bytes:
    """The bytes that go before a response's body.

    connection: `CLOSE`, `KEEP` or `UNSAID`.
    Raises ValueError if a header holds a line break or a character no header can carry.
    """
    headers = response.headers
    status = response.status
    parts = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"]
    for name, value in headers:
        parts += (name, ": ", value, "\r\n")
    head = "".join(parts)
    line_count = len(headers) + 1
    if head.count("\n") != line_count or head.count("\r") != line_count:
        raise ValueError("line break in a response header")
    if status != _NO_CONTENT:
        head = f"{head}content-length: {len(response.body)}\r\n"
    return f"{head}{connection}\r\n".encode("latin-1")


def decoded_body(body: bytes, encoding: str, size_max: int) -> bytes:
    """A request's body without its Content-Encoding; of those only gzip is known.

    Raises BadEncoding for another encoding, damaged data, or more than size_max bytes.
    """
    name = encoding.strip().lower()
    if name == "identity":
        return body
    if name not in ("gzip", "x-gzip"):
        raise BadEncoding(415, "Content-Encoding not supported")
    try:
        return _gunzip(body, size_max)
    except zlib.error as error:
        raise BadEncoding(400, "Request body is not valid gzip") from error


def _gunzip(data: bytes, size_max: int) -> bytes:
    """All members of a gzip file; RFC 1952 allows several one after the other."""
    pieces: list[bytes] = []
    left = size_max
    while data:
        member = zlib.decompressobj(_GZIP_WINDOW)
        # One byte more than allowed: a zero would mean no limit, and one too many is the proof.
        piece = member.decompress(data, left + 1)
        left -= len(piece)
        if left < 0:
            raise BadEncoding(413, "Request body is too large")
        if not member.eof:
            raise BadEncoding(400, "Request body is not valid gzip")
        pieces.append(piece)
        data = member.unused_data
    return b"".join(pieces)
