"""The ordered map in one SQLite file: the default engine.

Form: one table `entries(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID`, in write-ahead mode. The
file's `application_id` marks it as ours and `user_version` is the version of the stored formats.

A commit group is one transaction on one connection. Committing in the event loop is quicker than in
a thread while the disk is quick, because no other thread then asks for the interpreter; but a slow
disk must not stall readers. So the engine measures how long a commit waits for the disk, and once
that is more than `slow_commit_seconds` on average it waits in a thread and meanwhile serves reads
from a second connection, which sees the state before. `checkpoint.py` empties the write-ahead log.

Several processes may have the file open (`Sharing`): each waits for its turn to write (`turn.py`)
and counts its commits (`board.py`), so that no other reads what is older than an answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import apsw

from headwater.clock import Clock
from headwater.storage.board import Counter, OwnCounter
from headwater.storage.checkpoint import Checkpointer
from headwater.storage.engine import CommitGroup, Mutations, Span, Unavailable
from headwater.storage.hold import DirectoryHold, hold_directory
from headwater.storage.shared_read import SharedRead
from headwater.storage.turn import SharedTurn

APPLICATION_ID: Final = 0x48445752  # "HDWR"
FORMAT_VERSION: Final = 2

_PLACE_SECONDS: Final = 1.0  # between two looks whether the file is still in its place

_GET: Final = "SELECT value FROM entries WHERE key=?"
# Replacing a row would delete and insert it; heads and tables are changed in place all the time.
_PUT: Final = "INSERT INTO entries VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value"
_DELETE: Final = "DELETE FROM entries WHERE key=?"
_SCAN: Final = "SELECT key,value FROM entries WHERE key>=? AND key<? ORDER BY key LIMIT ?"
_SCAN_REVERSE: Final = (
    "SELECT key,value FROM entries WHERE key>=? AND key<? ORDER BY key DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """How the file is kept.

    is_strict: every commit reaches the disk before it is acknowledged (`synchronous=FULL`);
    otherwise the operating system decides when, and a power failure may lose the latest commits.
    slow_commit_seconds: mean wait for the disk from which commits move to a thread.
    cache_bytes: page cache of each of the two connections that read. With ten million small items
    the pages above the lowest take 35 MB; a cache must have room for them beside what each look-up
    brings, or it keeps neither.
    """

    is_strict: bool = True
    slow_commit_seconds: float = 0.003
    cache_bytes: int = 96 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a process has in common with the others that have the same store open.

    hold: of the directory, inherited. commits: those of all processes.
    """

    hold: DirectoryHold
    commits: Counter


class SqliteEngine:
    """`Engine` over `DIRECTORY/headwater.db`; open it with `open_engine`."""

    def __init__(
        self,
        directory: Path,
        settings: SqliteSettings,
        clock: Clock,
        hold: DirectoryHold,
        commits: Counter | None,
    ) -> None:
        """commits: of all processes, where there are several."""
        self._settings = settings
        self._clock = clock
        self._hold = hold
        self._commits: Counter = OwnCounter() if commits is None else commits
        path, is_shared = directory / "headwater.db", commits is not None
        self._shared_turn = SharedTurn(directory) if is_shared else None
        with self._shared_turn.blocking() if self._shared_turn is not None else nullcontext():
            self._writer = _connect(path, settings)
            self._reader = _connect(path, settings)
            self._checkpointer = Checkpointer(path, self._writer, is_shared=is_shared)
        self._path = path
        self._inode = path.stat().st_ino
        self._look_at = clock.monotonic()
        self._reads = SharedRead(self._writer, is_snapshot=is_shared, commits=commits)
        self._reads_beside_commit = SharedRead(self._reader, is_snapshot=True, commits=commits)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headwater-commit")
        self._turn = self._shared_turn or asyncio.Lock()
        self._commit_seconds = 0.0
        self._is_committing = False
        self._is_closed = False

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        try:
            return _get(self._connection_for_reading(len(keys)), keys)
        except apsw.Error as error:
            raise _unreadable(error) from error

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        statement = _SCAN_REVERSE if span.reverse else _SCAN
        try:
            connection = self._connection_for_reading(1)
            rows = connection.execute(statement, (span.start, span.stop, span.limit))
            return _rows_up_to(rows, span.bytes_max)
        except apsw.Error as error:
            raise _unreadable(error) from error

    async def commit(self, group: CommitGroup) -> None:
        async with self._turn:
            if self._is_closed:
                raise Unavailable("the store is closed")
            self._write(group)
            began = self._clock.monotonic()
            if self._commit_seconds < self._settings.slow_commit_seconds:
                self._end_transaction()
            else:
                await self._end_transaction_in_thread()
            self._commits.count()
            self._commit_seconds += 0.1 * (self._clock.monotonic() - began - self._commit_seconds)
            await self._checkpointer.after_commit()

    def state(self) -> object:
        return self._commits.state()

    async def close(self) -> None:
        """Finish the commit under way, empty the write-ahead log and close the file."""
        async with self._turn:
            if self._is_closed:
                return
            self._is_closed = True
            self._thread.shutdown()
            self._end_reads()
            self._checkpointer.close()
            self._reader.close()
            self._writer.close()
            if self._shared_turn is not None:
                self._shared_turn.close()
            self._hold.release()

    def _connection_for_reading(self, statements: int) -> apsw.Connection:
        if self._is_closed:
            raise Unavailable("the store is closed")
        reads = self._reads_beside_commit if self._is_committing else self._reads
        return reads.join(statements)

    def _end_reads(self) -> None:
        self._reads.end()
        self._reads_beside_commit.end()

    def _write(self, group: CommitGroup) -> None:
        """Begin a transaction, load, apply and store; leaves it open, or rolled back on error."""
        writer = self._writer
        try:
            self._end_reads()
            self._check_place()
            writer.execute("BEGIN IMMEDIATE")
            keys = (*group.locks, *group.reads) if group.locks else group.reads
            _store(writer, group.apply(dict(zip(keys, _get(writer, keys), strict=True))))
        except apsw.Error as error:
            self._roll_back()
            raise _unwritable(error) from error
        except BaseException:
            self._roll_back()
            raise

    def _check_place(self) -> None:
        """Refuse to write into a file that has been deleted: nobody would find it again.

        Looks once a second, since asking for a file takes longer than all else before a commit.
        """
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        try:
            is_there = self._path.stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            raise Unavailable(f"the store cannot be written: {self._path} has been deleted")
        self._look_at = now + _PLACE_SECONDS

    def _end_transaction(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except apsw.Error as error:
            self._roll_back()
            raise _unwritable(error) from error

    async def _end_transaction_in_thread(self) -> None:
        self._is_committing = True
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._end_transaction)
        finally:
            self._is_committing = False

    def _roll_back(self) -> None:
        """End the transaction, if there is one; if that fails it is tried before the next."""
        if not self._writer.in_transaction:
            return
        try:
            self._writer.execute("ROLLBACK")
        except apsw.Error as error:
            raise _unwritable(error) from error


