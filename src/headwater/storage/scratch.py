"""An ordered map of bytes for one piece of work, on disk once it is large, and gone after it.

It promises neither durability nor anything to a second user: it is a temporary database of SQLite,
which has no name and spills what its cache cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw

_CACHE_KB: Final = 32 * 1024


class Scratch:
    """See the module."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")
        self._connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        self._connection.execute(
            "CREATE TABLE entries(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID"
        )
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("BEGIN")

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._connection.execute(
            "SELECT value FROM entries WHERE key=?", (key,)
        ).get
        return value

    def put(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO entries VALUES(?,?)", (key, value))

    def clear(self) -> None:
        self._connection.execute("DELETE FROM entries")

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All of it in the order of keys."""
        yield from self._connection.execute("SELECT key,value FROM entries ORDER BY key")
