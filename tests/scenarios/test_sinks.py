"""Sinks of every kind from a configuration file, while the server is killed under load."""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from click.testing import CliRunner, Result

from headwater.cli.sink import command
from headwater.testing.wire import Wire
from tests.scenarios.commands import STREAM, TABLE, clients
from tests.server_process import HEADWATER, ServerProcess

WAIT_SECONDS_MAX = 60
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
"""
SINKS = ("lake", "counts", "copy")


class Place:
    """A server with sinks, that is killed and started again."""

    def __init__(self, folder: Path, elsewhere: str) -> None:
        file = folder / "headwater.toml"
        file.write_text(CONFIGURATION.format(elsewhere=elsewhere))
        self._files = folder / "files"
        places = ("--data", folder / "data", "--sink-files", self._files)
        self._options: tuple[str | Path, ...] = ("--config", file, *places)
        self._server = self._start("0")
        self.endpoint = self._server.endpoint
        self.dynamodb = clients(self.endpoint)

    def _start(self, port: str) -> ServerProcess:
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        words: list[str | Path] = [HEADWATER, "serve", "--port", port, *self._options]
        return ServerProcess.start(words, environment)

    def kill(self) -> None:
        self._server.kill()
        self._server = self._start(self.endpoint.rpartition(":")[2])

    def stop(self) -> None:
        self._server.stop()

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        wire = Wire(self.endpoint, "us-east-1")
        try:
            return wire.call("headwater", operation, **body)
        finally:
            wire.close()

    def caught_up(self) -> None:
        """Wait until every sink has written everything."""
        for _ in range(WAIT_SECONDS_MAX * 20):
            found = {sink["Name"] for sink in self.ask("ListSinks")["Sinks"]}
            if found == set(SINKS) and all(self._has_caught_up(name) for name in SINKS):
                return
            threading.Event().wait(0.05)
        raise AssertionError({name: self.ask("DescribeSink", Name=name) for name in SINKS})

    def _has_caught_up(self, name: str) -> bool:
        told = self.ask("DescribeSink", Name=name)
        is_running = told["Sink"]["State"] == "RUNNING"
        return is_running and not any(shard["Lag"] for shard in told["Shards"])

    def lines(self) -> list[dict[str, Any]]:
        paths = sorted((self._files / "lake").rglob("*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@contextmanager
def placed(folder: Path) -> Iterator[tuple[Place, Any]]:
    """A server with sinks, and a client of the server that one of them copies to."""
    with ServerProcess.serve("--memory") as elsewhere:
        other = clients(elsewhere.endpoint)
        create(other, "music")
        place = Place(folder, elsewhere.endpoint)
        try:
            create(place.dynamodb, "genres")
            yield place, other
        finally:
            place.stop()


def items_of(dynamodb: Any, table: str) -> dict[str, dict[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    plain = TypeDeserializer().deserialize
    found = [plain({"M": item}) for page in pages for item in page["Items"]]
    return {item["pk"]: item for item in found}


def create(dynamodb: Any, name: str, **more: Any) -> None:
    """A table, once it takes items."""
    dynamodb.create_table(**{**TABLE, "TableName": name, **more})
    until_active(dynamodb, name)


def until_active(dynamodb: Any, name: str) -> None:
    for _ in range(WAIT_SECONDS_MAX * 50):
        if dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE":
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{name} does not become active")


def song(number: int, genre: str, plays: int) -> dict[str, Any]:
    return {"pk": {"S": f"s{number}"}, "g": {"S": genre}, "n": {"N": str(plays)}}


def test_sinks_hold_what_the_table_holds_whatever_was_killed(tmp_path: Path) -> None:
    chance = random.Random(1)
    with placed(tmp_path) as (place, other):
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
        for name in SINKS:
            told = place.ask("CheckSink", Name=name)
            assert (told["FaultCount"], told["Faults"]) == (0, [])
        lines = place.lines()
        assert (
            max(Counter(line["id"] for line in lines if line["event"] != "SNAPSHOT").values()) == 1
        )
        latest = {}
        for line in sorted(lines, key=lambda each: str(each["sequence_number"])):
            latest[line["keys"]["pk"]] = line["new"]
        assert {key: new for key, new in latest.items() if new is not None} == items


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
