"""Replays, recordings and comparisons, as a user asks for them, against a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headwater.cli import main
from headwater.cli.deployment import deploy, packed
from headwater.testing import Lab
from tests.scenarios.commands import STREAM, TABLE, clients
from tests.server_process import ServerProcess

CHANGES = 60
COUNTING = """
import os
import boto3

tables = boto3.client("dynamodb")

def handler(event, _):
    for record in event["Records"]:
        pk = record["dynamodb"]["Keys"]["pk"]["S"]
        if pk == os.environ.get("POISON"):
            raise ValueError("poison")
        tables.update_item(
            TableName="totals",
            Key={"pk": {"S": pk[0]}},
            UpdateExpression="ADD changes :step",
            ExpressionAttributeValues={":step": {"N": os.environ.get("STEP", "1")}},
        )
"""
DOUBLING = COUNTING.replace('"1"', '"2"')


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess.serve("--memory", "--lab", "--transition-seconds", "0") as process:
        yield process


@pytest.fixture(scope="module")
def tables(server: ServerProcess) -> Iterator[Any]:
    client = clients(server.endpoint)
    yield client
    client.close()


@pytest.fixture(scope="module")
def lab(server: ServerProcess) -> Iterator[Lab]:
    lab = Lab(server.endpoint)
    yield lab
    lab.close()


@pytest.fixture(scope="module", autouse=True)
def history(
    server: ServerProcess, tables: Any, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A table with changes in several shards, of which a function has counted some."""
    functions = clients(server.endpoint, "lambda")
    for name in ("music", "totals", "copy"):
        tables.create_table(**{**TABLE, "TableName": name}, StreamSpecification=STREAM)
        waiter = tables.get_waiter("table_exists")
        waiter.wait(TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 2000})
    code = tmp_path_factory.mktemp("code")
    code.joinpath("app.py").write_text(COUNTING)
    deploy(functions, "count", packed(code), {"Handler": "app.handler"})
    functions.create_event_source_mapping(
        EventSourceArn=tables.describe_table(TableName="music")["Table"]["LatestStreamArn"],
        FunctionName="count",
        StartingPosition="TRIM_HORIZON",
        BatchSize=25,
        FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["INSERT", "MODIFY"]}'}]},
    )
    functions.close()
    for index in range(CHANGES):
        if index == CHANGES // 2:
            lab.split("music")
        item = {"pk": {"S": f"{'ab'[index % 2]}{index % 20}"}, "bytes": {"B": bytes([index])}}
        tables.put_item(TableName="music", Item=item)
    tables.delete_item(TableName="music", Key={"pk": {"S": "a0"}})
    lab.drain()


def run(server: ServerProcess, *words: str | Path) -> Result:
    arguments = [*map(str, words), "--endpoint", server.endpoint]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def items(tables: Any, table: str) -> list[Any]:
    found = tables.scan(TableName=table)["Items"]
    return sorted(found, key=lambda item: str(item["pk"]["S"]))


def test_table_is_made_anew_from_its_records(server: ServerProcess, tables: Any) -> None:
    done = run(server, "replay", "music", "--to-table", "copy")

    assert done.exit_code == 0, done.output
    assert f"{CHANGES + 1} records delivered" in done.output
    assert items(tables, "copy") == items(tables, "music")


def test_sink_takes_the_records_from_a_moment_on(
    server: ServerProcess, tables: Any, lab: Lab
) -> None:
    emptied(tables, "copy")
    added = ("sink", "add", "copies", "music", "table", "table=copy", "--start", "latest")
    run(server, *added)
    lab.drain()

    counted = run(server, "replay", "music", "--to-sink", "copies", "--dry-run")
    before = items(tables, "copy")
    begun = run(server, "replay", "music", "--to-sink", "copies", "--from", "20h")
    lab.drain()
    run(server, "sink", "remove", "copies")

    assert f"{CHANGES + 1} records would be delivered" in counted.output
    assert before == []
    assert begun.exit_code == 0, begun.output
    assert items(tables, "copy") == items(tables, "music")


