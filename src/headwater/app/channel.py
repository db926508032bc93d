"""Messages between a supervisor and its processes: objects as lines of JSON over a socket."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any, Self

import orjson

_LINE_BYTES_MAX = 4 * 1024 * 1024


class Channel:
    """One end; made by `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Take over a connected socket."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LINE_BYTES_MAX))

    def send(self, message: Any) -> None:
        """Send an object; a dataclass is one. To an end that is gone it is lost."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(message) + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next object, or None once the other end is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = orjson.loads(line)
        return message

    async def close(self) -> None:
        """Close the end once everything is sent."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
