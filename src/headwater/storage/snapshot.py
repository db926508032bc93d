"""A data directory read as it is at one moment: for checks of a stopped one, and for copies.

It sees what the latest commit before it left, and goes on seeing that while a server in another
process commits. It changes neither the store nor its write-ahead log. While it is open the log is
not used from its start again, so it grows; commits do not wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from headwater.storage.engine import CommitGroup, Span, Unavailable
from headwater.storage.sqlite import check_format

FILE: Final = "headwater.db"
_GET: Final = "SELECT value FROM entries WHERE key=?"
_SCAN: Final = "SELECT key,value FROM entries WHERE key>=? AND key<? ORDER BY key"
_FAULTS_MAX: Final = 100
_COPY_PAGES: Final = 256
_STEPS: Final = 200_000  # of SQLite's machine between two reports of progress

OnStep = Callable[[], None]


class Snapshot:
    """`Engine` for reading over `DIRECTORY/headwater.db`; every commit is refused."""

    def __init__(self, directory: Path, *, is_held: bool) -> None:
        """Raises Unavailable if there is no store, or one that this version cannot read.

        is_held: the caller holds the directory, so that nobody writes.
        """
        path = directory / FILE
        if not path.is_file():
            raise Unavailable(f"there is no store in {directory}: {FILE} is missing")
        try:
            self._connection = _connect(path, is_still=is_held and not _has_log(path))
        except apsw.Error as error:
            raise Unavailable(f"{path} cannot be read: {error}") from error

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        try:
            return [self._connection.execute(_GET, (key,)).get for key in keys]
        except apsw.Error as error:
            raise _unreadable(error) from error

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        size = 0
        try:
            order = " DESC" if span.reverse else ""
            rows = self._connection.execute(_SCAN + order, (span.start, span.stop))
            for key, value in rows:
                found.append((key, value))
                size += len(key) + len(value)
                if len(found) == span.limit or (span.bytes_max or size + 1) <= size:
                    break
        except apsw.Error as error:
            raise _unreadable(error) from error
        return found

    async def commit(self, group: CommitGroup) -> None:
        del group
        raise Unavailable("a snapshot is not written")

    def state(self) -> object:
        return None  # nothing is committed to what it sees

    async def close(self) -> None:
        self.close_now()

    def close_now(self) -> None:
        self._connection.close()

    def faults(self, on_step: OnStep) -> list[str]:
        """What SQLite's integrity check finds wrong with the file: the first of it."""

        def going_on() -> bool:
            on_step()
            return False

        self._connection.set_progress_handler(going_on, _STEPS)
        try:
            rows = self._connection.execute(f"PRAGMA integrity_check({_FAULTS_MAX})").fetchall()
        except apsw.Error as error:
            return [f"the file cannot be read to its end: {error}"]
        finally:
            self._connection.set_progress_handler(None)
        return [str(text) for (text,) in rows if text != "ok"]

    def copy_to(self, path: Path, on_step: OnStep) -> None:
        """Copy the store into a file that is not there, durably.

        Raises Unavailable if it cannot be read or written.
        """
        try:
            target = apsw.Connection(str(path))
            try:
                target.execute("PRAGMA synchronous=OFF")
                with target.backup("main", self._connection, "main") as copying:
                    while not copying.done:
                        copying.step(_COPY_PAGES)
                        on_step()
            finally:
                target.close()
            sync(path)
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"the store cannot be copied to {path}: {error}") from error


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _connect(path: Path, *, is_still: bool) -> apsw.Connection:
    """A connection that only reads, in one transaction, and leaves the log alone when it closes.

    is_still: the file is all there is and stays as it is, so that not even locks are wanted.
    """
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    manner = "?immutable=1" if is_still else ""
    connection = apsw.Connection(f"file:{quote(str(path))}{manner}", flags=flags)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(10_000)
        connection.execute("BEGIN")
        check_format(connection, path)
        connection.execute("SELECT 1 FROM entries LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def sync(path: Path) -> None:
    """Have the disk take what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the store cannot be read: {error}")