def open_engine(
    directory: Path, settings: SqliteSettings, clock: Clock, sharing: Sharing | None = None
) -> SqliteEngine:
    """Open or create the store of a data directory and hold it for this process, or these, alone.

    Raises StoreInUse if another server holds it, Unavailable if it cannot be used or is not ours.
    """
    hold = hold_store(directory) if sharing is None else sharing.hold
    commits = None if sharing is None else sharing.commits
    try:
        return SqliteEngine(directory, settings, clock, hold, commits)
    except (OSError, apsw.Error) as error:
        hold.release()
        raise _unusable(directory, error) from error
    except Unavailable:
        hold.release()
        raise


def hold_store(directory: Path) -> DirectoryHold:
    """Hold a data directory, which is made if it is not there.

    Raises StoreInUse if another server holds it, Unavailable if it cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return hold_directory(directory)
    except OSError as error:
        raise _unusable(directory, error) from error


def _unusable(directory: Path, error: Exception) -> Unavailable:
    return Unavailable(f"the data directory {directory} cannot be used: {error}")


def _connect(path: Path, settings: SqliteSettings) -> apsw.Connection:
    # A new file is its owner's alone: functions may run as users of their own. SQLite's files
    # beside it follow it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    # Before anything is written. A value of more than a quarter of a page goes to pages of its own.
    connection.execute("PRAGMA page_size=8192")
    _check_ours(connection, path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if settings.is_strict else 'NORMAL'}")
    connection.execute(f"PRAGMA cache_size=-{settings.cache_bytes // 1024}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS entries"
        "(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID"
    )
    return connection


def _check_ours(connection: apsw.Connection, path: Path) -> None:
    is_new = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    if is_new:
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", FORMAT_VERSION)
    else:
        check_format(connection, path)


def check_format(connection: apsw.Connection, path: Path) -> None:
    """Raises Unavailable if a file is not a store, or one that this version cannot read."""
    version = connection.pragma("user_version")
    if connection.pragma("application_id") != APPLICATION_ID:
        raise Unavailable(f"{path} is not a store of Headwater")
    if version != FORMAT_VERSION:
        raise Unavailable(
            f"{path} has stored format {version}; this version of Headwater reads {FORMAT_VERSION}"
        )


def _get(connection: apsw.Connection, keys: Sequence[bytes]) -> list[bytes | None]:
    execute = connection.execute
    try:
        # `.get` is the only column of the only row, or None where there is no row.
        return [execute(_GET, (key,)).get for key in keys]
    except apsw.Error as error:
        raise _unreadable(error) from error


def _store(connection: apsw.Connection, mutations: Mutations) -> None:
    """Write mutations in key order, so that neighbours meet the same pages."""
    puts: list[tuple[bytes, bytes]] = []
    deletes: list[tuple[bytes]] = []
    for key in sorted(mutations):
        value = mutations[key]
        if value is None:
            deletes.append((key,))
        else:
            puts.append((key, value))
    if puts:
        connection.executemany(_PUT, puts)
    if deletes:
        connection.executemany(_DELETE, deletes)


def _rows_up_to(rows: apsw.Cursor, bytes_max: int | None) -> list[tuple[bytes, bytes]]:
    if bytes_max is None:
        return cast("list[tuple[bytes, bytes]]", rows.fetchall())
    found: list[tuple[bytes, bytes]] = []
    size = 0
    for row in rows:
        found.append(row)
        size += len(row[0]) + len(row[1])
        if size >= bytes_max:
            rows.close()
            break
    return found


def _unreadable(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the store cannot be read: {error}")


def _unwritable(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the store cannot be written: {error}")
