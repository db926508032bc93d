"""`headwater sink`: has a table's changes flow to other places, and shows how that goes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from headwater.cli.endpoint import endpoint_options
from headwater.cli.lab_request import ask, fail

_LOOK_SECONDS: Final = 0.2
_STARTS: Final = click.Choice(["BACKFILL", "TRIM_HORIZON", "LATEST"], case_sensitive=False)
_name = click.argument("name")
_wait = click.option(
    "--wait/--no-wait", default=True, help="Show the progress of a back-fill until it is done."
)

Server = tuple[str, str]


@click.group()
def command() -> None:
    """Have changes flow to a lake, another table and other places."""


@command.command()
@_name
@click.argument("table")
@click.argument("kind")
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option("--start", type=_STARTS, default="BACKFILL", show_default=True, help="Where.")
@click.option("--batch-size", type=int, help="Changes in a batch at the most.")
@click.option("--batch-bytes", type=int, help="Bytes of a batch, after which it is full.")
@click.option("--window", type=float, help="Seconds to wait for a batch to become full.")
@click.option("--filter", "filters", multiple=True, help="Pattern of records; several are joined.")
@click.option("--transform", help="JMESPath expression that makes the document of a change.")
@click.option("--function", help="Function that makes the documents of changes.")
@click.option("--failure-destination", metavar="ARN", help="Where changes go that are refused.")
@_wait
@endpoint_options
def add(name: str, table: str, kind: str, settings: tuple[str, ...], **options: Any) -> None:
    """Have the changes of TABLE flow to a sink NAME of a KIND, with its SETTINGs.

    It begins with the items that are there, unless --start says otherwise.
    """
    server = options["endpoint"], options["region"]
    asked = {
        "Name": name,
        "Table": table,
        "Kind": kind,
        "Settings": dict(_setting(each) for each in settings),
        "Start": options["start"].upper(),
        "BatchSize": options["batch_size"],
        "BatchBytes": options["batch_bytes"],
        "BatchWindowSeconds": options["window"],
        "Filters": list(options["filters"]),
        "Transform": options["transform"],
        "TransformFunction": options["function"],
        "FailureDestination": options["failure_destination"],
    }
    given = {member: value for member, value in asked.items() if value is not None}
    _begun(ask(("CreateSink", given), server)["Sink"], server, is_waiting=options["wait"])


@command.command("list")
@endpoint_options
def list_command(endpoint: str, region: str) -> None:
    """List the sinks of a region."""
    found = ask(("ListSinks", {}), (endpoint, region))["Sinks"]
    table = Table(box=None)
    for heading in ("NAME", "KIND", "TABLE", "STATE", "REASON"):
        table.add_column(heading)
    for sink in found:
        table.add_row(
            sink["Name"], sink["Kind"], sink["Table"], sink["State"], sink.get("Reason", "")
        )
    Console().print(table if found else "There are no sinks.")


@command.command()
@_name
@endpoint_options
def show(name: str, endpoint: str, region: str) -> None:
    """Show the sink NAME: its state, what it has written, how far behind it is, what went wrong."""
    told = ask(("DescribeSink", {"Name": name}), (endpoint, region))
    console = Console(highlight=False)
    for line in _lines(told):
        console.print(line, soft_wrap=True, markup=False)


@command.command()
@_name
@endpoint_options
def pause(name: str, endpoint: str, region: str) -> None:
    """Have the sink NAME take no more for now."""
    ask(("UpdateSink", {"Name": name, "State": "PAUSED"}), (endpoint, region))
    click.echo(f"{name} is paused.")


@command.command()
@_name
@endpoint_options
def resume(name: str, endpoint: str, region: str) -> None:
    """Have the sink NAME go on, paused or stopped, from where it is."""
    sink = ask(("UpdateSink", {"Name": name, "State": "RUNNING"}), (endpoint, region))["Sink"]
    click.echo(f"{name} is {sink['State']}.")


@command.command()
@_name
@endpoint_options
def check(name: str, endpoint: str, region: str) -> None:
    """Compare what the sink NAME holds with its table; exit 1 if it is not the same.

    It should have caught up, and nobody should be writing.
    """
    told = ask(("CheckSink", {"Name": name}), (endpoint, region))
    for fault in told["Faults"]:
        click.echo(fault)
    click.echo(f"{told['Items']:,} items, {told['FaultCount']:,} faults")
    sys.exit(1 if told["FaultCount"] else 0)


@command.command()
@_name
@endpoint_options
def remove(name: str, endpoint: str, region: str) -> None:
    """Delete the sink NAME; what it has written stays."""
    ask(("DeleteSink", {"Name": name}), (endpoint, region))
    click.echo(f"{name} is removed.")


@command.command()
@_name
@click.option("--from", "start", type=_STARTS, default="BACKFILL", show_default=True, help="Where.")
@_wait
@endpoint_options
def replay(name: str, start: str, wait: bool, endpoint: str, region: str) -> None:  # noqa: FBT001 - click's form
    """Have the sink NAME begin anew."""
    server = endpoint, region
    asked = {"Name": name, "From": start.upper()}
    _begun(ask(("ReplaySink", asked), server)["Sink"], server, is_waiting=wait)


def _begun(sink: Mapping[str, Any], server: Server, *, is_waiting: bool) -> None:
    """Tell that a sink has begun, once its items are written if that is waited for."""
    name = sink["Name"]
    if is_waiting and sink["State"] == "BACKFILLING":
        sink = _filled(name, server)
    if sink["State"] == "STOPPED":
        fail(f"{name} has stopped: {sink['Reason']}")
    click.echo(f"{name} is {sink['State']}.")


def _filled(name: str, server: Server) -> Mapping[str, Any]:
    """The sink, once it is not being filled any more."""
    told = ask(("DescribeSink", {"Name": name}), server)
    table = {"TableName": told["Sink"]["Table"]}
    count = ask(("DescribeTable", table), server, "dynamodb")["Table"]["ItemCount"]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    error = None
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("Writing the items", total=max(count, 1))
        while told["Sink"]["State"] == "BACKFILLING":
            bar.update(task, completed=told["Items"], total=max(count, told["Items"], 1))
            if told.get("LastError") != error:
                error = told["LastError"]
                bar.console.print(f"Tried again: {error}", markup=False)
            threading.Event().wait(_LOOK_SECONDS)
            told = ask(("DescribeSink", {"Name": name}), server)
        bar.update(task, completed=told["Items"], total=max(told["Items"], 1))
    sink: Mapping[str, Any] = told["Sink"]
    return sink


def _lines(told: Mapping[str, Any]) -> list[str]:
    sink = told["Sink"]
    lines = [
        f"{sink['Name']}: {sink['Kind']}, from {sink['Table']}, {sink['State']}",
        *([f"stopped because: {sink['Reason']}"] if "Reason" in sink else []),
        ", ".join(f"{name} {value}" for name, value in sink["Settings"].items()),
        ", ".join(f"{name} {count:,}" for name, count in told["Counts"].items()),
        f"{told['ChangesPerSecond']:.1f} changes a second over the last minute",
    ]
    if "Items" in told:
        lines.append(f"{told['Items']:,} items written by the back-fill")
    if "LagSeconds" in told:
        lines.append(f"the last record was written {told['LagSeconds']:.3f} s after its change")
    if "LastError" in told:
        lines.append(f"last error at {_moment(told['LastErrorAt'])}: {told['LastError']}")
    lines += [f"warning: {warning}" for warning in told["Warnings"]]
    for shard in told["Shards"]:
        state = "finished" if shard["IsFinished"] else "closed" if shard["IsClosed"] else "open"
        position = shard.get("Position", "not read yet")
        lines.append(f"{shard['ShardId']}  {state}, {shard['Lag']:,} behind, at {position}")
    return lines


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        click.echo(f"{text} is no setting: it must be NAME=VALUE.", err=True)
        sys.exit(2)
    return name, value


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
