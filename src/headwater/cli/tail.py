"""`headwater tail TABLE`: a table's stream, live, as coloured differences of old and new image."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click
import orjson
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from headwater.cli.endpoint import endpoint_options, session

_POLL_SECONDS: Final = 0.2
_STYLES: Final = {"INSERT": "bold green", "MODIFY": "bold yellow", "REMOVE": "bold red"}
_STARTS: Final = {"trim-horizon": "TRIM_HORIZON", "latest": "LATEST"}


class Tail:
    """Follows every shard of a stream, parents before children."""

    def __init__(self, streams: Any, arn: str, start: str) -> None:
        self._streams = streams
        self._arn = arn
        self._start = start
        self._iterators: dict[str, str] = {}
        self._finished: set[str] = set()
        self._is_first_look = True

    @property
    def is_finished(self) -> bool:
        """Whether every shard that there is has been read to its end: the stream is disabled."""
        return not self._iterators and not self._is_first_look

    def records(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is new since the last call, with the shard it is from."""
        self._look_for_shards()
        for shard_id, iterator in list(self._iterators.items()):
            page = self._streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                yield shard_id, record
            if page.get("NextShardIterator"):
                self._iterators[shard_id] = page["NextShardIterator"]
            else:
                del self._iterators[shard_id]
                self._finished.add(shard_id)

    def _look_for_shards(self) -> None:
        """Take up shards whose parents are read; later shards are always read from their start."""
        shards = {shard["ShardId"]: shard for shard in self._shards()}
        for shard_id, shard in shards.items():
            parent = shard.get("ParentShardId")
            is_known = shard_id in self._iterators or shard_id in self._finished
            if is_known or (parent in shards and parent not in self._finished):
                continue
            is_past = self._start == "LATEST" and self._is_first_look
            if is_past and "EndingSequenceNumber" in shard["SequenceNumberRange"]:
                self._finished.add(shard_id)
                continue
            self._iterators[shard_id] = self._streams.get_shard_iterator(
                StreamArn=self._arn,
                ShardId=shard_id,
                ShardIteratorType="LATEST" if is_past else "TRIM_HORIZON",
            )["ShardIterator"]
        self._is_first_look = False

    def _shards(self) -> Iterator[Mapping[str, Any]]:
        request = {"StreamArn": self._arn}
        while True:
            page = self._streams.describe_stream(**request)["StreamDescription"]
            yield from page["Shards"]
            if "LastEvaluatedShardId" not in page:
                return
            request["ExclusiveStartShardId"] = page["LastEvaluatedShardId"]


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
        tail = Tail(clients.client("dynamodbstreams", endpoint_url=endpoint), arn, _STARTS[start])
        _follow(console, tail)
    except (BotoCoreError, ClientError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0)


def _follow(console: Console, tail: Tail) -> None:
    while not tail.is_finished:
        is_quiet = True
        for shard_id, record in tail.records():
            is_quiet = False
            console.print(rendered(shard_id, record))
        if is_quiet:
            time.sleep(_POLL_SECONDS)
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
    text.append(_plain(change["Keys"]), "bold")
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
            text.append(f"\n  - {attribute}: {_value(before)}", "red")
        if after is not None:
            text.append(f"\n  + {attribute}: {_value(after)}", "green")


def _plain(attributes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in attributes.items())


def _value(value: Mapping[str, Any]) -> str:
    """An attribute value in short: a text or number as it is, anything else as JSON."""
    ((kind, inner),) = value.items()
    if kind in ("S", "N"):
        return str(inner)
    return orjson.dumps(inner, default=_binary, option=orjson.OPT_SORT_KEYS).decode()


def _binary(value: object) -> str:
    assert isinstance(value, bytes), "boto3 gives nothing else that JSON does not have"
    return f"<{len(value)} bytes>"
