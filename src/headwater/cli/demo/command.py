"""The demo's command: replay, wait until every consumer has caught up, prove, report."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
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
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from headwater.cli.client import Client, ServerGone, ServerSaidNo, connected
from headwater.cli.demo import malformed, proofs
from headwater.cli.demo.history import Change, File, HistoryUnreadable, changes, tree
from headwater.cli.demo.onward import Onward, onward
from headwater.cli.demo.replay import WORKERS, replay
from headwater.cli.demo.report import Outcome, report
from headwater.cli.demo.server import OwnServer, ServerDidNotStart, own_server
from headwater.cli.deployment import deploy, packed
from headwater.clock import Clock, SystemClock

FILES: Final = "files"
TOTALS: Final = "totals"
FUNCTION: Final = "maintain-totals"
DRAIN_SECONDS: Final = 600
_MALFORMED_CHANGES: Final = 2  # it is put, and deleted
_SHOW_EVERY: Final = 50
_LOOK_SECONDS: Final = 0.5
_FUNCTION_FOLDER: Final = Path(__file__).parent / "function"


@click.command()
@click.option(
    "--git",
    "repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current directory",
    help="Repository whose history is replayed.",
)
@click.option(
    "--all",
    "is_all",
    is_flag=True,
    help="Have it flow on to another region, a lake, a warehouse and a mailbox, too.",
)
def command(repository: Path, is_all: bool) -> None:  # noqa: FBT001 - click gives it so
    """Replay a git history through a table, its stream and a function, and prove the outcome."""
    console = Console()
    try:
        with console.status(f"Reading the history of {repository.resolve()}"):
            history, files = changes(repository), tree(repository)
        with own_server() as server:
            stage = Stage(console, SystemClock(), server)
            outcome = asyncio.run(_run(stage, Story(history, files, is_all=is_all)))
    except* (HistoryUnreadable, ServerDidNotStart, ServerGone, ServerSaidNo) as faults:
        # One is enough: when the server goes, every request under way fails for the same reason.
        fault = _innermost(faults)
        console.print(f"[red]The demo stopped:[/] {str(fault) or type(fault).__name__}")
        sys.exit(2)
    report(console, outcome)
    if not all(proof.holds for proof in outcome.proofs):
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo shows what it does, by what time it goes, and on what server."""

    console: Console
    clock: Clock
    server: OwnServer


@dataclass(frozen=True, slots=True)
class Story:
    """What is shown: a history that ends in a tree. is_all: how it flows on, too."""

    history: Sequence[Change]
    files: Sequence[File]
    is_all: bool


def _innermost(fault: BaseException) -> BaseException:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


async def _run(stage: Stage, story: Story) -> Outcome:
    if not story.is_all:
        return await _shown(stage, story, None)
    async with onward(FILES, stage.server.files) as places:
        return await _shown(stage, story, places)


async def _shown(stage: Stage, story: Story, places: Onward | None) -> Outcome:
    console, clock, endpoint = stage.console, stage.clock, stage.server.endpoint
    history, files = story.history, story.files
    session = boto3.Session("headwater", "headwater", region_name="us-east-1")
    with console.status("Creating tables, function and event source mapping"):
        arn = await asyncio.to_thread(_prepare, session, endpoint)
        sqs = session.client("sqs", endpoint_url=endpoint)
    # One connection more than there are writers, to ask for the delay meanwhile.
    async with connected(endpoint, WORKERS + 1) as client:
        if places is not None:
            await places.begin(client)
        began = clock.monotonic()
        await _write(stage, client, history)
        written = clock.monotonic()
        with console.status("Waiting until every consumer has caught up"):
            await client.call("headwater", "Drain", {"TimeoutSeconds": DRAIN_SECONDS})
        drained = clock.monotonic()
        with console.status("Proving"):
            shards = await proofs.stream(client, arn)
            found = [each async for each in proofs.items(client, FILES)]
            totals = [each async for each in proofs.items(client, TOTALS)]
            delays = await client.call("headwater", "DescribeDelivery", {})
            letters = await malformed.letters(sqs, clock, _MALFORMED_CHANGES if history else 0)
            elsewhere = await places.proofs(endpoint, clock, found) if places is not None else []
    count = len(history) + (_MALFORMED_CHANGES if history else 0)
    return Outcome(
        count,
        written - began,
        drained - written,
        [
            proofs.files_equal_tree(found, files),
            proofs.totals_equal_tree(totals, files),
            proofs.stream_replays(shards, found),
            proofs.no_gap_no_duplicate(shards, count),
            proofs.order_kept(shards),
            malformed.given_up_alone(shards, letters),
            *elsewhere,
        ],
        shards,
        delays["DelaySeconds"],
        [] if places is None else places.left_out,
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
        packed(_FUNCTION_FOLDER),
        {"Handler": "app.handler", "Environment": {"Variables": {"TOTALS_TABLE": TOTALS}}},
    )
    arn: str = dynamodb.describe_table(TableName=FILES)["Table"]["LatestStreamArn"]
    sqs = session.client("sqs", endpoint_url=endpoint)
    url = sqs.create_queue(QueueName=malformed.QUEUE)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    functions.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=FUNCTION,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1000,
        **malformed.settings(queue["Attributes"]["QueueArn"]),
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


async def _write(stage: Stage, client: Client, history: Sequence[Change]) -> None:
    """Replay the history under a bar that tells the rate and the function's delay."""
    with Progress(
        SpinnerColumn(),
        TextColumn("Replaying the history"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} writes/s, delay {task.fields[delay]}"),
        TimeElapsedColumn(),
        console=stage.console,
    ) as progress:
        bar = progress.add_task("writes", total=len(history), rate="-", delay="-")
        watch = asyncio.create_task(_watch(stage, client, progress, bar))
        began = stage.clock.monotonic()
        written = 0

        def note() -> None:
            nonlocal written
            written += 1
            if written % _SHOW_EVERY == 0 or written == len(history):
                rate = written / (stage.clock.monotonic() - began)
                progress.update(bar, completed=written, rate=f"{rate:,.0f}")

        try:
            await _replay(client, history, note)
        finally:
            watch.cancel()
            await asyncio.wait([watch])


async def _replay(client: Client, history: Sequence[Change], note: Callable[[], None]) -> None:
    """Write the history, and in its middle an item that the function cannot read."""
    middle = len(history) // 2
    await replay(client, FILES, history[:middle], note)
    for change in history[middle : middle + 1]:
        spoiled = malformed.item(change.file)
        await client.call("dynamodb", "PutItem", {"TableName": FILES, "Item": spoiled})
        await replay(client, FILES, history[middle:], note)
        key = malformed.key(change.file)
        await client.call("dynamodb", "DeleteItem", {"TableName": FILES, "Key": key})


async def _watch(stage: Stage, client: Client, progress: Progress, bar: TaskID) -> None:
    """Show the median delay from a write to the start of the function, again and again."""
    while True:
        delivered = await client.call("headwater", "DescribeDelivery", {})
        median = delivered["DelaySeconds"].get("p50")
        if median is not None:
            progress.update(bar, delay=f"{median * 1000:,.0f} ms")
        await stage.clock.sleep(_LOOK_SECONDS)
