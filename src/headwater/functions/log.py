"""What functions print, kept within bounds.

`LineSplitter` cuts a worker's output into lines, `Tail` keeps the end of one invocation's log. What
is kept on disk is journal.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater import limits


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its end; `at` is when it was read, in seconds since the epoch.

    stream: the worker's, as CloudWatch would name it.
    """

    at: float
    stream: str
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
