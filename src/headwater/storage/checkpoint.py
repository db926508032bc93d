"""Moves SQLite's write-ahead log into its file, beside the write path.

SQLite would do this inside some unlucky commit, which then takes tens of milliseconds. Here a
thread with a connection of its own does it whenever the log has grown enough, while commits go on.
The log is only reused from its start once a checkpoint has caught up with its end. In any pause of
the writers the thread gets there by itself; under constant writing it never quite does, so when the
log has become long, commits wait once while the thread moves the small rest.

Where several processes have the file open each does this for what its own commits have seen of the
log; one that finds another at it leaves it to the other.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw
import structlog

_REST_PAGES: Final = 60  # what may be left for commits to wait for

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogLengths:
    """How long the log may become, in pages.

    start: not yet moved, from which the thread moves. The longer, the more often a page has changed
    that is moved but once; but a start after a crash reads them all.
    full: from which the log is used from its start again.
    """

    start: int = 4000
    full: int = 8000


class Checkpointer:
    """Watches the size of the write-ahead log through the writer's commits."""

    def __init__(
        self,
        path: Path,
        writer: apsw.Connection,
        lengths: LogLengths = LogLengths(),
        *,
        is_shared: bool = False,
    ) -> None:
        self._writer = writer
        self._is_shared = is_shared
        self._lengths = lengths
        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        # A connection that has read nothing does not know of the log and would move none of it.
        self._connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headwater-checkpoint")
        self._log_pages = 0
        self._moved_pages = 0
        self._is_moving = False
        self._rest_is_due = False
        self._is_closing = False
        writer.set_wal_hook(self._note_log_size)

    async def after_commit(self) -> None:
        """Call after each commit, before the next may begin: starts a checkpoint, or finishes one.

        What waits here is commits alone: readers go on.
        """
        if self._is_moving:
            return
        if self._rest_is_due:
            self._rest_is_due = False
            await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)
        elif self._unmoved_pages() >= self._lengths.start:
            self._is_moving = True
            self._thread.submit(self._move)

    def close(self) -> None:
        """Stop the thread and empty the log; SQLite does so itself for the last of several."""
        self._is_closing = True
        self._thread.shutdown()
        self._connection.close()
        if self._is_shared:
            return
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:  # the log stays and is read at the next start
            _log.warning("checkpoint_failed", error=str(error))

    def _note_log_size(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _unmoved_pages(self) -> int:
        """The pages to move; after the log was begun anew, all of it."""
        moved, pages = self._moved_pages, self._log_pages
        return pages - moved if moved <= pages else pages

    def _move(self) -> None:
        """Move pages, on the thread, until hardly any are left or commits are too quick for it."""
        left = self._checkpoint()
        while left > _REST_PAGES and not self._is_closing:
            before, left = left, self._checkpoint()
            if left >= before:
                break
        self._rest_is_due = self._log_pages >= self._lengths.full
        self._is_moving = False

    def _checkpoint(self) -> int:
        """Move what can be moved without waiting for anyone; returns the pages left in the log."""
        try:
            in_log, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:  # another process is at it
            self._moved_pages = self._log_pages
            return 0
        except apsw.Error as error:
            _log.warning("checkpoint_failed", error=str(error))
            return 0
        self._moved_pages = moved
        return in_log - moved
