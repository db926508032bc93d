"""A small client of the JSON protocols, for commands that need many requests at once or ours.

It signs with credentials that any server without configured ones accepts, and keeps a fixed number
of connections. Programs should use an AWS SDK; this is for the demo and for tests under load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

_TARGETS: Final = {
    "dynamodb": "DynamoDB_20120810",
    "dynamodbstreams": "DynamoDBStreams_20120810",
    "sqs": "AmazonSQS",
    "headwater": "Headwater_20261123",
}
_OK: Final = 200


class ServerSaidNo(Exception):
    """The server answered with an error: its code, and its message as the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ServerGone(Exception):
    """No server answers at the endpoint, or it went away in the middle of an answer."""


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Client:
    """Requests to one endpoint over a pool of connections. Made by `connected`."""

    def __init__(self, endpoint: str, region: str) -> None:
        parts = urlsplit(endpoint)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        scope = f"headwater/20000101/{region}/dynamodb/aws4_request"
        self._head = (
            f"Host: {parts.netloc}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
            f"Signature={'0' * 64}\r\n"
        )
        self._idle: asyncio.Queue[_Connection | None] = asyncio.Queue()

    async def call(self, service: str, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make one request and return its answer.

        Raises ServerSaidNo for an error's answer, ServerGone where there is none.
        """
        connection = await self._idle.get()
        reusable = None
        try:
            if connection is None:
                connection = _Connection(*await asyncio.open_connection(self._host, self._port))
            status, answer = await self._exchange(connection, service, operation, body)
            reusable = connection
        except (OSError, EOFError) as error:
            raise ServerGone(f"no answer from {self._host}:{self._port}: {error}") from error
        finally:
            # A connection that an error or a cancellation left in mid-answer is not used again.
            if reusable is None and connection is not None:
                connection.writer.close()
            self._idle.put_nowait(reusable)
        if status != _OK:
            code = str(answer.get("__type", status)).rpartition("#")[2]
            raise ServerSaidNo(code, str(answer.get("message") or answer.get("Message") or ""))
        return answer

    async def _exchange(
        self, connection: _Connection, service: str, operation: str, body: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        payload = orjson.dumps(body)
        head = (
            f"POST / HTTP/1.1\r\n{self._head}X-Amz-Target: {_TARGETS[service]}.{operation}\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        connection.writer.write(head.encode() + payload)
        status, length = _status_and_length(await connection.reader.readuntil(b"\r\n\r\n"))
        return status, orjson.loads(await connection.reader.readexactly(length) or b"{}")

    def _open(self, connections: int) -> None:
        for _ in range(connections):
            self._idle.put_nowait(None)

    async def _close(self) -> None:
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            if connection is not None:
                connection.writer.close()


def _status_and_length(head: bytes) -> tuple[int, int]:
    """What an answer's head says of its status and of its body's length."""
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return status, int(value)
    return status, 0


@asynccontextmanager
async def connected(
    endpoint: str, connections: int = 1, region: str = "us-east-1"
) -> AsyncIterator[Client]:
    """A client with so many connections, opened as they are needed and closed at the end."""
    client = Client(endpoint, region)
    client._open(connections)
    try:
        yield client
    finally:
        await client._close()
