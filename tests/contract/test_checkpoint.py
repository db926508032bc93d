"""The write-ahead log is moved beside the commits, and does not grow without end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from headwater.storage.checkpoint import Checkpointer, LogLengths

PAGE = 4096
PATIENCE_SECONDS = 120


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "store"))
    connection.execute(f"PRAGMA page_size={PAGE}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE entries(number INTEGER PRIMARY KEY, value BLOB)")
    yield connection
    connection.close()


def commit_pages(writer: apsw.Connection, count: int) -> None:
    with writer:
        writer.execute("INSERT INTO entries(value) VALUES(zeroblob(?))", (count * PAGE,))


def test_log_is_moved_while_nothing_more_is_committed(
    writer: apsw.Connection, tmp_path: Path
) -> None:
    async def main() -> None:
        checkpointer = Checkpointer(tmp_path / "store", writer, LogLengths(100, 1000))
        commit_pages(writer, 120)

        await checkpointer.after_commit()

        async with asyncio.timeout(PATIENCE_SECONDS):
            while (tmp_path / "store").stat().st_size < 120 * PAGE:  # noqa: ASYNC110
                await asyncio.sleep(0)
        checkpointer.close()

    asyncio.run(main())


def test_log_is_used_again_under_constant_writing(writer: apsw.Connection, tmp_path: Path) -> None:
    async def main() -> None:
        checkpointer = Checkpointer(tmp_path / "store", writer, LogLengths(100, 300))
        written = log_pages = 0

        async with asyncio.timeout(PATIENCE_SECONDS):
            while written < 1000 or written < 3 * log_pages:
                commit_pages(writer, 10)
                await checkpointer.after_commit()
                await asyncio.sleep(0)
                written += 10
                log_pages = (tmp_path / "store-wal").stat().st_size // PAGE
        checkpointer.close()

    asyncio.run(main())


def test_closing_empties_the_log(writer: apsw.Connection, tmp_path: Path) -> None:
    async def main() -> None:
        checkpointer = Checkpointer(tmp_path / "store", writer)
        commit_pages(writer, 10)
        await checkpointer.after_commit()

        checkpointer.close()

        assert (tmp_path / "store-wal").stat().st_size == 0

    asyncio.run(main())
