"""The logs of functions on disk: appended to, rotated, bounded, read from a position on.

    <folder>/<region>/<function>/<16 digits, epoch microseconds>-<token>.log
    line = microseconds SP stream SP text LF

Every process of a server writes files of its own, so nobody waits for another; a reader puts them
together by time. A full file is followed by a new one, and a function's oldest files are removed
when all of them are too large together. Lines are gathered for a moment before they are written: a
crash of the server can lose so much. A log that cannot be written is no reason to stop a function;
the server's own log says so once.
"""

from __future__ import annotations

import asyncio
import base64
import heapq
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
import structlog

from headwater import limits
from headwater.clock import Chance, Clock
from headwater.functions.log import LogLine

_log = structlog.get_logger(__name__)


class BadPosition(Exception):
    """A position that no page of a log ended with."""


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in the order of their time; position: where the next page begins."""

    lines: list[LogLine]
    position: str


class Journal:
    """The log of one function, as one process writes it."""

    def __init__(self, folder: Path, clock: Clock, chance: Chance) -> None:
        self._folder = folder
        self._clock = clock
        self._chance = chance
        self._waiting: list[bytes] = []
        self._file = -1
        self._size = 0
        self._has_failed = False
        self._is_closed = False
        self._cancel_flush: Callable[[], None] | None = None

    def append(self, line: LogLine) -> None:
        """Take a line; it is written within a moment, unless the log is closed."""
        if self._is_closed:
            return
        self._waiting.append(b"%d %b %b\n" % (int(line.at * 1e6), line.stream.encode(), line.text))
        if self._cancel_flush is None:
            loop = asyncio.get_running_loop()
            self._cancel_flush = loop.call_later(
                limits.function_log_flush_seconds, self.flush
            ).cancel

    def flush(self) -> None:
        """Write what waits."""
        if self._cancel_flush is not None:
            self._cancel_flush()
            self._cancel_flush = None
        waiting, self._waiting = b"".join(self._waiting), []
        if not waiting:
            return
        try:
            self._write(waiting)
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                _log.warning("function_log_lost", folder=str(self._folder), error=str(error))

    def close(self) -> None:
        """Write what waits, let go of the file and take no more."""
        self.flush()
        self._is_closed = True
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, content: bytes) -> None:
        if self._file >= 0 and self._size + len(content) > limits.function_log_file_bytes_max:
            os.close(self._file)
            self._file = -1
        if self._file < 0:
            self._open()
        os.write(self._file, content)
        self._size += len(content)
        self._has_failed = False

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        _remove_oldest(self._folder)
        name = f"{int(self._clock.now() * 1e6):016d}-{self._chance.token(4).hex()}.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._folder / name, flags, 0o600)
        self._size = 0


class Journals:
    """The logs of all functions, below one folder."""

    def __init__(self, folder: Path, clock: Clock, chance: Chance) -> None:
        self._root = folder
        self._clock = clock
        self._chance = chance
        self._open: dict[tuple[str, str], Journal] = {}

    def of(self, region: str, name: str) -> Journal:
        """A function's log, to be written."""
        journal = self._open.get((region, name))
        if journal is None:
            journal = Journal(self._folder(region, name), self._clock, self._chance)
            self._open[region, name] = journal
        return journal

    async def forget(self, region: str, name: str) -> None:
        """Remove a function's log."""
        journal = self._open.pop((region, name), None)
        if journal is not None:
            journal.close()
        folder = self._folder(region, name)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def close(self) -> None:
        for journal in self._open.values():
            journal.close()
        self._open.clear()

    async def page(
        self, region: str, name: str, position: str | None, since: float, limit: int
    ) -> Page:
        """Lines from a position on, or from the oldest; since: none that are older.

        Raises BadPosition.
        """
        journal = self._open.get((region, name))
        if journal is not None:
            journal.flush()
        offsets = _parsed(position)
        return await asyncio.to_thread(_page, self._folder(region, name), offsets, since, limit)

    def _folder(self, region: str, name: str) -> Path:
        # A region is whatever the signature says; a function's name has passed its pattern.
        return self._root / quote(region, safe="").replace(".", "%2E") / name


def _remove_oldest(folder: Path) -> None:
    """Make room for one more file."""
    files = sorted(folder.glob("*.log"))
    size = sum(path.stat().st_size for path in files) + limits.function_log_file_bytes_max
    while files and size > limits.function_log_bytes_max:
        oldest = files.pop(0)
        size -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)


def _parsed(position: str | None) -> dict[str, int]:
    if position is None:
        return {}
    try:
        offsets = orjson.loads(base64.urlsafe_b64decode(position))
    except ValueError as error:
        raise BadPosition from error
    if not isinstance(offsets, dict) or not all(
        isinstance(offset, int) and offset >= 0 for offset in offsets.values()
    ):
        raise BadPosition
    return offsets


def _page(folder: Path, offsets: Mapping[str, int], since: float, limit: int) -> Page:
    files = sorted(folder.glob("*.log")) if folder.is_dir() else []
    reached = {path.name: offsets.get(path.name, 0) for path in files}
    lines: list[LogLine] = []
    size = 0
    merged = heapq.merge(
        *(_lines(path, reached[path.name]) for path in files), key=lambda each: each[0].at
    )
    for line, name, end in merged:
        reached[name] = end
        if line.at < since:
            continue
        lines.append(line)
        size += len(line.text)
        if len(lines) == limit or size > limits.function_log_page_bytes_max:
            break
    return Page(lines, base64.urlsafe_b64encode(orjson.dumps(reached)).decode())


def _lines(path: Path, offset: int) -> Iterator[tuple[LogLine, str, int]]:
    """Whole lines of a file from an offset on, each with where the next one begins."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            at, _, rest = raw[:-1].partition(b" ")
            stream, _, text = rest.partition(b" ")
            yield LogLine(int(at) / 1e6, stream.decode(), text), path.name, offset
