"""`headwater replay`: yesterday's records once more, to a function or into a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from headwater.cli.replay.to_table import TableTarget


@click.command()
@click.argument("table", required=False)
@recording_option
@period_options
@click.option("--to-function", help="Invoke this function with the records.")
@click.option("--to-table", help="Write what the records say into this table.")
@click.option("--retries", type=click.IntRange(0), default=RETRIES, show_default=True,
              help="How often a batch that fails is given to the function again.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Read and count, and deliver nothing.")
@endpoint_options
def command(table: str | None, endpoint: str, region: str, **options: Any) -> None:
    """Deliver the records of TABLE's stream again, in the order in which they were written.

    They go to a function or into another table. Positions of mappings and consumers stay as they
    are.
    """
    if (options["to_function"] is None) == (options["to_table"] is None):
        raise click.UsageError("give one target: --to-function or --to-table")
    console = Console(highlight=False)
    period: tuple[Moment, Moment] = (options["start"], options["until"])
    recording: Path | None = options["recording"]
    with (
        failures_told(),
        Server(endpoint, region) as server,
        of_either(server, table, recording, period) as source,
    ):
        target = _target(server, source, options)
        with Meter(console) as meter:
            tally = run(source, target, meter, is_dry=options["dry_run"])
    verb = "would be delivered" if options["dry_run"] else "delivered"
    told = f"{tally.records:,} records {verb} in {tally.batches:,} batches, {meter.told()}."
    console.print(told, soft_wrap=True)
    if tally.passed:
        console.print(f"{tally.passed:,} were passed: the mapping's filter does not want them.")


def _target(server: Server, source: Source, options: dict[str, Any]) -> Target:
    if options["to_table"] is not None:
        return TableTarget(server.client("dynamodb"), options["to_table"], source.origin)
    function, functions = options["to_function"], server.functions()
    functions.get_function_configuration(FunctionName=function)  # an error before, not half way
    arn = source.origin.stream_arn
    manner = manner_of_mapping(functions, function, arn)
    return FunctionTarget(functions, function, arn, manner, options["retries"])
