"""Requests as bytes over several connections that are kept, and their answers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tests.fuzz.valid_requests import Asked

# Reached only by a server that hangs.
ANSWER_SECONDS_MAX: Final = 120.0
_RECEIVE_BYTES: Final = 1 << 18


class NoAnswer(Exception):
    """A request was not answered in time, or the connection ended before the answer did."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it is sent. asked: what it was made of, or is to be taken for."""

    asked: Asked
    method: str
    path: str
    data: bytes

    def encoded(self) -> bytes:
        is_rest = " " in self.asked.to
        service = "lambda" if is_rest else "dynamodb"
        headers = {
            "Host": "fuzzed",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/"
            "aws4_request, SignedHeaders=host, Signature=0",
            **({} if is_rest else {"X-Amz-Target": self.asked.to}),
            "Content-Type": "application/x-amz-json-1.0",
            **self.asked.headers,
            "Content-Length": str(len(self.data)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.data


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. head: its status line and headers."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: bytes) -> bytes | None:
        """A header's value; its name is given in lower case."""
        for line in self.head.split(b"\r\n")[1:]:
            known, _, value = line.partition(b": ")
            if known.lower() == name:
                return value
        return None


class Connections:
    """Sends requests, as many at a time as there are connections."""

    def __init__(self, endpoint: str, count: int) -> None:
        self._address = (urlsplit(endpoint).hostname, urlsplit(endpoint).port)
        self._opened: list[socket.socket | None] = [None] * count

    def ask(self, messages: Sequence[Message]) -> list[Answer]:
        """The answers to messages, in their order. Raises NoAnswer, with the message, for none."""
        answers: list[Answer] = []
        count = len(self._opened)
        for start in range(0, len(messages), count):
            group = messages[start : start + count]
            for number, message in enumerate(group):
                self._send(number, message)
            answers += [self._receive(number, message) for number, message in enumerate(group)]
        return answers

    def close(self) -> None:
        for number in range(len(self._opened)):
            self._close(number)

    def _send(self, number: int, message: Message) -> None:
        opened = self._opened[number]
        if opened is None:
            opened = socket.create_connection(self._address, ANSWER_SECONDS_MAX)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._opened[number] = opened
        # A server may answer, and close, before it has read all of what it refuses.
        with suppress(ConnectionError):
            opened.sendall(message.encoded())

    def _receive(self, number: int, message: Message) -> Answer:
        opened = self._opened[number]
        assert opened is not None
        try:
            received = bytearray()
            while (end := received.find(b"\r\n\r\n")) < 0:
                received += _more(opened)
            head = Answer(bytes(received[:end]), b"")
            length = int(head.header(b"content-length") or 0)
            while len(received) < end + 4 + length:
                received += _more(opened)
        except (OSError, EOFError) as error:
            raise NoAnswer(shown([message])) from error
        if head.header(b"connection") == b"close":
            self._close(number)
        return Answer(head.head, bytes(received[end + 4 :]))

    def _close(self, number: int) -> None:
        opened = self._opened[number]
        if opened is not None:
            opened.close()
            self._opened[number] = None


def shown(messages: Sequence[Message]) -> str:
    """Messages for who looks for a fault; long ones shortened."""
    lines = (
        f"{each.asked.to[:200]} {each.asked.headers} {each.data[:2000]!r}" for each in messages
    )
    return "\n".join(lines)


def _more(opened: socket.socket) -> bytes:
    received = opened.recv(_RECEIVE_BYTES)
    if not received:
        raise EOFError
    return received
