"""The reads of one turn of the loop in one transaction of SQLite.

A statement by itself locks the write-ahead log and looks where it ends, which takes longer than to
find a value (4 of 7 microseconds). Under load a turn of the loop serves many readers, so from the
second read of a turn on they share a transaction, which ends with the turn or before the next
commit, whichever is first.
"""

from __future__ import annotations

import asyncio

import apsw


class SharedRead:
    """The reads of one connection.

    is_snapshot: even the first read of a turn is in a transaction, so that all its statements see
    one state while another connection commits.
    """

    __slots__ = ("_connection", "_has_read", "_is_open", "_is_snapshot")

    def __init__(self, connection: apsw.Connection, *, is_snapshot: bool) -> None:
        self._connection = connection
        self._is_snapshot = is_snapshot
        self._has_read = False
        self._is_open = False

    def join(self) -> apsw.Connection:
        """The connection, for statements that only read and are finished within this turn."""
        is_first = not self._has_read
        if is_first:
            self._has_read = True
            asyncio.get_running_loop().call_soon(self.end)
        if not self._is_open and (self._is_snapshot or not is_first):
            self._connection.execute("BEGIN")
            self._is_open = True
        return self._connection

    def end(self) -> None:
        """Let later reads see what is committed by then."""
        self._has_read = False
        if self._is_open:
            self._is_open = False
            # Not COMMIT, which fails after a statement has; nothing was written.
            self._connection.execute("ROLLBACK")
