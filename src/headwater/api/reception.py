"""Bytes of one client to whole requests.

Promises that what is not yet a whole request takes a bounded amount of memory, whatever a client
sends, and that a message which breaks a rule of HTTP or a limit is refused with the status RFC 9110
gives it. Framing is httptools' (llhttp, strict). Knows nothing of sockets, handlers or answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import httptools

from headwater.api.message import BadEncoding, Request, decoded_body, plain
from headwater.limits import KB, MB, request_body_bytes_max

_NAMES_MAX: Final = 1024

_names: dict[bytes, str] = {}  # header names as clients spell them to how we do; bounded


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The limits of a connection.

    body_bytes_max: of the body as sent and as decompressed. The allowance above AWS's own limit
    lets the operation refuse a body that is slightly too large in AWS's words.
    header_bytes_max: of all names and values together, and of the request's line.
    request_seconds: for a client to send a request, or to read an answer; a longer body or answer
    is granted the time again for each further 64 KB that moves.
    farewell_seconds: for a TLS client to say goodbye as well when its connection is closed.
    """

    body_bytes_max: int = request_body_bytes_max + MB
    header_bytes_max: int = 64 * KB
    header_count_max: int = 100
    pipelined_max: int = 32
    write_high_bytes: int = 256 * KB
    write_low_bytes: int = 64 * KB
    idle_seconds: float = 60.0
    request_seconds: float = 30.0
    linger_seconds: float = 5.0
    farewell_seconds: float = 1.0
    sweep_seconds: float = 1.0


