"""`headwater lab ...`: what time and load do to streams, done now; and proofs about them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click
import orjson

from headwater.cli import lab_story
from headwater.cli.endpoint import endpoint_options
from headwater.cli.lab_clock import clock
from headwater.cli.lab_faults import faults
from headwater.cli.lab_request import ask, fail
from headwater.testing.lab import record_member

_stream = click.argument("stream", metavar="TABLE_OR_STREAM_ARN")
_shard = click.option("--shard", required=True, metavar="SHARD_ID", help="Which shard.")


@click.group()
def command() -> None:
    """Operations for tests, of a server started with --lab."""


command.add_command(clock)
command.add_command(faults)


@command.command()
@_stream
@_shard
@endpoint_options
def split(stream: str, shard: str, endpoint: str, region: str) -> None:
    """Cut the partition of an open shard in two; the shard gets two children."""
    _reshard("SplitShard", stream, shard, (endpoint, region))


@command.command()
@_stream
@_shard
@endpoint_options
def roll(stream: str, shard: str, endpoint: str, region: str) -> None:
    """Close an open shard and open one child in its place."""
    _reshard("RollShard", stream, shard, (endpoint, region))


@command.command()
@_stream
@click.option("--shard", metavar="SHARD_ID", help="This shard alone.")
@click.option("--upto", metavar="SEQUENCE_NUMBER", help="Up to and including this record of it.")
@endpoint_options
def trim(stream: str, shard: str | None, upto: str | None, endpoint: str, region: str) -> None:
    """Trim everything there is, or one shard, or the beginning of one."""
    wanted = {"ShardId": shard, "SequenceNumber": upto}
    given = {name: value for name, value in wanted.items() if value is not None}
    answer = _ask_about("TrimStream", stream, given, (endpoint, region))
    for trimmed in answer["Shards"]:
        click.echo(f"{trimmed['ShardId']} trimmed up to {trimmed['SequenceNumber']}")
    if not answer["Shards"]:
        click.echo("There was nothing to trim.")


@command.command()
@_stream
@endpoint_options
def expire_iterators(stream: str, endpoint: str, region: str) -> None:
    """Expire every shard iterator that has been issued so far."""
    _ask_about("ExpireIterators", stream, {}, (endpoint, region))
    click.echo("Iterators issued before now are expired.")


@command.command()
@_stream
@endpoint_options
def check(stream: str, endpoint: str, region: str) -> None:
    """Look for gaps, repeats, disorder and images that do not follow; exit 1 if there are any."""
    answer = _ask_about("CheckStream", stream, {}, (endpoint, region))
    for fault in answer["Faults"]:
        click.echo(fault)
    faults = len(answer["Faults"])
    click.echo(f"{answer['Records']} records in {answer['Shards']} shards, {faults} faults")
    sys.exit(1 if faults else 0)


@command.command()
@_stream
@click.argument("record", metavar="SEQUENCE_NUMBER|EVENT_ID|KEY")
@endpoint_options
def why(stream: str, record: str, endpoint: str, region: str) -> None:
    """Tell the story of one record: where it lies, who has read it, what became of it.

    It is named by its sequence number, by its event id, or by the key of its item, as JSON
    ('{"pk": {"S": "a"}}'): that is its latest record.
    """
    story = _ask_about("Explain", stream, _record(record), (endpoint, region))
    for line in lab_story.lines(story):
        click.echo(line)


@command.command()
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
@endpoint_options
def drain(timeout: float, endpoint: str, region: str) -> None:
    """Wait until every mapping and registered consumer has passed what is written now."""
    answer = ask(("Drain", {"TimeoutSeconds": timeout}), (endpoint, region))
    click.echo(f"Drained after {answer['Seconds']:.3f} seconds.")


@command.command()
@click.argument("name")
@_stream
@click.argument("lease_table")
@endpoint_options
def register(name: str, stream: str, lease_table: str, endpoint: str, region: str) -> None:
    """Have drains wait for a consumer outside the server, and stories tell of it.

    LEASE_TABLE is the table of this server in which it keeps its leases: as headwater.consumer
    does, or the Kinesis Client Library. A consumer of the same NAME is replaced.
    """
    wanted = {"Name": name, "LeaseTable": lease_table}
    told = _ask_about("RegisterConsumer", stream, wanted, (endpoint, region))
    click.echo(f"{told['Name']} is registered, by the leases in {told['LeaseTable']}.")


@command.command()
@click.argument("name")
@endpoint_options
def deregister(name: str, endpoint: str, region: str) -> None:
    """Have drains wait for a registered consumer no longer."""
    ask(("DeregisterConsumer", {"Name": name}), (endpoint, region))
    click.echo(f"{name} is not registered any more.")


@command.command()
@endpoint_options
def consumers(endpoint: str, region: str) -> None:
    """List the registered consumers: name, lease table, stream."""
    found = ask(("ListConsumers", {}), (endpoint, region))["Consumers"]
    for each in found:
        click.echo(f"{each['Name']}  {each['LeaseTable']}  {each['StreamArn']}")
    if not found:
        click.echo("No consumer is registered.")


def _record(text: str) -> dict[str, Any]:
    """How a request names a record."""
    if text.startswith("{"):
        try:
            return record_member(orjson.loads(text))
        except orjson.JSONDecodeError:
            fail(f"{text} is no key: it must be JSON.")
    return record_member(text)


def _reshard(operation: str, stream: str, shard: str, server: tuple[str, str]) -> None:
    answer = _ask_about(operation, stream, {"ShardId": shard}, server)
    click.echo(f"{answer['ShardId']} closed")
    for child in answer["Children"]:
        click.echo(f"{child} opened")


def _ask_about(
    operation: str, stream: str, body: Mapping[str, Any], server: tuple[str, str]
) -> dict[str, Any]:
    """Ask about a stream, named by its ARN or by its table."""
    arn = stream
    if not stream.startswith("arn:"):
        described = ask(("DescribeTable", {"TableName": stream}), server, "dynamodb")
        arn = described["Table"].get("LatestStreamArn")
        if arn is None:
            fail(f"{stream} has no stream; enable one with UpdateTable.")
    return ask((operation, {"StreamArn": arn, **body}), server)
