"""What functions print, kept within bounds.

`LineSplitter` cuts a worker's output into lines, `Tail` keeps the end of one invocation's log and
`FunctionLog` the latest lines of a function. Oldest lines go first; nothing is written to disk.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from headwater import limits


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its end; `at` is when it was read, in seconds since the epoch."""

    at: float
    text: bytes


class LineSplitter:
    """Chunks in, whole lines out. A line over the limit is cut as if it ended there."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > limits.function_log_line_bytes_max:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def flush(self) -> list[bytes]:
        """The line that has no end yet, if any."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Tail:
    """The last bytes of one invocation's log."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def append(self, line: bytes) -> None:
        # awslambdaric ends the inner lines of a stack trace by CR, so that they stay one log line.
        self._bytes += line.replace(b"\r", b"\n") + b"\n"
        if len(self._bytes) > 4 * limits.function_log_tail_bytes:
            del self._bytes[: -limits.function_log_tail_bytes]

    def read(self) -> bytes:
        return bytes(self._bytes[-limits.function_log_tail_bytes :])


class FunctionLog:
    """The latest lines of all workers of one function, in the order they were read."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque()
        self._size = 0

    def append(self, line: LogLine) -> None:
        self._lines.append(line)
        self._size += len(line.text)
        while self._size > limits.function_log_bytes_max and len(self._lines) > 1:
            self._size -= len(self._lines.popleft().text)

    def lines(self) -> list[LogLine]:
        return list(self._lines)