class Refused(Exception):
    """The client's bytes cannot be taken any further; carries what to answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = plain(status, text)


class Reception:
    """The state of one client's request stream.

    deliver: called with each whole request and whether the connection may be kept after it.
    is_open: False once no more is to be read; whatever comes then is dropped.
    is_receiving: part of a message is here.
    owes_continue: the client waits to be told before it sends the body.
    """

    __slots__ = (
        "_deliver",
        "_head_open",
        "_head_split",
        "_headers",
        "_odd_header_count",
        "_parser",
        "_pieces",
        "_settings",
        "_silent_bytes",
        "_url",
        "body_bytes",
        "is_open",
        "is_receiving",
        "owes_continue",
        "request_count",
    )

    def __init__(self, settings: HttpSettings, deliver: Callable[[Request, bool], None]) -> None:
        self._settings = settings
        self._deliver = deliver
        self._parser = httptools.HttpRequestParser(self)
        self.is_open = True
        self.request_count = 0
        self.body_bytes = 0
        self._odd_header_count = 0
        self._expect_message()

    def feed(self, data: bytes) -> None:
        """Take in the next bytes and deliver the requests they complete.

        Raises Refused when nothing more can be made of this client's bytes; feed no more then.
        """
        if self.is_receiving:
            self._feed_further(data)
        else:
            self._head_split = len(data) > self._settings.header_bytes_max
            self._parse(data)

    def stop(self) -> None:
        """Take no more, and forget what is not whole."""
        self.is_open = False
        self.is_receiving = False

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
                self._expect_message()
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, Refused):
                    raise error.__context__ from None
                if self.is_open:
                    raise Refused(400, "Malformed HTTP request") from error
                return  # what follows a last request is not looked at
            else:
                return

    def _feed_further(self, data: bytes) -> None:
        """Take in more of a message, and bound what it may take beside its body.

        Bytes that bring no body are parts of headers, chunk extensions or trailers. The parser
        keeps an unfinished one, so they must end even though no callback has seen them yet.
        """
        before = (self.request_count, self.body_bytes)
        self._head_split = True
        self._parse(data)
        if before != (self.request_count, self.body_bytes):
            self._silent_bytes = 0
            return
        self._silent_bytes += len(data)
        if self._silent_bytes > self._settings.header_bytes_max:
            _refuse(431, "Request headers are too large")

    def on_message_begin(self) -> None:
        self.is_receiving = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        try:
            key = _names[name]
        except KeyError:
            key = _header_name(name)
        headers = self._headers
        if key in headers or not self._head_open:
            self._on_odd_header(key, value)
        else:
            headers[key] = value.decode("latin-1").rstrip()

    def _on_odd_header(self, key: str, value: bytes) -> None:
        """One more of a name that was there before; or a trailer, which is counted, not used."""
        self._odd_header_count += 1
        if self._head_open:
            self._headers[key] = f"{self._headers[key]},{value.decode('latin-1').rstrip()}"
        elif self._odd_header_count > self._settings.header_count_max:
            _refuse(431, "Too many trailer fields")

    def on_headers_complete(self) -> None:
        settings = self._settings
        headers = self._headers
        self._head_open = False
        if len(headers) + self._odd_header_count > settings.header_count_max:
            _refuse(431, "Too many request headers")
        # A head that came in one read of less than the limit needs no adding up.
        if self._head_split and self._head_size() > settings.header_bytes_max:
            _refuse(431, "Request headers are too large")
        length = headers.get("content-length")
        if length is not None and int(length) > settings.body_bytes_max:
            _refuse(413, "Request body is too large")
        if "host" not in headers and self._parser.get_http_version() != "1.0":
            _refuse(400, "Host header is missing")
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                _refuse(417, "Expectation not supported")
            self.owes_continue = self._parser.get_http_version() == "1.1"

    def on_body(self, piece: bytes) -> None:
        self.body_bytes += len(piece)
        if self.body_bytes > self._settings.body_bytes_max:
            _refuse(413, "Request body is too large")
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # not complete at all: `_parse` reads it again
        request = self._request()
        keep_alive = self._parser.should_keep_alive()
        self.is_open = self.is_open and keep_alive
        self.request_count += 1
        self._expect_message()
        self._deliver(request, keep_alive)

    def _expect_message(self) -> None:
        self.is_receiving = False
        self._head_open = True
        self._head_split = False
        self.owes_continue = False
        self._url = b""
        self._headers: dict[str, str] = {}
        self._odd_header_count = 0
        self._pieces: list[bytes] = []
        self.body_bytes = 0
        self._silent_bytes = 0

    def _head_without_upgrade(self) -> bytes:
        """The head just read, as if the client had not offered to change to another protocol.

        We have none to change to, so the request stands and its body follows; the parser, though,
        stops reading HTTP at the end of such a head.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            _refuse(405, "CONNECT is not supported")
        lines = [f"{name}: {text}" for name, text in self._headers.items() if name != "upgrade"]
        fields = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return b"%s %s HTTP/1.1\r\n%s" % (method, self._url, fields)

    def _head_size(self) -> int:
        headers = self._headers
        return len(self._url) + sum(map(len, headers)) + sum(map(len, headers.values()))

    def _request(self) -> Request:
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        headers = self._headers
        path, query = ("/", "") if self._url == b"/" else _split_url(self._url)
        method = self._parser.get_method().decode("ascii")
        request = Request(method, path, query, headers, body)
        if "content-encoding" in headers and body:
            try:
                request.body = decoded_body(
                    body, headers["content-encoding"], self._settings.body_bytes_max
                )
            except BadEncoding as error:
                raise Refused(error.status, error.text) from error
            request.encoded_body = body
        return request


def _refuse(status: int, text: str) -> NoReturn:
    raise Refused(status, text)


def _header_name(name: bytes) -> str:
    text = name.decode("latin-1").lower()
    if len(_names) < _NAMES_MAX:
        _names[name] = text
    return text


def _split_url(url: bytes) -> tuple[str, str]:
    """Path and query of a request's target; one with scheme and host is as good as its path."""
    text = url.decode("latin-1")
    if "://" in text and not text.startswith("/"):
        text = "/" + text.split("://", 1)[1].partition("/")[2]
    path, _, query = text.partition("?")
    return path, query
