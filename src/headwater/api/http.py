"""The HTTP/1.1 edge: listening, closing gracefully, TLS.

Promises that `close` lets requests in flight finish and then returns in bounded time. What happens
on one connection is in `connection.py`; requests and responses as values are in `message.py`.

Runs on any asyncio loop; the server uses uvloop's, which is what its speed rests on.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from headwater.api.acceptor import Acceptor, Spread, TlsAccepting
from headwater.api.connection import Connection, Edge
from headwater.api.message import Handler, Request, Response
from headwater.api.reception import HttpSettings
from headwater.clock import Clock

__all__ = [
    "Edge",
    "Handler",
    "HttpSettings",
    "Listener",
    "Request",
    "Response",
    "Spread",
    "TlsFilesError",
    "bound_socket",
    "listen",
    "listen_with_others",
    "tls_context",
]

_BACKLOG = 1024


class TlsFilesError(Exception):
    """A certificate or its key cannot be used; the text says which and why."""


class Listener:
    """An open port and the connections that came through it. Made by `listen`.

    port: the one in use, also where 0 asked for any free one.
    """

    def __init__(self, edge: Edge, server: asyncio.Server | Acceptor, clock: Clock) -> None:
        self.sockets: tuple[socket.socket, ...] = tuple(server.sockets)
        self.port: int = self.sockets[0].getsockname()[1]
        self._edge = edge
        self._server = server
        self._clock = clock
        self._stop_sweeping = self._sweep_later()

    async def close(self, grace_seconds: float) -> None:
        """Stop accepting, finish the requests in flight, then close whatever is left by force."""
        self._server.close()
        for connection in tuple(self._edge.connections):
            connection.drain()
        give_up = self._clock.call_at(self._clock.now() + grace_seconds, self._force)
        await self._finished()
        give_up()
        self._stop_sweeping()
        await self._server.wait_closed()

    def _force(self) -> None:
        for connection in tuple(self._edge.connections):
            connection.abort()
        for exchange in tuple(self._edge.running):
            exchange.cancel()

    async def _finished(self) -> None:
        """Return when every connection is gone and every handler has ended."""
        edge = self._edge
        while edge.connections or edge.running:
            edge.ended.clear()
            await edge.ended.wait()

    def _sweep_later(self) -> Callable[[], None]:
        return self._clock.call_at(
            self._clock.now() + self._edge.settings.sweep_seconds, self._sweep
        )

    def _sweep(self) -> None:
        now = self._clock.now()
        for connection in tuple(self._edge.connections):
            connection.sweep(now)
        self._stop_sweeping = self._sweep_later()


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address, on which nothing is accepted yet; its port is decided.

    port: 0 takes any free one. Raises OSError if the address cannot be had.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        # A server that starts again must not wait for the connections of the last one to fade.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


async def listen(
    handler: Handler,
    bound: socket.socket,
    settings: HttpSettings,
    clock: Clock,
    ssl_context: ssl.SSLContext | None = None,
) -> Listener:
    """Accept connections and pass their requests to the handler until the listener is closed.

    clock: the machine's; a clock that is advanced by hand also advances what clients are allowed
    to take. Raises OSError if the socket cannot listen.
    """
    loop = asyncio.get_running_loop()
    edge = Edge(handler, settings, loop)
    # A client that stalls in its TLS handshake has no connection yet, one that does not answer the
    # farewell has none any more; the loop times both.
    is_tls = ssl_context is not None
    server = await loop.create_server(
        lambda: Connection(edge),
        sock=bound,
        ssl=ssl_context,
        ssl_handshake_timeout=settings.request_seconds if is_tls else None,
        ssl_shutdown_timeout=settings.farewell_seconds if is_tls else None,
        backlog=_BACKLOG,
    )
    return Listener(edge, server, clock)


def listen_with_others(
    edge: Edge,
    bound: socket.socket,
    spread: Spread,
    clock: Clock,
    ssl_context: ssl.SSLContext | None = None,
) -> Listener:
    """As `listen`, on a socket that listens already and on which other processes accept, too."""
    settings, tls = edge.settings, None
    if ssl_context is not None:
        tls = TlsAccepting(ssl_context, settings.request_seconds, settings.farewell_seconds)
    return Listener(edge, Acceptor(edge, bound, spread, tls), clock)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What to serve TLS 1.2 and later with, from PEM files. Raises TlsFilesError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise TlsFilesError(
            f"Cannot use TLS certificate {certificate} with key {key}: {error}"
        ) from error
    return context
