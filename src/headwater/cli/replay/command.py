"""`headwater replay`: yesterday's records once more, to a function, into a table, to a sink."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from headwater.cli.endpoint import endpoint_options
from headwater.cli.moment import Moment
from headwater.cli.replay.options import failures_told, period_options, recording_option
from headwater.cli.replay.progress import Meter
from headwater.cli.replay.run import run
from headwater.cli.replay.server import Server
from headwater.cli.replay.source import Source, of_either
from headwater.cli.replay.target import Target
from headwater.cli.replay.to_function import RETRIES, FunctionTarget, manner_of_mapping
from headwater.cli.replay.to_sink import CountedForSink, begin_anew, sink_of
from headwater.cli.replay.to_table import TableTarget

_TARGETS: Final = ("to_function", "to_table", "to_sink")


@click.command()
@click.argument("table", required=False)
@recording_option
@period_options
@click.option("--to-function", help="Invoke this function with the records.")
@click.option("--to-table", help="Write what the records say into this table.")
@click.option("--to-sink", help="Have this sink begin anew with the records.")
@click.option("--retries", type=click.IntRange(0), default=RETRIES, show_default=True,
              help="How often a batch that fails is given to the function again.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Read and count, and deliver nothing.")
@endpoint_options
def command(table: str | None, endpoint: str, region: str, **options: Any) -> None:
    """Deliver the records of TABLE's stream again, in the order in which they were written.

    They go to a function, into another table, or to a sink of the table. Positions of mappings
    and consumers stay as they are; a sink begins anew, and goes on with what is written now.
    """
    if sum(options[target] is not None for target in _TARGETS) != 1:
        raise click.UsageError("give one target: --to-function, --to-table or --to-sink")
    if options["to_sink"] is not None and not options["dry_run"]:
        _to_sink(table, (endpoint, region), options)
        return
    console = Console(highlight=False)
    period: tuple[Moment, Moment] = (options["start"], options["until"])
    recording: Path | None = options["recording"]
    with (
        failures_told(),
        Server(endpoint, region) as server,
        of_either(server, table, recording, period) as source,
    ):
        target = _target(server, table, source, options)
        with Meter(console) as meter:
            tally = run(source, target, meter, is_dry=options["dry_run"])
    verb = "would be delivered" if options["dry_run"] else "delivered"
    told = f"{tally.records:,} records {verb} in {tally.batches:,} batches, {meter.told()}."
    console.print(told, soft_wrap=True)
    if tally.passed:
        console.print(f"{tally.passed:,} were passed: the filter does not want them.")


def _to_sink(table: str | None, place: tuple[str, str], options: dict[str, Any]) -> None:
    """Have a sink read its table's stream from a moment on."""
    with failures_told(), Server(*place) as server:
        sink = _sink(server, table, options)
        begin_anew(server, sink["Name"], options["start"])
    click.echo(f"{sink['Name']} begins anew; `headwater sink show {sink['Name']}` tells how far.")


def _sink(server: Server, table: str | None, options: dict[str, Any]) -> Mapping[str, Any]:
    if table is None or options["recording"] is not None or options["until"] is not None:
        raise click.UsageError("a sink reads its table's stream to the present: give the table")
    return sink_of(server, options["to_sink"], table)


def _target(server: Server, table: str | None, source: Source, options: dict[str, Any]) -> Target:
    if options["to_sink"] is not None:
        return CountedForSink(_sink(server, table, options))
    if options["to_table"] is not None:
        return TableTarget(server.client("dynamodb"), options["to_table"], source.origin)
    function, functions = options["to_function"], server.functions()
    functions.get_function_configuration(FunctionName=function)  # an error before, not half way
    arn = source.origin.stream_arn
    manner = manner_of_mapping(functions, function, arn)
    return FunctionTarget(functions, function, arn, manner, options["retries"])
