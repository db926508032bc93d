"""Moves SQLite's write-ahead log into its file, beside the write path.

SQLite would do this inside some unlucky commit, which then takes tens of milliseconds. Here a
thread with a connection of its own does it whenever the log has grown enough, while commits go on.
The log is only reused from its start once a checkpoint has caught up with its end; under constant
writing a thread never quite does, so the small rest is moved within the loop, between commits.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import apsw
import structlog

# Pages in the log at which a checkpoint starts, and how many may be left for the loop to move.
_START_PAGES: Final = 2000
_REST_PAGES: Final = 60

_log = structlog.get_logger(__name__)


class Checkpointer:
    """Watches the size of the write-ahead log through the writer's commits."""

    def __init__(self, path: Path, writer: apsw.Connection) -> None:
        self._writer = writer
        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        self._log_pages = 0
        self._is_due = threading.Event()
        self._is_closing = False
        self._rest_is_due = False
        writer.set_wal_hook(self._note_log_size)
        self._thread = threading.Thread(target=self._run, name="headwater-checkpoint", daemon=True)
        self._thread.start()

    def note_commit(self) -> None:
        """Call between commits, on the writer's thread: starts a checkpoint, or finishes one."""
        if self._rest_is_due:
            self._rest_is_due = False
            _checkpoint(self._writer)
        elif self._log_pages >= _START_PAGES:
            self._log_pages = 0
            self._is_due.set()

    def close(self) -> None:
        """Stop the thread and empty the log."""
        self._is_closing = True
        self._is_due.set()
        self._thread.join()
        self._connection.close()
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:  # the log stays and is read at the next start
            _log.warning("checkpoint_failed", error=str(error))

    def _note_log_size(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        while True:
            self._is_due.wait()
            if self._is_closing:
                return
            self._is_due.clear()
            left = _checkpoint(self._connection)
            while left > _REST_PAGES and not self._is_closing:
                moved = _checkpoint(self._connection)
                if moved >= left:
                    break
                left = moved
            self._rest_is_due = True


def _checkpoint(connection: apsw.Connection) -> int:
    """Move what can be moved without waiting for anyone; returns the pages left in the log."""
    try:
        in_log, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.Error as error:
        _log.warning("checkpoint_failed", error=str(error))
        return 0
    return in_log - moved
