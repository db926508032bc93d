"""`headwater tail TABLE`: a table's stream, live, as coloured differences of old and new image."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from headwater.cli.endpoint import endpoint_options, session
from headwater.cli.plain import plain, value_text
from headwater.consumer import LATEST, TRIM_HORIZON, CallFailed, Follower, ReadSettings, connect
from headwater.consumer.events import Event, RecordsTrimmed
from headwater.consumer.position import Start

_SETTINGS: Final = ReadSettings(idle_seconds=0.2, discovery_seconds=10.0)
_STYLES: Final = {"INSERT": "bold green", "MODIFY": "bold yellow", "REMOVE": "bold red"}
_STARTS: Final[dict[str, Start]] = {"trim-horizon": TRIM_HORIZON, "latest": LATEST}


@click.command()
@click.argument("table")
@click.option("--from", "start", type=click.Choice(list(_STARTS)), default="latest",
              show_default=True, help="Where to begin.")  # fmt: skip
@endpoint_options
def command(table: str, start: str, endpoint: str, region: str) -> None:
    """Show the changes of TABLE as they happen, until interrupted."""
    console = Console(highlight=False)
    clients = session(region)
    try:
        tables = clients.client("dynamodb", endpoint_url=endpoint)
        arn = tables.describe_table(TableName=table)["Table"].get("LatestStreamArn")
        if arn is None:
            console.print(f"{table} has no stream; enable one with UpdateTable.")
            sys.exit(1)

        def observe(event: Event) -> None:
            if isinstance(event, RecordsTrimmed):
                console.print(f"[red]Records of {event.shard_id} were trimmed unread.[/]")

        services = connect(clients, endpoint)
        follower = Follower(services, arn, _STARTS[start], _SETTINGS, observe)
        asyncio.run(_follow(console, follower))
    except (BotoCoreError, ClientError, CallFailed) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0)


async def _follow(console: Console, follower: Follower) -> None:
    async for shard_id, records in follower.batches():
        for record in records:
            console.print(rendered(shard_id, record.raw))
    console.print("[dim]The stream is disabled and read to its end.[/]")


def rendered(shard_id: str, record: Mapping[str, Any]) -> Text:
    """A record as a headline and a line for each attribute that it tells of."""
    change = record["dynamodb"]
    name = record["eventName"]
    moment = change["ApproximateCreationDateTime"]
    when = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    text = Text()
    text.append(f"{when.astimezone(UTC):%H:%M:%S} ", "dim")
    text.append(f"{name} ", _STYLES[name])
    text.append(plain(change["Keys"]), "bold")
    text.append(f"  {shard_id[-8:]} {change['SequenceNumber']}", "dim")
    if "userIdentity" in record:
        text.append("  by time to live", "magenta")
    _append_difference(text, change)
    return text


def _append_difference(text: Text, change: Mapping[str, Any]) -> None:
    """Removed lines, then added ones, of attributes that differ; an image alone is told whole."""
    old, new = change.get("OldImage", {}), change.get("NewImage", {})
    for attribute in sorted((old.keys() | new.keys()) - change["Keys"].keys()):
        before, after = old.get(attribute), new.get(attribute)
        if before == after:
            continue
        if before is not None:
            text.append(f"\n  - {attribute}: {value_text(before)}", "red")
        if after is not None:
            text.append(f"\n  + {attribute}: {value_text(after)}", "green")
