"""What a warehouse keeps to, in every database it can be kept in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headwater.sinks.change import Change, Event, plain
from headwater.sinks.kind import BACKFILL, ChangeBatch, SinkBroken, SinkUnavailable
from headwater.sinks.warehouse import KIND
from headwater.values.item import Item
from tests.conftest import LOOKS_MAX
from tests.postgres_server import PostgresServer
from tests.sink_writing import OTHER, Subject, batch, change, run, write, write_on
from tests.warehouse_places import DuckDBPlace, PostgresPlace, WarehousePlace

END_SECONDS_MAX = 60
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
HISTORY = "SELECT _hw_id, _hw_event, _hw_round, v FROM music_history ORDER BY _hw_id, _hw_round"
ITEMS = "SELECT k, v FROM music ORDER BY k"


@pytest.fixture(params=["duckdb_warehouse", "postgres_warehouse"])
def place(request: pytest.FixtureRequest) -> WarehousePlace:
    found: WarehousePlace = request.getfixturevalue(request.param)
    return found


def step(number: int, *changes: Change) -> ChangeBatch:
    """A step of the back-fill."""
    return ChangeBatch(BACKFILL, number, changes)


def holding(key: str, number: int, **attributes: Any) -> Change:
    """A change after which an item has attributes, given with their types."""
    item: Item = {"k": {"S": key}, **attributes}
    return replace(change(key, number, "x"), new=item, document=plain(item))


def history(place: WarehousePlace) -> list[tuple[str, str, int]]:
    return [(row["_hw_id"], row["_hw_event"], row["_hw_round"]) for row in place.rows(HISTORY)]


def items(place: WarehousePlace) -> list[tuple[str, str]]:
    return [(row["k"], row["v"]) for row in place.rows(ITEMS)]


async def write_round(subject: Subject, number: int, *batches: ChangeBatch) -> None:
    """Write batches in a round of the sink."""
    await write_on(await KIND.open(subject.opening(round=number)), *batches)


async def verdict(subject: Subject, *expected: Change) -> list[str]:
    async def snapshots() -> AsyncIterator[Sequence[Change]]:
        yield expected

    assert KIND.verify is not None
    return (await KIND.verify(subject.opening(), snapshots())).faults


@pytest.mark.parametrize("again", [2, 4])
def test_each_change_is_in_the_history_once(place: WarehousePlace, again: int) -> None:
    """The process was killed after the transaction and before the position was stored."""

    async def body() -> None:
        subject = place.subject()
        changes = [change("a", number, f"v{number}") for number in range(1, 5)]
        await write(subject, batch(*changes[:3]))

        await write(subject, batch(*changes[:again]))
        await write(subject, batch(*changes[again:]) if again < 4 else batch(*changes))

        assert [each[0] for each in history(place)] == ["a-1", "a-2", "a-3", "a-4"]
        assert items(place) == [("a", "v4")]

    run(body())


def test_a_step_of_the_back_fill_brings_only_what_is_new_when_it_comes_again(
    place: WarehousePlace,
) -> None:
    async def body() -> None:
        subject = place.subject()
        snapshots = [change(key, 7, "x", Event.SNAPSHOT) for key in "abc"]
        await write(subject, step(0, *snapshots[:2]))

        later = replace(change("a", 9, "y", Event.SNAPSHOT), id="a-again")
        await write(subject, step(0, later, snapshots[1], snapshots[2]))
        await write(subject, step(1, change("d", 9, "x", Event.SNAPSHOT)))
        await write(subject, step(0, *snapshots))

        assert [each[0] for each in history(place)] == ["a-7", "b-7", "c-7", "d-9"]

    run(body())


def test_a_replay_is_a_round_of_its_own_and_what_it_does_not_bring_goes(
    place: WarehousePlace,
) -> None:
    async def body() -> None:
        subject = place.subject()
        await write(subject, batch(change("a", 1, "x"), change("b", 2, "x")))
        await write_round(subject, 2, step(0, change("a", 5, "y", Event.SNAPSHOT)))
        before = items(place)
        assert KIND.filled is not None
        await KIND.filled(subject.opening(round=2))

        assert before == [("a", "y"), ("b", "x")]
        assert items(place) == [("a", "y")]
        assert [(name, turn) for name, _, turn in history(place)] == [
            ("a-1", 1),
            ("a-5", 2),
            ("b-2", 1),
        ]

    run(body())


def test_a_writer_of_an_earlier_round_writes_nothing_any_more(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        early = await KIND.open(subject.opening())
        await early.write(batch(change("a", 1, "x")))
        await write_round(subject, 2, batch(change("a", 2, "y")))

        with pytest.raises(SinkUnavailable, match="begun anew"):
            await early.write(batch(change("a", 3, "z")))
        with pytest.raises(SinkUnavailable, match="begun anew"):
            await write(subject, batch(change("a", 3, "z")))
        await early.close()

        assert items(place) == [("a", "y")]

    run(body())


def test_a_removed_item_does_not_come_back_with_an_old_image(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        at_us = int(subject.opening().around.clock.now() * 1e6)
        removed = replace(change("a", 3, None), time_us=at_us)
        await write(subject, batch(change("a", 1, "x"), removed))

        await write_round(subject, 2, batch(change("a", 1, "x")))
        old = items(place)
        await write_round(subject, 2, batch(change("a", 4, "y")))

        assert (old, items(place)) == ([], [("a", "y")])

    run(body())


def test_an_attribute_of_another_type_gets_a_column_and_a_warning(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        writer = await subject.open()
        await writer.write(batch(holding("a", 1, v={"N": "12.5"})))
        await writer.write(
            batch(holding("b", 2, v={"S": "much"}), holding("c", 3, w={"BOOL": True}))
        )
        await writer.close()

        found = place.rows("SELECT k, v, v__text, w FROM music ORDER BY k")
        assert [tuple(row.values()) for row in found] == [
            ("a", 12.5, None, None),
            ("b", None, "much", None),
            ("c", None, None, True),
        ]
        assert subject.warnings == [
            "attribute v is text where it was number: column v__text",
            "attribute w is new: column w of type truth",
        ]

    run(body())


def test_attributes_may_have_any_name(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        odd = ["ctid", "rowid", "x" * 300, "ä" * 100, 'odd "name"', "a'b", "a\x00b", "$1", "SELECT"]
        one = {name: {"S": "it's"} for name in odd}
        other = {f"{name}2": {"L": [{"N": "1"}]} for name in odd}
        item = holding("a", 1, **one, **other)
        await write(subject, batch(item))

        assert await verdict(subject, item) == []

    run(body())


def test_texts_may_hold_any_character(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        odd = "\x00\x01\\u0000 \U0001f600 ' \" $1 %s"
        item = replace(
            holding("a", 1, v={"S": odd}, deep={"M": {odd: {"SS": [odd]}}}),
            keys={"k": {"S": odd}},
            old={"k": {"S": odd}, "v": {"S": odd}},
        )
        await write(subject, batch(item))

        assert await verdict(subject, item) == []
        assert len(place.rows("SELECT _hw_old FROM music_history")) == 1

    run(body())


def test_more_attributes_than_columns_are_held(postgres_warehouse: PostgresPlace) -> None:
    """The values of all columns fit a page."""

    async def body() -> None:
        subject = postgres_warehouse.subject()
        attributes = {f"a{number}": {"S": "long enough" * 10} for number in range(400)}
        item = holding("a", 1, **attributes)
        await write(subject, batch(item))

        assert await verdict(subject, item) == []

    run(body())


def test_numbers_keep_all_their_digits(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        texts = ["1E+125", "-9.9999999999999999999999999999999999999E+125", "1E-130", "0.1"]
        numbers = {f"n{index}": {"N": text} for index, text in enumerate(texts)}
        item = holding("a", 1, **numbers, all={"NS": texts})
        await write(subject, batch(item))

        assert await verdict(subject, item) == []

    run(body())


@pytest.mark.parametrize("keep", ["items", "history", "both"])
def test_what_is_held_is_compared_with_the_table(place: WarehousePlace, keep: str) -> None:
    async def body() -> None:
        subject = place.subject(keep=keep)
        await write(
            subject,
            step(0, *(change(f"k{number}", 5, "x", Event.SNAPSHOT) for number in range(4))),
            batch(change("k1", 6, None), change("k2", 7, "y")),
        )
        right = [change("k0", 5, "x"), change("k2", 7, "y"), change("k3", 5, "x")]
        wrong = [change("k0", 5, "other"), change("k1", 5, "x"), change("k3", 5, "x")]

        assert await verdict(subject, *right) == []
        assert len(await verdict(subject, *wrong)) == 3

    run(body())


def test_only_a_change_that_the_database_refuses_is_rejected(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        await write(subject, batch(change("a", 1, "x")))
        place.run("DROP TABLE music_history")
        place.run(
            "CREATE TABLE music_history (_hw_key uuid, _hw_round bigint, _hw_event text, "
            "_hw_id text, _hw_sequence_number text, _hw_time timestamp, _hw_keys json, "
            "_hw_old json, _hw_held boolean, _hw_rest json, k text, v text CHECK (v <> 'bad'))"
        )
        writer = await subject.open()
        changes = [
            change(key, 2 + n, "bad" if key in "be" else "x") for n, key in enumerate("abcdef")
        ]
        rejected = await writer.write(batch(*changes))
        await writer.close()

        assert [each.index for each in rejected] == [1, 4]
        assert all("CHECK" in each.reason or "check" in each.reason for each in rejected)
        assert [name for name, _, _ in history(place)] == ["a-2", "c-4", "d-5", "f-7"]
        assert [key for key, _ in items(place)] == ["a", "c", "d", "f"]

    run(body())


def test_tables_of_others_are_left_alone(place: WarehousePlace) -> None:
    async def body() -> None:
        place.run("CREATE TABLE music_history (k text)")
        with pytest.raises(SinkBroken, match="music_history is there already"):
            await write(place.subject(), batch(change("a", 1, "x")))

        assert place.rows("SELECT * FROM music_history") == []
        await write(place.subject(table="songs"), batch(change("a", 1, "x")))
        other = await KIND.open(place.subject(table="songs").opening(sink_id="another"))
        with pytest.raises(SinkBroken, match="songs is there already"):
            await write_on(other, batch(change("a", 1, "y")))

    run(body())


def test_a_table_that_is_gone_stops_the_sink_until_a_replay(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        writer = await subject.open()
        await writer.write(batch(change("a", 1, "x")))
        place.run("DROP TABLE music")

        with pytest.raises(SinkUnavailable):
            await writer.write(batch(change("a", 2, "y")))
        with pytest.raises(SinkBroken, match="a replay of the sink writes it anew"):
            await writer.write(batch(change("a", 2, "y")))
        await writer.close()
        await write_round(subject, 2, batch(change("a", 2, "z")))

        assert items(place) == [("a", "z")]

    run(body())


def test_a_schema_is_made_if_it_is_not_there(place: WarehousePlace) -> None:
    async def body() -> None:
        await write(place.subject(schema="made here"), batch(change("a", 1, "x")))
        await write_round(place.subject(schema="made here"), 2, batch(change("a", 1, "x")))

        assert len(place.rows('SELECT * FROM "made here".music')) == 1
        place.run('DROP SCHEMA "made here" CASCADE')

    run(body())


def test_several_sinks_and_processes_write_to_one_database(place: WarehousePlace) -> None:
    """Writers of one sink in two processes, and another sink, in turns."""

    async def body() -> None:
        subject, other = place.subject(), place.subject(table="songs")
        writers = [await subject.open(), await subject.open()]
        writers.append(await KIND.open(other.opening(sink_id="another")))
        for number in range(1, 7):
            await writers[number % 2].write(batch(change("a", number, f"v{number}")))
            await writers[2].write(batch(change("b", number, "x"), origin=OTHER))
        for writer in writers:
            await writer.close()

        assert items(place) == [("a", "v6")]
        assert [name for name, _, _ in history(place)] == [f"a-{n}" for n in range(1, 7)]
        assert len(place.rows("SELECT * FROM songs_history")) == 6

    run(body())


def test_what_was_removed_long_ago_is_forgotten(place: WarehousePlace) -> None:
    async def body() -> None:
        subject = place.subject()
        now_us = int(subject.opening().around.clock.now() * 1e6)
        new = replace(change("new", 2, None), time_us=now_us)
        await write(subject, batch(change("old", 1, None), new))
        await write(subject, batch(change("x", 3, "x")))

        assert [row["_hw_version"] for row in place.rows("SELECT * FROM _hw_removed")] == [2]

    run(body())


@contextmanager
def read_elsewhere(path: Path, statement: str) -> Iterator[str]:
    """Have another process keep a file open; gives what it has read there."""
    code = (
        f"import duckdb; opened = duckdb.connect({str(path)!r}, read_only=True); "
        f"print(opened.sql({statement!r}).fetchall(), flush=True); input()"
    )
    words = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as reader:
        assert reader.stdout is not None
        yield reader.stdout.readline()
        reader.communicate("\n")


def test_a_file_can_be_read_between_batches_and_delays_them_meanwhile(
    duckdb_warehouse: DuckDBPlace,
) -> None:
    async def body() -> None:
        writer = await duckdb_warehouse.subject().open()
        await writer.write(batch(change("a", 1, "x")))
        elsewhere = read_elsewhere(duckdb_warehouse.path, "SELECT v FROM music")
        with elsewhere as seen, pytest.raises(SinkUnavailable, match="lock"):
            await writer.write(batch(change("a", 2, "y")))
        await writer.write(batch(change("a", 2, "y")))
        await writer.close()

        assert seen == "[('x',)]\n"
        assert items(duckdb_warehouse) == [("a", "y")]

    run(body())


def test_a_server_that_crashes_has_each_change_once(
    postgres_warehouse: PostgresPlace, postgres: PostgresServer
) -> None:
    async def body() -> None:
        writer = await postgres_warehouse.subject().open()
        await writer.write(batch(change("a", 1, "x")))
        postgres.crash()

        with pytest.raises(SinkUnavailable):
            await writer.write(batch(change("a", 2, "y")))
        await writer.write(batch(change("a", 2, "y")))
        await writer.close()

        assert [name for name, _, _ in history(postgres_warehouse)] == ["a-1", "a-2"]

    run(body())


def test_a_write_to_a_server_that_hangs_can_be_abandoned(
    postgres_warehouse: PostgresPlace, postgres: PostgresServer
) -> None:
    async def body() -> None:
        writer = await postgres_warehouse.subject().open()
        await writer.write(batch(change("a", 1, "x")))
        with postgres_warehouse.locked("music"):
            hanging = asyncio.create_task(writer.write(batch(change("a", 2, "y"))))
            for _ in range(LOOKS_MAX):
                if postgres_warehouse.rows(WAITING):
                    break
                await asyncio.sleep(0)
            with postgres.stopped():
                hanging.cancel()
                await asyncio.wait([hanging])
                await writer.close()
                for thread in threading.enumerate():
                    if thread.name.startswith("warehouse"):
                        thread.join(END_SECONDS_MAX)
                        assert not thread.is_alive()

        assert hanging.cancelled()
        assert items(postgres_warehouse) == [("a", "x")]

    run(body())


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "nobody", "password": "wrong"},
        {"user": "writer", "password": "secret"},
        {"user": "postgres", "table": "x" * 64},
    ],
)
def test_what_can_never_work_stops_the_sink(
    postgres_warehouse: PostgresPlace, wrong: dict[str, str]
) -> None:
    async def body() -> None:
        place = postgres_warehouse
        place.run("DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN PASSWORD 'secret'")
        more = {name: value for name, value in wrong.items() if name != "user"}
        address = place.address.replace("postgres@", f"{wrong['user']}@")
        with pytest.raises(SinkBroken):
            await write(place.subject(database=address, **more), batch(change("a", 1, "x")))

    run(body())


def test_a_server_that_is_not_there_is_waited_for(tmp_path: Any) -> None:
    async def body() -> None:
        place = PostgresPlace(tmp_path, f"postgresql://postgres@/x?host={tmp_path}", "public")
        with pytest.raises(SinkUnavailable):
            await write(place.subject(), batch(change("a", 1, "x")))

    run(body())
