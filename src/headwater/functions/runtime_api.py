"""The Lambda Runtime API, as runtime interface clients speak it to the server that feeds them.

HTTP/1.1 on loopback, paths of version 2018-06-01. A client is given `host:port` and nothing else,
so each worker has a listening socket of its own: the port is what tells workers apart. Any number
of connections may come (awslambdaric uses one for events and another for a failed start).

    GET  /2018-06-01/runtime/invocation/next            waits until there is an event
    POST /2018-06-01/runtime/invocation/<id>/response   202, or 400 for an id not being worked on
    POST /2018-06-01/runtime/invocation/<id>/error      the same
    POST /2018-06-01/runtime/init/error                 202

Knows no processes, time or policy: the `Runtime` it serves decides.
Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

import httptools

from headwater import limits

_ROOT: Final = b"/2018-06-01/runtime/"
_JSON: Final = b"application/json"
_ACCEPTED: Final = (b"202 Accepted", b'{"status":"OK"}\n')
_UNKNOWN_ID: Final = (
    b"400 Bad Request",
    b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n',
)
_TOO_LARGE: Final = (
    b"413 Request Entity Too Large",
    b'{"errorMessage":"Exceeded maximum allowed payload size (%d bytes).",'
    b'"errorType":"RequestEntityTooLarge"}\n' % limits.function_result_bytes_max,
)
_FORBIDDEN: Final = (
    b"403 Forbidden",
    b'{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}\n',
)
_NOT_FOUND: Final = (
    b"404 Not Found",
    b'{"errorMessage":"No such path","errorType":"NotFound"}\n',
)


@dataclass(frozen=True, slots=True)
class Event:
    """One invocation as a runtime receives it."""

    request_id: str
    deadline_ms: int
    function_arn: str
    payload: bytes
    trace_id: str
    client_context: bytes | None = None


class EventTaker(Protocol):
    """A runtime's pending call of `next`."""

    def send(self, event: Event) -> None:
        """Answer the call; at most once."""


class Runtime(Protocol):
    """The server's side of one worker. Called from the event loop; must not block."""

    def next_asked(self, taker: EventTaker) -> bool:
        """The worker is ready for an event. False if it has not ended the one before."""

    def next_abandoned(self, taker: EventTaker) -> None:
        """A connection that asked for an event has closed, answered or not."""

    def is_running(self, request_id: str) -> bool:
        """Whether this request is being worked on: only then is how it ended reported."""

    def response_posted(self, body: bytes) -> None:
        """The function returned."""

    def response_refused(self) -> None:
        """The function returned more than is allowed."""

    def error_posted(self, body: bytes) -> None:
        """The function failed; its account is the body."""

    def start_failed(self, body: bytes) -> bool:
        """The runtime could not load the function. False if it had started already."""


class Listener:
    """A worker's own address; `host_and_port` is the value of AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, server: asyncio.Server, connections: set[_Connection]) -> None:
        self._server = server
        self._connections = connections
        host, port = server.sockets[0].getsockname()[:2]
        self.host_and_port = f"{host}:{port}"

    def close(self) -> None:
        """Stop listening and drop the connections; a worker that still waits sees its end."""
        self._server.close()
        for connection in tuple(self._connections):
            connection.drop()


async def listen(runtime: Runtime) -> Listener:
    """Open a port of loopback for one worker."""
    connections: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(runtime, connections), "127.0.0.1", 0, backlog=8
    )
    return Listener(server, connections)


class _Connection(asyncio.Protocol):
    """One connection. Requests are answered in order; clients do not pipeline here."""

    def __init__(self, runtime: Runtime, connections: set[_Connection]) -> None:
        self._runtime = runtime
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body = bytearray()
        self._is_too_large = False

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        self._runtime.next_abandoned(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            # Function code can reach this port too; what is not HTTP is not worth an answer.
            self.drop()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._path = b""
        self._body = bytearray()
        self._is_too_large = False

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # curl holds back a large body until told to go on, for a whole second.
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        if self._is_too_large:
            return
        self._body += data
        if len(self._body) > limits.function_result_bytes_max:
            self._is_too_large = True
            self._body.clear()

    def on_message_complete(self) -> None:
        answer = self._answer()
        if answer is not None:
            self._reply(*answer)

    # what is asked

    def _answer(self) -> tuple[bytes, bytes] | None:
        """The answer's status and body, or None if it comes later or has been given."""
        method = self._parser.get_method()
        if not self._path.startswith(_ROOT):
            return _NOT_FOUND
        match method, self._path[len(_ROOT) :].split(b"/"):
            case b"GET", [b"invocation", b"next"]:
                return None if self._runtime.next_asked(self) else _FORBIDDEN
            case b"POST", [b"invocation", request_id, b"response"]:
                return self._ended(request_id, self._runtime.response_posted)
            case b"POST", [b"invocation", request_id, b"error"]:
                return self._ended(request_id, self._runtime.error_posted)
            case b"POST", [b"init", b"error"]:
                return _ACCEPTED if self._runtime.start_failed(bytes(self._body)) else _FORBIDDEN
        return _NOT_FOUND

    def _ended(
        self, request_id: bytes, report: Callable[[bytes], None]
    ) -> tuple[bytes, bytes] | None:
        """Report how a request ended, once its runtime is answered: it goes on meanwhile."""
        if not self._runtime.is_running(request_id.decode("latin-1")):
            return _UNKNOWN_ID
        if self._is_too_large:
            self._reply(*_TOO_LARGE)
            self._runtime.response_refused()
        else:
            self._reply(*_ACCEPTED)
            report(bytes(self._body))
        return None

    # what is answered

    def send(self, event: Event) -> None:
        context = event.client_context
        self._write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Lambda-Runtime-Aws-Request-Id: %b\r\n"
            b"Lambda-Runtime-Deadline-Ms: %d\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: %b\r\n"
            b"Lambda-Runtime-Trace-Id: %b\r\n"
            b"%bContent-Length: %d\r\n\r\n%b"
            % (
                event.request_id.encode(),
                event.deadline_ms,
                event.function_arn.encode(),
                event.trace_id.encode(),
                b"" if context is None else b"Lambda-Runtime-Client-Context: %b\r\n" % context,
                len(event.payload),
                event.payload,
            )
        )

    def _reply(self, status: bytes, body: bytes) -> None:
        self._write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (status, _JSON, len(body), body)
        )

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
