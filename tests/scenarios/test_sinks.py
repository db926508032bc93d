"""Sinks of every kind from a configuration file, while the server is killed under load."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headwater.cli.sink import command
from tests.scenarios.commands import STREAM, clients
from tests.scenarios.sink_place import Place, create, items_of, until_active
from tests.server_process import ServerProcess
from tests.warehouse_places import DuckDBPlace, PostgresPlace, WarehousePlace

ITEMS = 100
WRITES = 100
KILLED_AT = (40, 75)
CONFIGURATION = """
[[sink]]
name = "lake"
table = "music"
kind = "lake"
batch_window_seconds = 0
batch_size = 40
settings = {{ location = "file:lake/music", partition_by = "attribute", partition_attribute = "g" }}

[[sink]]
name = "counts"
table = "music"
kind = "table"
batch_size = 40
settings = {{ table = "genres", form = "counts", key = "pk=g", sums = "plays=n" }}

[[sink]]
name = "copy"
table = "music"
kind = "table"
batch_size = 40
settings = {{ table = "music", endpoint = "{elsewhere}" }}

[[sink]]
name = "warehouse"
table = "music"
kind = "warehouse"
batch_window_seconds = 0
batch_size = 40
"""
POSTGRES = """
[[sink]]
name = "postgres"
table = "music"
kind = "warehouse"
batch_window_seconds = 0
batch_size = 40
settings = {{ database = "{database}", schema = "{schema}" }}
"""
# What each row is of, which nothing else in the history may be of: an item or a change of it.
HISTORY = (
    "SELECT CASE _hw_event WHEN 'SNAPSHOT' THEN CAST(_hw_keys AS text) ELSE _hw_id END AS of_what "
    "FROM music_history"
)


@pytest.fixture
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> list[WarehousePlace]:
    """A file of DuckDB where the server writes it, and a server of PostgreSQL if one can be had."""
    found: list[WarehousePlace] = [DuckDBPlace(tmp_path / "files", "warehouse/warehouse.duckdb")]
    with suppress(pytest.skip.Exception):
        server = request.getfixturevalue("postgres")
        place = PostgresPlace(tmp_path, server.address, tmp_path.name)
        place.run(f'CREATE SCHEMA "{tmp_path.name}"')
        found.append(place)
    return found


@contextmanager
def placed(folder: Path, databases: list[WarehousePlace]) -> Iterator[tuple[Place, Any]]:
    """A server with sinks, and a client of the server that one of them copies to."""
    with ServerProcess.serve("--memory") as elsewhere:
        other = clients(elsewhere.endpoint)
        create(other, "music")
        configuration = CONFIGURATION.format(elsewhere=elsewhere.endpoint)
        for database in databases[1:]:
            configuration += POSTGRES.format(**database.settings)
        place = Place(folder, configuration)
        try:
            create(place.dynamodb, "genres")
            yield place, other
        finally:
            place.stop()


def lines_of(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.rglob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def song(number: int, genre: str, plays: int) -> dict[str, Any]:
    return {"pk": {"S": f"s{number}"}, "g": {"S": genre}, "n": {"N": str(plays)}}


def test_sinks_hold_what_the_table_holds_whatever_was_killed(
    tmp_path: Path, databases: list[WarehousePlace]
) -> None:
    chance = random.Random(1)
    with placed(tmp_path, databases) as (place, other):
        dynamodb = place.dynamodb
        create(dynamodb, "music")
        for number in range(ITEMS):
            dynamodb.put_item(TableName="music", Item=song(number, chance.choice("abc"), number))
        dynamodb.update_table(TableName="music", StreamSpecification=STREAM)
        until_active(dynamodb, "music")
        for turn in range(WRITES):
            number = chance.randrange(ITEMS)
            if chance.random() < 0.2:
                dynamodb.delete_item(TableName="music", Key={"pk": {"S": f"s{number}"}})
            else:
                item = song(number, chance.choice("abc"), chance.randrange(100))
                dynamodb.put_item(TableName="music", Item=item)
            if turn in KILLED_AT:
                place.kill()
                place.start_again()
        place.caught_up()

        items = items_of(dynamodb, "music")
        counts = Counter(item["g"] for item in items.values())
        plays = {genre: Decimal(0) for genre in counts}
        for item in items.values():
            plays[item["g"]] += item["n"]
        assert items_of(other, "music") == items
        assert items_of(dynamodb, "genres") == {
            genre: {"pk": genre, "count": count, "plays": plays[genre]}
            for genre, count in counts.items()
        }
        for name in place.sinks:
            told = place.ask("CheckSink", Name=name)
            assert (told["FaultCount"], told["Faults"]) == (0, [])
        lines = lines_of(place.files / "lake")
        assert (
            max(Counter(line["id"] for line in lines if line["event"] != "SNAPSHOT").values()) == 1
        )
        latest = {}
        for line in sorted(lines, key=lambda each: str(each["sequence_number"])):
            latest[line["keys"]["pk"]] = line["new"]
        assert {key: new for key, new in latest.items() if new is not None} == items
        for database in databases:
            assert {row["pk"]: row for row in database.rows("SELECT pk, g, n FROM music")} == items
            assert max(Counter(row["of_what"] for row in database.rows(HISTORY)).values()) == 1


def test_commands_show_pause_replay_and_remove_a_sink(tmp_path: Path) -> None:
    options = ("--data", tmp_path / "data", "--sink-files", tmp_path / "files")
    with ServerProcess.serve(*options) as server:
        dynamodb = clients(server.endpoint)
        create(dynamodb, "music", StreamSpecification=STREAM)
        dynamodb.put_item(TableName="music", Item=song(1, "a", 1))

        def run(*words: str) -> Result:
            return CliRunner().invoke(command, [*words, "--endpoint", server.endpoint])

        def told(*words: str) -> str:
            done = run(*words)
            assert done.exit_code == 0, done.output
            return done.stdout

        added = told("add", "lake", "music", "lake", "location=file:lake", "format=parquet")
        shown = told("show", "lake")
        paused = told("pause", "lake")
        listed = told("list")
        replayed = told("replay", "lake", "--from", "latest")
        removed = told("remove", "lake")
        odd = run("add", "x", "music", "fridge")

    assert added == "lake is RUNNING.\n"
    assert "lake: lake, from music, RUNNING" in shown
    assert "1 items written by the back-fill" in shown
    assert paused == "lake is paused.\n"
    assert "PAUSED" in listed
    assert replayed == "lake is RUNNING.\n"
    assert removed == "lake is removed.\n"
    assert odd.exit_code == 1
    assert "there is no kind of sink 'fridge'" in odd.stderr
    assert list((tmp_path / "files").rglob("*.parquet"))
