"""What every storage engine promises, held by one suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.clock import SystemClock
from headwater.storage.engine import (
    CommitGroup,
    Engine,
    Loaded,
    Mutations,
    Span,
    StoreInUse,
    Unavailable,
)
from headwater.storage.memory import MemoryEngine
from headwater.storage.sqlite import SqliteSettings, open_engine
from tests.shared_store import sharings

Opened = Callable[[], AbstractAsyncContextManager[Engine]]


@pytest.fixture(
    params=["memory", "sqlite", "sqlite shared", "sqlite in a thread"],
    scope="module",
)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    @asynccontextmanager
    async def open_one() -> AsyncIterator[Engine]:
        engine: Engine
        if request.param == "memory":
            engine = MemoryEngine()
        else:
            # A threshold of nothing sends every commit to the thread, as on a slow disk.
            threshold = 0.0 if request.param.endswith("thread") else 60.0
            settings = SqliteSettings(slow_commit_seconds=threshold)
            directory = tmp_path_factory.mktemp("data")
            sharing = sharings(directory, 1)[0] if "shared" in request.param else None
            engine = open_engine(directory, settings, SystemClock(), sharing)
        try:
            yield engine
        finally:
            await engine.close()

    return open_one


def run(opened: Opened, body: Callable[[Engine], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with opened() as engine:
            await body(engine)

    asyncio.run(main())


def storing(mutations: Mutations) -> CommitGroup:
    return CommitGroup((), (), lambda _: mutations)


def test_get_gives_values_in_the_order_asked(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({b"a": b"1", b"b": b"2"}))

        found = await engine.get([b"b", b"missing", b"a"])

        assert found == [b"2", None, b"1"]

    run(opened, body)


def test_empty_value_is_not_an_absent_one(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({b"a": b""}))

        assert await engine.get([b"a"]) == [b""]

    run(opened, body)


def test_later_value_replaces_and_none_deletes(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({b"a": b"1", b"b": b"1"}))
        await engine.commit(storing({b"a": b"2", b"b": None, b"never there": None}))

        assert await engine.get([b"a", b"b"]) == [b"2", None]

    run(opened, body)


def test_commit_loads_what_it_locks_and_reads(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({b"head": b"7"}))
        seen: dict[bytes, bytes | None] = {}

        def apply(loaded: Loaded) -> Mutations:
            seen.update(loaded)
            return {}

        await engine.commit(CommitGroup([b"head"], [b"item"], apply))

        assert seen == {b"head": b"7", b"item": None}

    run(opened, body)


def test_state_tells_whether_anything_was_committed_since(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        before = engine.state()
        await engine.get([b"a"])
        assert engine.state() == before

        await engine.commit(storing({b"a": b"1"}))

        assert engine.state() != before

    run(opened, body)


def test_commit_whose_apply_raises_stores_nothing(opened: Opened) -> None:
    class Fault(Exception):
        pass

    def fail(_: Loaded) -> Mutations:
        raise Fault

    async def body(engine: Engine) -> None:
        with pytest.raises(Fault):
            await engine.commit(CommitGroup((), (), fail))
        await engine.commit(storing({b"after": b"1"}))

        assert await engine.get([b"after"]) == [b"1"]

    run(opened, body)


def test_concurrent_commits_are_serial_for_what_they_lock(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        def count(loaded: Loaded) -> Mutations:
            return {b"count": str(int(loaded[b"count"] or b"0") + 1).encode()}

        await asyncio.gather(
            *(engine.commit(CommitGroup([b"count"], (), count)) for _ in range(50))
        )

        assert await engine.get([b"count"]) == [b"50"]

    run(opened, body)


def test_reader_sees_no_part_of_a_commit_under_way(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({b"a": b"0", b"b": b"0"}))
        torn = []

        async def write() -> None:
            for number in range(30):
                value = str(number).encode()
                await engine.commit(storing({b"a": value, b"b": value}))

        async def read() -> None:
            for _ in range(100):
                a, b = await engine.get([b"a", b"b"])
                if a != b:
                    torn.append((a, b))
                await asyncio.sleep(0)

        await asyncio.gather(write(), read())

        assert torn == []

    run(opened, body)


def test_read_after_a_commit_sees_it_whoever_has_read_before(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        found = []
        for number in range(10):
            await asyncio.gather(*(engine.get([b"n"]) for _ in range(3)))
            await engine.commit(storing({b"n": b"%d" % number}))
            found.append(await engine.get([b"n"]))
            found.append(await engine.get([b"n"]))

        assert found == [[b"%d" % number] for number in range(10) for _ in range(2)]

    run(opened, body)


def test_reads_of_one_turn_let_a_commit_through(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        async def read() -> list[bytes | None]:
            return await engine.get([b"n"])

        await engine.commit(storing({b"n": b"before"}))

        *found, _ = await asyncio.gather(
            read(), read(), read(), engine.commit(storing({b"n": b"after"}))
        )

        assert found == [[b"before"]] * 3
        assert await read() == [b"after"]

    run(opened, body)


def test_closed_engine_is_unavailable(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.close()

        with pytest.raises(Unavailable):
            await engine.get([b"a"])
        with pytest.raises(Unavailable):
            await engine.scan(Span(b"a", b"b", 1))
        with pytest.raises(Unavailable):
            await engine.commit(storing({}))

    run(opened, body)


def test_page_of_bytes_ends_with_the_entry_that_fills_it(opened: Opened) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing({bytes([key]): b"x" * 9 for key in range(10)}))

        found = await engine.scan(Span(b"", b"\xff", 10, bytes_max=25))

        assert [key for key, _ in found] == [b"\x00", b"\x01", b"\x02"]

    run(opened, body)


keys = st.binary(max_size=3)


@given(
    entries=st.dictionaries(keys, st.binary(max_size=5), max_size=30),
    start=keys,
    stop=keys,
    limit=st.integers(1, 40),
    reverse=st.booleans(),
)
def test_scan_gives_the_span_in_byte_order(
    opened: Opened,
    entries: dict[bytes, bytes],
    start: bytes,
    stop: bytes,
    limit: int,
    reverse: bool,
) -> None:
    async def body(engine: Engine) -> None:
        await engine.commit(storing(entries))

        found = await engine.scan(Span(start, stop, limit, reverse))

        within = sorted(key for key in entries if start <= key < stop)
        expected = (within[::-1] if reverse else within)[:limit]
        assert found == [(key, entries[key]) for key in expected]

    run(opened, body)


def test_file_keeps_what_was_committed(tmp_path: Path) -> None:
    async def write() -> None:
        engine = open_engine(tmp_path, SqliteSettings(), SystemClock())
        await engine.commit(storing({b"a": b"1"}))
        await engine.close()

    async def read() -> list[bytes | None]:
        engine = open_engine(tmp_path, SqliteSettings(), SystemClock())
        found = await engine.get([b"a"])
        await engine.close()
        return found

    asyncio.run(write())

    assert asyncio.run(read()) == [b"1"]


def test_second_opener_of_a_directory_is_refused(tmp_path: Path) -> None:
    async def body() -> None:
        engine = open_engine(tmp_path, SqliteSettings(), SystemClock())

        with pytest.raises(StoreInUse, match="in use by another server"):
            open_engine(tmp_path, SqliteSettings(), SystemClock())
        await engine.close()

    asyncio.run(body())


def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    import apsw

    foreign = apsw.Connection(str(tmp_path / "headwater.db"))
    foreign.execute("CREATE TABLE things(a)")
    foreign.close()

    with pytest.raises(Unavailable, match="not a store of Headwater"):
        open_engine(tmp_path, SqliteSettings(), SystemClock())


def test_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(Unavailable, match="cannot be used"):
        open_engine(tmp_path / "file" / "data", SqliteSettings(), SystemClock())


def test_damaged_file_is_unavailable_to_readers(tmp_path: Path) -> None:
    async def write() -> None:
        engine = open_engine(tmp_path, SqliteSettings(), SystemClock())
        entries = {b"%04d" % number: b"v" * 500 for number in range(400)}
        await engine.commit(storing(dict(entries)))
        await engine.close()

    async def read() -> None:
        engine = open_engine(tmp_path, SqliteSettings(), SystemClock())

        with pytest.raises(Unavailable, match="cannot be read"):
            await engine.scan(Span(b"0", b"9", 1000))
        with pytest.raises(Unavailable, match="cannot be read"):
            await engine.get([b"0001", b"0300"])
        await engine.close()

    asyncio.run(write())
    file = tmp_path / "headwater.db"
    with file.open("r+b") as damaged:
        damaged.seek(2 * 4096)
        damaged.write(b"\xff" * (file.stat().st_size - 2 * 4096))

    asyncio.run(read())
