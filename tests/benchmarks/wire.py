"""Requests that are ready as bytes, over several connections at once, and their answers.

For filling tables and reading them through, where a client library would take longer than the
server.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from tests.benchmarks.servers import Server

TIMEOUT_SECONDS = 120.0
RECEIVE_BYTES = 1 << 20


class Refused(Exception):
    """The server did not answer with a 200; the text is its answer."""


class Wire:
    """One keep-alive connection."""

    def __init__(self, host: str) -> None:
        name, _, port = host.rpartition(":")
        self.socket = socket.create_connection((name, int(port)), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> bytes:
        """The body of the next answer.

        Raises Refused if it is not a success.
        """
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head, body = received[:end].lower(), bytearray(received[end + 4 :])
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more()
        if not head.startswith(b"http/1.1 200"):
            raise Refused(bytes(body[:500]).decode(errors="replace"))
        return bytes(body)

    def ask(self, request: bytes) -> bytes:
        self.send(request)
        return self.receive()

    def _more(self) -> bytes:
        received = self.socket.recv(RECEIVE_BYTES)
        if not received:
            raise Refused("the connection was closed")
        return received


@contextmanager
def wires(server: Server, count: int) -> Iterator[list[Wire]]:
    opened = [Wire(server.host) for _ in range(count)]
    try:
        yield opened
    finally:
        for wire in opened:
            wire.socket.close()


def send_all(server: Server, requests: Iterable[bytes], connections: int = 8) -> None:
    """Send every request, as many at a time as there are connections, and insist on success."""
    left = iter(requests)
    with wires(server, connections) as opened:
        while group := list(islice(left, connections)):
            for wire, request in zip(opened, group, strict=False):
                wire.send(request)
            for wire, _ in zip(opened, group, strict=False):
                wire.receive()
