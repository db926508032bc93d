"""`headwater mapping`: the event source mappings of a server, and what one is doing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from headwater.cli.endpoint import endpoint_options, session
from headwater.cli.lab_request import ask

_PAGE: Final = 100
_UUID_CHARS: Final = 36


@click.group()
def command() -> None:
    """Look at event source mappings."""


@command.command("list")
@endpoint_options
def list_command(endpoint: str, region: str) -> None:
    """List the mappings of a region."""
    console = Console()
    client = session(region).client("lambda", endpoint_url=endpoint)
    table = Table(box=None)
    table.add_column("UUID", no_wrap=True, min_width=_UUID_CHARS)
    for heading in ("FUNCTION", "STREAM", "STATE", "LAST RESULT"):
        table.add_column(heading)
    try:
        pages = client.get_paginator("list_event_source_mappings").paginate(
            PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            for mapping in page["EventSourceMappings"]:
                table.add_row(*_line(mapping))
    except (BotoCoreError, ClientError) as error:
        console.print(f"[red]Not listed:[/] {error}")
        sys.exit(1)
    console.print(table if table.row_count else "There are no mappings.")


@command.command()
@click.argument("uuid")
@endpoint_options
def show(uuid: str, endpoint: str, region: str) -> None:
    """Show the mapping UUID: its shards, how far it is, what it delivers, what went wrong."""
    answer = ask(("DescribeMapping", {"UUID": uuid}), (endpoint, region))
    console = Console(highlight=False)
    mapping = answer["Mapping"]
    console.print(f"{mapping['FunctionArn']} reads {mapping['EventSourceArn']}", soft_wrap=True)
    console.print(f"{mapping['State']}, last result: {mapping['LastProcessingResult']}")
    counts = answer["Counts"]
    console.print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if "IteratorAgeSeconds" in answer:
        console.print(f"iterator age {answer['IteratorAgeSeconds']:.3f} s")
    for shard in answer["Shards"]:
        console.print()
        for line in _shard_lines(shard):
            console.print(line, soft_wrap=True)


def _line(mapping: dict[str, Any]) -> tuple[str, ...]:
    return (
        mapping["UUID"],
        mapping["FunctionArn"].partition(":function:")[2],
        mapping["EventSourceArn"].partition(":table/")[2],
        mapping["State"],
        mapping["LastProcessingResult"],
    )


def _shard_lines(shard: dict[str, Any]) -> list[str]:
    state = "finished" if shard["IsFinished"] else "closed" if shard["IsClosed"] else "open"
    position = shard.get("Position", "not read yet")
    lines = [
        f"{shard['ShardId']}  {state}, {shard['Lag']:,} behind",
        f"  position {position}, last {shard['LastSequenceNumber']}",
    ]
    if "Window" in shard:
        window = shard["Window"]
        span = f"{_moment(window['Start'])} to {_moment(window['End'])}"
        lines.append(f"  window {span}, state of {window['StateBytes']:,} bytes")
    for batch in shard["Batches"]:
        first = batch.get("FirstSequenceNumber", "the window's end")
        lines.append(
            f"  delivering {batch['Records']:,} records from {first} "
            f"since {_moment(batch['BeganAt'])}, failed {batch['DeliveriesBefore']} times"
        )
    if shard["Attempts"]:
        retry = f", again at {_moment(shard['RetryAt'])}" if "RetryAt" in shard else ""
        lines.append(f"  {shard['Attempts']} attempts in vain{retry}")
    if "LastError" in shard:
        lines.append(f"  last error at {_moment(shard['LastErrorAt'])}: {shard['LastError']}")
    return lines


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
