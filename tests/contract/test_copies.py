"""Data directories read and copied at one moment, while an engine writes; checked as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from headwater.audit.directory import verify
from headwater.audit.report import Report
from headwater.clock import SystemClock
from headwater.storage.duplicate import OBJECTS, duplicate
from headwater.storage.engine import CommitGroup, Engine, Span, StoreInUse, Unavailable
from headwater.storage.scratch import Scratch
from headwater.storage.snapshot import FILE, Snapshot
from headwater.storage.sqlite import SqliteSettings, open_engine

ALL = Span(b"", b"\xff", 100_000)


async def put(engine: Engine, *numbers: int) -> None:
    rows = {b"g%06d" % number: b"value" * 20 for number in numbers}
    await engine.commit(CommitGroup([], [], lambda _: rows))


async def count(engine: Engine) -> int:
    return len(await engine.scan(ALL))


def opened(directory: Path) -> Engine:
    return open_engine(directory, SqliteSettings(), SystemClock())


def digests(directory: Path) -> dict[str, str]:
    """What the files that hold data hold."""
    return {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.suffix not in (".lock", ".db-shm")
    }


def whole(_copy: Path) -> None:
    """A check that finds nothing."""


def copied(directory: Path, to: Path, check: Callable[[Path], None] = whole) -> None:
    duplicate(directory, to, lambda: None, check)


def test_snapshot_stays_at_its_moment_while_the_store_is_written(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        engine = opened(tmp_path)
        await put(engine, 1, 2)
        snapshot = Snapshot(tmp_path, is_held=False)
        await put(engine, 3)
        found = await count(snapshot), await count(engine)
        await snapshot.close()
        await engine.close()
        return found

    assert asyncio.run(main()) == (2, 3)


def test_snapshot_reads_as_engines_do_and_is_not_written(tmp_path: Path) -> None:
    async def main() -> None:
        engine = opened(tmp_path)
        await put(engine, *range(50))
        snapshot = Snapshot(tmp_path, is_held=False)
        for span in (
            ALL,
            Span(b"g000003", b"g000040", 7),
            Span(b"", b"h", 5, reverse=True),
            Span(b"", b"h", 50, bytes_max=300),
            Span(b"x", b"y", 5),
        ):
            assert await snapshot.scan(span) == await engine.scan(span)
        keys = [b"g000001", b"nothing"]
        assert await snapshot.get(keys) == await engine.get(keys)
        with pytest.raises(Unavailable):
            await put(snapshot, 1)
        await snapshot.close()
        await engine.close()

    asyncio.run(main())


def test_copy_holds_what_was_committed_when_it_began_and_the_objects(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copies" / "one"

    async def main() -> int:
        engine = opened(data)
        await put(engine, *range(1000))
        folder = data / OBJECTS / "bucket" / "deep"
        folder.mkdir(parents=True)
        (folder / "object.json").write_text("{}")
        (folder / ".headwater-part-00").write_text("half")
        copied(data, copy)
        await put(engine, 1000)
        await engine.close()
        again = opened(copy)
        found = await count(again)
        await put(again, 2000)
        await again.close()
        return found

    assert asyncio.run(main()) == 1000
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert names == {FILE, "headwater.lock", "objects/bucket/deep/object.json"}


def test_copy_that_its_check_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path / "data").close())

    def check(_copy: Path) -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        copied(tmp_path / "data", tmp_path / "copy", check)

    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_copy_does_not_replace_what_is_there(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path / "data").close())
    (tmp_path / "copy").mkdir()

    with pytest.raises(Unavailable, match="is there already"):
        copied(tmp_path / "data", tmp_path / "copy")


def test_verifying_changes_nothing_even_after_a_crash(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()

    async def main() -> Report:
        engine = opened(tmp_path / "data")
        await put(engine, *range(100))
        # What a crash leaves: a log that has not been moved into the file.
        for name in (FILE, f"{FILE}-wal"):
            (crashed / name).write_bytes((tmp_path / "data" / name).read_bytes())
        await engine.close()
        before = digests(crashed)
        report = Report()
        await verify(crashed, report)
        assert digests(crashed) == before
        return report

    report = asyncio.run(main())

    # Nobody knows such settings: it has read what only the log holds.
    assert len(report.faults) == 100
    assert (crashed / f"{FILE}-wal").stat().st_size > 0


def test_verifying_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        engine = opened(tmp_path)
        try:
            with pytest.raises(StoreInUse):
                await verify(tmp_path, Report())
        finally:
            await engine.close()

    asyncio.run(main())


def test_verifying_a_directory_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(verify(tmp_path, Report()))


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
def test_file_that_is_no_store_is_a_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    report = Report()

    asyncio.run(verify(tmp_path, report))

    assert len(report.faults) == 1


def test_scratch_is_a_map_in_the_order_of_its_keys() -> None:
    scratch = Scratch()

    scratch.put(b"b", b"1")
    scratch.put(b"a", b"2")
    scratch.put(b"b", b"3")

    assert (scratch.get(b"b"), scratch.get(b"c")) == (b"3", None)
    assert list(scratch.items()) == [(b"a", b"2"), (b"b", b"3")]
    scratch.clear()
    assert list(scratch.items()) == []
