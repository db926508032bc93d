"""The log of one worker: what its process prints, and what Lambda says of it in between.

Every line goes to the function's journal, and to the tail of the invocation under way.
"""

from __future__ import annotations

from headwater.clock import Clock
from headwater.functions.journal import Journal
from headwater.functions.log import LineSplitter, LogLine, Tail
from headwater.functions.log_format import LogFormat
from headwater.functions.outcome import Status, Usage


class Transcript:
    """See the module. stream: the worker's, as CloudWatch would name it."""

    def __init__(self, form: LogFormat, journal: Journal, clock: Clock, stream: str) -> None:
        self.stream = stream
        self._form = form
        self._journal = journal
        self._clock = clock
        self._splitter = LineSplitter()
        self._tail = Tail()

    def printed(self, chunk: bytes) -> None:
        """Take what the process has printed."""
        self._take_printed(self._splitter.feed(chunk))

    def init_started(self) -> None:
        self._take(self._form.init_started(self._clock.now()))

    def init_ended(self, status: Status, seconds: float) -> None:
        self._take_printed(self._splitter.flush())
        self._take(self._form.init_ended(self._clock.now(), status, seconds))

    def started(self, request_id: str) -> None:
        self._take(self._form.started(self._clock.now(), request_id))

    def timed_out(self, request_id: str, timeout_seconds: int) -> None:
        self._take(self._form.timed_out(self._clock.now(), request_id, timeout_seconds))

    def exited(self, request_id: str, reason: str) -> None:
        self._take(self._form.exited(request_id, reason))

    def ended(self, request_id: str, status: Status, usage: Usage) -> bytes:
        """Close an invocation's log; returns its tail."""
        self._take_printed(self._splitter.flush())
        self._take(self._form.ended(self._clock.now(), request_id, status, usage))
        tail, self._tail = self._tail, Tail()
        return tail.read()

    def _take_printed(self, lines: list[bytes]) -> None:
        self._take([line for line in lines if self._form.keeps(line)])

    def _take(self, lines: list[bytes]) -> None:
        now = self._clock.now()
        for line in lines:
            self._tail.append(line)
            self._journal.append(LogLine(now, self.stream, line))
