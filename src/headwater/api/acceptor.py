"""Connections shared out among the processes that listen on one socket.

Left to the kernel, whichever process is quickest takes all connections that come together, and
with a few that stay for long the others would have nothing to do (`SO_REUSEPORT` throws dice, and
on macOS does not share out at all). So every process shows how many it has, takes one at a time,
and leaves the next to the others for a moment while one of them has fewer.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Protocol

from headwater.api.connection import Connection, Edge

_LEFT_SECONDS: Final = 0.002  # a process that has fewer takes it by then, unless it stands still


class Spread(Protocol):
    """How many connections the processes have."""

    def show(self, own: int | None) -> None:
        """Show this process's number; None once it takes no more."""

    def fewest(self) -> int | None:
        """The number of the other process that has fewest; None if no other takes any."""


@dataclass(frozen=True, slots=True)
class TlsAccepting:
    """What a connection is accepted with where TLS is spoken."""

    context: ssl.SSLContext
    handshake_seconds: float
    shutdown_seconds: float


class Acceptor:
    """Accepts on a socket that other processes accept on, too; in place of asyncio's server."""

    def __init__(
        self, edge: Edge, bound: socket.socket, spread: Spread, tls: TlsAccepting | None
    ) -> None:
        self.sockets = (bound,)
        self._edge = edge
        self._bound = bound
        self._spread = spread
        self._tls = tls
        self._is_open = True
        self._waiting: asyncio.TimerHandle | None = None
        self._joining: set[asyncio.Task[object]] = set()
        bound.settimeout(0)
        edge.show = spread.show
        spread.show(0)
        edge.loop.add_reader(bound.fileno(), self._offered)

    def close(self) -> None:
        """Take no more; the others go on."""
        if self._is_open:
            self._is_open = False
            self._edge.show = None
            self._spread.show(None)
            if self._waiting is not None:
                self._waiting.cancel()
            self._edge.loop.remove_reader(self._bound.fileno())
            self._bound.close()

    async def wait_closed(self) -> None:
        """Return when those that were accepted are connections, or gone."""
        if self._joining:
            await asyncio.wait(self._joining)

    def _offered(self) -> None:
        """A connection can be taken: take it, or leave it to the others for a moment."""
        fewest = self._spread.fewest()
        if fewest is None or len(self._edge.connections) + len(self._joining) <= fewest:
            self._accept()
            return
        loop = self._edge.loop
        loop.remove_reader(self._bound.fileno())
        self._waiting = loop.call_later(_LEFT_SECONDS, self._left)

    def _left(self) -> None:
        self._waiting = None
        self._accept()
        self._edge.loop.add_reader(self._bound.fileno(), self._offered)

    def _accept(self) -> None:
        try:
            accepted, _ = self._bound.accept()
        except OSError:  # another was quicker, the client has gone, or there are too many files
            return
        self._spread.show(len(self._edge.connections) + len(self._joining) + 1)
        task = self._edge.loop.create_task(self._join(accepted))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, accepted: socket.socket) -> None:
        tls = self._tls
        try:
            if tls is None:
                await self._edge.loop.connect_accepted_socket(self._connection, accepted)
            else:
                await self._edge.loop.connect_accepted_socket(
                    self._connection,
                    accepted,
                    ssl=tls.context,
                    ssl_handshake_timeout=tls.handshake_seconds,
                    ssl_shutdown_timeout=tls.shutdown_seconds,
                )
        except OSError:  # what it was to say first it did not say
            accepted.close()

    def _connection(self) -> Connection:
        return Connection(self._edge)
