"""What the SQLite engine does when its disk fails: it refuses, loses nothing, and goes on.

The faults are injected between SQLite and the file system, so each one hits a known call.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from headwater.clock import ManualClock, SystemClock
from headwater.storage.engine import CommitGroup, Engine, Span, Unavailable
from headwater.storage.sqlite import SqliteSettings, open_engine
from tests.faulty_disk import FaultyDisk, faulty_disk

ALL = Span(b"", b"\xff", 100_000)
FAULTS = {"full": apsw.FullError, "failing": apsw.IOError}
# A threshold of nothing sends every commit to the thread, as on a slow disk.
THRESHOLDS = {"in the loop": 60.0, "in a thread": 0.0}

Stored = dict[bytes, bytes]


async def put(engine: Engine, key: bytes) -> None:
    rows = {key: key * 40}
    await engine.commit(CommitGroup([], [key], lambda _: rows))


async def stored(engine: Engine) -> Stored:
    return dict(await engine.scan(ALL))


def tried(
    directory: Path, threshold: float, body: Callable[[Engine, FaultyDisk], Awaitable[Stored]]
) -> tuple[Stored, Stored]:
    """What a body says is stored, and what is found when the directory is opened again."""

    async def first() -> Stored:
        with faulty_disk() as disk:
            settings = SqliteSettings(slow_commit_seconds=threshold)
            engine = open_engine(directory, settings, SystemClock())
            try:
                return await body(engine, disk)
            finally:
                disk.fault = None
                await engine.close()

    async def again() -> Stored:
        engine = open_engine(directory, SqliteSettings(), SystemClock())
        try:
            return await stored(engine)
        finally:
            await engine.close()

    return asyncio.run(first()), asyncio.run(again())


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("is_sync", [False, True], ids=["write", "sync"])
@pytest.mark.parametrize("fault", FAULTS)
def test_commit_on_a_bad_disk_is_refused_and_the_next_on_a_good_one_is_not(
    tmp_path: Path, fault: str, is_sync: bool, threshold: str
) -> None:
    async def body(engine: Engine, disk: FaultyDisk) -> Stored:
        await put(engine, b"before")
        disk.fault, disk.is_sync = FAULTS[fault], is_sync
        for number in range(3):
            with pytest.raises(Unavailable, match="the store cannot be written"):
                await put(engine, b"refused %d" % number)
        assert await stored(engine) == {b"before": b"before" * 40}
        disk.fault = None
        await put(engine, b"after")
        return await stored(engine)

    said, found = tried(tmp_path, THRESHOLDS[threshold], body)

    assert found == said == {b"before": b"before" * 40, b"after": b"after" * 40}


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("is_sync", [False, True], ids=["write", "sync"])
def test_disk_that_fails_anywhere_loses_nothing_acknowledged(
    tmp_path: Path, is_sync: bool, threshold: str
) -> None:
    """Each fault strikes one call later than the one before, the log's own moves included."""

    async def body(engine: Engine, disk: FaultyDisk) -> Stored:
        acknowledged: Stored = {}
        for number in range(48):
            disk.fault, disk.is_sync, disk.after = apsw.IOError, is_sync, number % 12
            for part in range(4):
                key = b"%03d %d" % (number, part)
                try:
                    await put(engine, key)
                except Unavailable:
                    disk.fault = None
                else:
                    acknowledged[key] = key * 40
            disk.fault = None
        assert 48 < len(acknowledged) < 192
        assert await stored(engine) == acknowledged
        return acknowledged

    said, found = tried(tmp_path, THRESHOLDS[threshold], body)

    assert found == said


def test_store_that_is_deleted_refuses_writes_within_a_second(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        engine = open_engine(tmp_path / "data", SqliteSettings(), clock)
        await put(engine, b"before")
        shutil.rmtree(tmp_path / "data")
        clock.advance(1.0)

        for _ in range(2):
            with pytest.raises(Unavailable, match="has been deleted"):
                await put(engine, b"refused")
        await engine.close()

    asyncio.run(main())


def test_store_that_is_deleted_and_made_again_is_not_written_by_the_old_server(
    tmp_path: Path,
) -> None:
    async def main() -> Stored:
        clock = ManualClock()
        old = open_engine(tmp_path / "data", SqliteSettings(), clock)
        shutil.rmtree(tmp_path / "data")
        new = open_engine(tmp_path / "data", SqliteSettings(), clock)
        clock.advance(1.0)
        with pytest.raises(Unavailable, match="has been deleted"):
            await put(old, b"refused")
        await put(new, b"new")
        await old.close()
        found = await stored(new)
        await new.close()
        return found

    assert asyncio.run(main()) == {b"new": b"new" * 40}


def test_files_of_a_store_are_readable_for_their_owner_alone(tmp_path: Path) -> None:
    async def main() -> set[int]:
        engine = open_engine(tmp_path / "data", SqliteSettings(), ManualClock())
        await put(engine, b"secret")
        files = list((tmp_path / "data").glob("headwater.db*"))
        modes = {file.stat().st_mode & 0o777 for file in files}
        await engine.close()
        return modes

    assert asyncio.run(main()) == {0o600}
