"""The demo's command: replay, wait until every consumer has caught up, prove, report."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from headwater.cli.client import Client, ServerGone, ServerSaidNo, connected
from headwater.cli.demo import proofs
from headwater.cli.demo.history import Change, File, HistoryUnreadable, changes, tree
from headwater.cli.demo.proofs import Proof, ShardRecords
from headwater.cli.demo.replay import WORKERS, replay
from headwater.cli.demo.server import ServerDidNotStart, own_server
from headwater.cli.deployment import deploy

FILES: Final = "files"
TOTALS: Final = "totals"
FUNCTION: Final = "maintain-totals"
DRAIN_SECONDS: Final = 600
_FUNCTION_FOLDER: Final = Path(__file__).parent / "function"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo did and found."""

    changes: int
    write_seconds: float
    drain_seconds: float
    proofs: Sequence[Proof]
    shards: Sequence[ShardRecords]
    delays: dict[str, float]


@click.command()
@click.option(
    "--git",
    "repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current directory",
    help="Repository whose history is replayed.",
)
def command(repository: Path) -> None:
    """Replay a git history through a table, its stream and a function, and prove the outcome."""
    console = Console()
    try:
        with console.status(f"Reading the history of {repository.resolve()}"):
            history, files = changes(repository), tree(repository)
        with own_server() as endpoint:
            outcome = asyncio.run(_run(console, endpoint, history, files))
    except (HistoryUnreadable, ServerDidNotStart, ServerGone, ServerSaidNo) as error:
        console.print(f"[red]The demo stopped:[/] {error or type(error).__name__}")
        sys.exit(2)
    report(console, outcome)
    if not all(proof.holds for proof in outcome.proofs):
        sys.exit(1)


async def _run(
    console: Console, endpoint: str, history: Sequence[Change], files: Sequence[File]
) -> Outcome:
    session = boto3.Session("headwater", "headwater", region_name="us-east-1")
    with console.status("Creating tables, function and event source mapping"):
        arn = await asyncio.to_thread(_prepare, session, endpoint)
    async with connected(endpoint, WORKERS) as client:
        began = time.perf_counter()
        await _write(console, client, history)
        written = time.perf_counter()
        with console.status("Waiting until every consumer has caught up"):
            await client.call("headwater", "Drain", {"TimeoutSeconds": DRAIN_SECONDS})
        drained = time.perf_counter()
        with console.status("Proving"):
            shards = await proofs.stream(client, arn)
            found = [each async for each in proofs.items(client, FILES)]
            totals = [each async for each in proofs.items(client, TOTALS)]
            delays = await client.call("headwater", "DescribeDelivery", {})
    return Outcome(
        len(history),
        written - began,
        drained - written,
        [
            proofs.files_equal_tree(found, files),
            proofs.totals_equal_tree(totals, files),
            proofs.stream_replays(shards, found),
            proofs.no_gap_no_duplicate(shards, len(history)),
            proofs.order_kept(shards),
        ],
        shards,
        delays["DelaySeconds"],
    )


def _prepare(session: Any, endpoint: str) -> str:
    """Create what the history flows through; returns the ARN of the stream of `files`."""
    dynamodb = session.client("dynamodb", endpoint_url=endpoint)
    dynamodb.create_table(
        **_keys("path"),
        TableName=FILES,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.create_table(**_keys("extension"), TableName=TOTALS)
    for table in (FILES, TOTALS):
        dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    functions = session.client("lambda", endpoint_url=endpoint)
    deploy(
        functions,
        FUNCTION,
        _FUNCTION_FOLDER,
        {"Handler": "app.handler", "Environment": {"Variables": {"TOTALS_TABLE": TOTALS}}},
    )
    arn: str = dynamodb.describe_table(TableName=FILES)["Table"]["LatestStreamArn"]
    functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=FUNCTION, StartingPosition="TRIM_HORIZON", BatchSize=1000
    )
    return arn


def _keys(sort: str) -> dict[str, Any]:
    names = ("folder", sort)
    return {
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "BillingMode": "PAY_PER_REQUEST",
    }


async def _write(console: Console, client: Client, history: Sequence[Change]) -> None:
    with Progress(
        SpinnerColumn(),
        TextColumn("Replaying the history"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} writes/s"),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task("writes", total=len(history), rate="-")
        began = time.perf_counter()
        written = 0

        def note() -> None:
            nonlocal written
            written += 1
            if written % 50 == 0 or written == len(history):
                rate = written / (time.perf_counter() - began)
                progress.update(bar, completed=written, rate=f"{rate:,.0f}")

        await replay(client, FILES, history, note)


def report(console: Console, outcome: Outcome) -> None:
    """Print proofs, shards and figures."""
    table = Table(title="What was proved", title_justify="left")
    table.add_column("")
    table.add_column("Claim")
    table.add_column("Compared", justify="right")
    table.add_column("Fault")
    for proof in outcome.proofs:
        sign = "[green]✓[/]" if proof.holds else "[red]✗[/]"
        table.add_row(sign, proof.claim, f"{proof.count:,}", proof.fault or "")
    console.print(table)
    shards = Table(title="The stream's shards", title_justify="left")
    shards.add_column("Shard")
    shards.add_column("Parent")
    shards.add_column("State")
    shards.add_column("Records", justify="right")
    for shard in outcome.shards:
        state = "open" if shard.is_open else "closed"
        shards.add_row(shard.shard_id, shard.parent or "", state, f"{len(shard.records):,}")
    console.print(shards)
    rate = outcome.changes / outcome.write_seconds if outcome.write_seconds else 0
    delays = ", ".join(f"{name} {value * 1000:,.1f} ms" for name, value in outcome.delays.items())
    console.print(
        f"{outcome.changes:,} changes at {rate:,.0f} writes a second; every consumer had caught up "
        f"{outcome.drain_seconds:.2f} s later. From write to start of the function: {delays}."
    )
