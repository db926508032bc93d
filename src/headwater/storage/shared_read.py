"""The reads of one turn of the loop in one transaction of SQLite.

A statement by itself locks the write-ahead log and looks where it ends, which takes longer than to
find a value (4 of 7 microseconds). Under load a turn of the loop serves many readers, so from the
second read of a turn on they share a transaction, which ends with the turn or before the next
commit, whichever is first. That is this process's own commit, or another's that shares the store:
a request that follows an answer from there must see what the answer said.
"""

from __future__ import annotations

import asyncio

import apsw

from headwater.storage.board import Counter


class SharedRead:
    """The reads of one connection.

    is_snapshot: other connections commit meanwhile, so statements that are to see one state are in
    a transaction, even the first ones of a turn. commits: those of other processes, if there are.
    """

    __slots__ = ("_commits", "_connection", "_has_read", "_is_open", "_is_snapshot", "_seen")

    def __init__(
        self, connection: apsw.Connection, *, is_snapshot: bool, commits: Counter | None = None
    ) -> None:
        self._connection = connection
        self._is_snapshot = is_snapshot
        self._commits = commits
        self._seen: object = None
        self._has_read = False
        self._is_open = False

    def join(self, statements: int) -> apsw.Connection:
        """The connection, for statements that only read and are finished within this turn."""
        is_first = not self._has_read
        if is_first:
            self._has_read = True
            asyncio.get_running_loop().call_soon(self.end)
        elif self._commits is not None and self._is_open and self._commits.state() != self._seen:
            self._end_transaction()
        if not self._is_open and (not is_first or (self._is_snapshot and statements > 1)):
            if self._commits is not None:  # looked at before, so that none is missed
                self._seen = self._commits.state()
            self._connection.execute("BEGIN")
            self._is_open = True
        return self._connection

    def end(self) -> None:
        """Let later reads see what is committed by then."""
        self._has_read = False
        if self._is_open:
            self._end_transaction()

    def _end_transaction(self) -> None:
        self._is_open = False
        # Not COMMIT, which fails after a statement has; nothing was written.
        self._connection.execute("ROLLBACK")