def test_dry_run_counts_what_the_mapping_of_the_function_would_get(
    server: ServerProcess, tables: Any
) -> None:
    before = items(tables, "totals")

    done = run(server, "replay", "music", "--to-function", "count", "--dry-run")

    assert done.exit_code == 0, done.output
    assert f"{CHANGES} records would be delivered in 3 batches" in done.output
    assert "1 were passed" in done.output
    assert items(tables, "totals") == before


def test_unchanged_function_would_write_the_same(server: ServerProcess, tables: Any) -> None:
    before = items(tables, "totals")

    done = run(server, "diff", "count", "music", "--writes", "totals", "--begin", "empty")

    assert done.exit_code == 0, done.output
    assert "totals: all 2 items are the same" in done.output
    assert items(tables, "totals") == before


def test_changed_code_shows_what_it_would_write(server: ServerProcess, tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text(DOUBLING)

    done = run(
        server, "diff", "count", "music", "--writes", "totals", "--begin", "empty",
        "--code", tmp_path,
    )  # fmt: skip

    assert done.exit_code == 1, done.output
    assert f"~ pk=a\n  - changes: {CHANGES // 2}\n  + changes: {CHANGES}\n" in done.output
    assert "totals: 2 of 2 items differ" in done.output


def test_table_as_it_was_is_where_a_comparison_begins(
    server: ServerProcess, tables: Any, lab: Lab
) -> None:
    """Nothing was written since, so the shadow stays as the table was, which it still is."""
    compared = ("diff", "count", "music", "--writes", "totals")
    without = run(server, *compared, "--from", "1s")
    tables.update_continuous_backups(
        TableName="totals", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    lab.clock.advance(hours=1)
    before = tables.list_tables()["TableNames"]

    done = run(server, *compared, "--from", "1m")

    assert without.exit_code == 2
    assert "What totals held at the first record is not known: it has no recovery" in without.output
    assert done.exit_code == 0, done.output
    assert tables.list_tables()["TableNames"] == before


def test_shadow_is_gone_when_the_function_fails(server: ServerProcess) -> None:
    done = run(
        server, "diff", "count", "music", "--writes", "totals", "--begin", "empty",
        "--env", "POISON=a4",
    )  # fmt: skip

    assert done.exit_code == 2
    assert "poison" in done.output
    assert "To go on with the batch, replay from 20" in done.output


def test_recording_is_replayed_without_its_stream(
    server: ServerProcess, tables: Any, tmp_path: Path
) -> None:
    file = tmp_path / "music.jsonl"
    exported = run(server, "export", "music", file)
    again = run(server, "export", "music", file)
    emptied(tables, "copy")

    done = run(server, "replay", "--recording", file, "--to-table", "copy")

    assert exported.exit_code == 0, exported.output
    assert (again.exit_code, "exists already" in again.output) == (1, True)
    assert done.exit_code == 0, done.output
    assert items(tables, "copy") == items(tables, "music")
    assert [path.name for path in tmp_path.iterdir()] == ["music.jsonl"]


def emptied(tables: Any, table: str) -> None:
    for item in tables.scan(TableName=table)["Items"]:
        tables.delete_item(TableName=table, Key={"pk": item["pk"]})


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("replay", "music"), 2, "give one target"),
        (("replay", "--to-table", "copy"), 2, "give a table, or a recording"),
        (("replay", "music", "--to-table", "music"), 1, "music is where the records are from"),
        (("replay", "none", "--to-table", "copy"), 1, "ResourceNotFoundException"),
        (("replay", "music", "--to-function", "none"), 1, "Function not found"),
        (("replay", "music", "--to-table", "copy", "--from", "2099-01-01"), 2, "in the future"),
        (("replay", "music", "--to-sink", "none"), 1, "Sink not found"),
        (("replay", "music", "--to-sink", "none", "--to-table", "copy"), 2, "give one target"),
        (("replay", "music", "--to-sink", "none", "--until", "1h"), 2, "to the present"),
        (("diff", "none", "music", "--writes", "totals"), 2, "Function not found"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    server: ServerProcess, words: tuple[str, ...], status: int, text: str
) -> None:
    done = run(server, *words)

    assert done.exit_code == status
    assert text in done.output
    assert "Traceback" not in done.output
