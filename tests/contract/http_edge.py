"""A listener on loopback and a client of bare bytes, for the tests of the HTTP edge."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import uvloop

from headwater.api.http import (
    Handler,
    HttpSettings,
    Listener,
    Request,
    Response,
    bound_socket,
    listen,
)
from headwater.clock import ManualClock

_PATIENCE_SECONDS = 120


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on the loop the server uses; fail it rather than wait for ever."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(asyncio.wait_for(test(*args, **kwargs), _PATIENCE_SECONDS))

    return run


class Answer(NamedTuple):
    """What a client got for a request."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, on which a test may send any bytes at all."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The next status and headers."""
        block = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = block.decode("latin-1").split("\r\n")[:-2]
        return int(first.split()[1]), dict(line.split(": ", 1) for line in lines)

    async def answer(self) -> Answer:
        """The next answer, with its body."""
        status, headers = await self.head()
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    async def ask(self, data: bytes) -> Answer:
        self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


class Gates:
    """A handler that says what it was asked; below /wait/ not before the test opens its gate."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def gate(self, path: str) -> asyncio.Event:
        return self._gates.setdefault(path, asyncio.Event())

    async def __call__(self, request: Request) -> Response:
        self.begun.append(request.path)
        if request.path.startswith("/wait/"):
            await self.gate(request.path).wait()
        self.ended.append(request.path)
        text = f"{request.method} {request.path} {request.query} "
        return Response(200, [("x-got", "yes")], text.encode() + request.body)


class Edge(NamedTuple):
    """A listener, the clock its time-outs obey, and a way to connect to it."""

    listener: Listener
    clock: ManualClock
    connect: Callable[[], Coroutine[Any, Any, Client]]


@asynccontextmanager
async def edge(
    handler: Handler,
    settings: HttpSettings | None = None,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Edge]:
    """A listener on a free port of loopback; closed at the end, with its clients."""
    clock = ManualClock()
    clients: list[Client] = []
    bound = bound_socket("127.0.0.1", 0)
    listener = await listen(handler, bound, settings or HttpSettings(), clock, server_tls)

    async def connect() -> Client:
        streams = await asyncio.open_connection("127.0.0.1", listener.port, ssl=client_tls)
        clients.append(Client(*streams))
        return clients[-1]

    try:
        yield Edge(listener, clock, connect)
    finally:
        for client in clients:
            client.writer.transport.abort()
        closing = asyncio.ensure_future(listener.close(0))
        await asyncio.sleep(0)
        clock.advance(1)
        await closing


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something holds."""
    while not condition():  # noqa: ASYNC110 - there is no event where sockets are concerned
        await asyncio.sleep(0)


def get(path: str = "/", *lines: str) -> bytes:
    """A GET request of HTTP/1.1 with further header lines."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: h", *lines, "", ""]).encode("latin-1")


def post(body: bytes, *lines: str, path: str = "/") -> bytes:
    """A POST request with its content-length and further header lines."""
    length = f"content-length: {len(body)}"
    head = "\r\n".join([f"POST {path} HTTP/1.1", "host: h", length, *lines, "", ""])
    return head.encode("latin-1") + body
