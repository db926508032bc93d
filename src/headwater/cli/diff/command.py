"""`headwater diff`: today's function over yesterday's records, and what it would have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from headwater.cli.deployment import packed
from headwater.cli.diff.compare import Finding, findings, items_of
from headwater.cli.diff.report import Report
from headwater.cli.diff.shadow import Shadow
from headwater.cli.diff.tables import Beginning, Places, copy
from headwater.cli.endpoint import endpoint_options
from headwater.cli.moment import Moment, MomentType
from headwater.cli.replay.options import failures_told, recording_option
from headwater.cli.replay.progress import Meter
from headwater.cli.replay.run import run
from headwater.cli.replay.server import Server
from headwater.cli.replay.source import Source, of_either
from headwater.cli.replay.to_function import RETRIES, FunctionTarget, manner_of_mapping
from headwater.cli.variables import variables_of

_DIFFERENT: Final = 1


class CannotCompare(click.ClickException):
    """Nothing can be said; 1 is the status of tables that differ."""

    exit_code = 2


@click.command()
@click.argument("function")
@click.argument("table", required=False)
@recording_option
@click.option("--from", "start", type=MomentType(), default="start", show_default=True,
              help="2026-11-28T09:00 (UTC), 24h (ago), or start.")  # fmt: skip
@click.option("--writes", multiple=True, required=True, metavar="TABLE",
              help="A table that the function writes or reads; repeatable.")  # fmt: skip
@click.option("--begin", type=click.Choice([each.value for each in Beginning]), default="then",
              show_default=True,
              help="What those tables hold before the first record: what they held then (by "
              "point-in-time recovery), nothing, or what they hold now.")  # fmt: skip
@click.option("--code", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A directory whose code runs in place of the deployed one.")  # fmt: skip
@click.option("--env", multiple=True, metavar="NAME=VALUE",
              help="A variable of the function's environment, in place of its own.")  # fmt: skip
@click.option("--ignore", multiple=True, metavar="PATH",
              help="An attribute, or a path such as a.b[0], that does not count.")  # fmt: skip
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True,
              help="Show at most so many items.")  # fmt: skip
@endpoint_options
def command(function: str, table: str | None, endpoint: str, region: str, **options: Any) -> None:
    """Run FUNCTION over the records of TABLE's stream in a region of its own, and compare.

    The tables that it writes are copied into that region, so what is real is not touched; they are
    held against the real ones when all records are delivered. What the function reaches otherwise,
    such as queues or a region that stands in its code, is real. Exits with 0 if all items are the
    same, with 1 if some differ, with 2 if that could not be found out.
    """
    console = Console(highlight=False)
    period: tuple[Moment, Moment] = (options["start"], None)
    with (
        failures_told(CannotCompare),
        Server(endpoint, region) as server,
        of_either(server, table, options["recording"], period) as source,
        _shadow_of(server) as shadow,
    ):
        trial = _Trial(server, shadow, function, tuple(options["writes"]))
        code = None if options["code"] is None else packed(options["code"])
        shadow.take_function(function, code, variables_of(options["env"]))
        keys = trial.take_tables(Beginning(options["begin"]), source.origin.start)
        console.print(trial.replayed(console, source), soft_wrap=True)
        report = Report(console, options["limit"])
        for table_name, key in keys.items():
            report.show(table_name, trial.findings(table_name, key, options["ignore"]))
    report.close()
    if report.differing:
        raise SystemExit(_DIFFERENT)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A function run in a shadow. tables: those that it writes."""

    server: Server
    shadow: Shadow
    function: str
    tables: Sequence[str]

    def take_tables(self, beginning: Beginning, then: float | None) -> dict[str, list[str]]:
        """Copy the tables; returns the names of each one's key."""
        places = Places(self.server.client("dynamodb"), self.shadow.server.client("dynamodb"))
        keys = {}
        for name in self.tables:
            self.shadow.take_table(name)
            keys[name] = copy(places, name, beginning, then)
        return keys

    def replayed(self, console: Console, source: Source) -> str:
        """Deliver the records, and say which."""
        arn = source.origin.stream_arn
        manner = manner_of_mapping(self.server.functions(), self.function, arn)
        functions = self.shadow.server.functions()
        target = FunctionTarget(functions, self.function, arn, manner, RETRIES)
        with Meter(console) as meter:
            tally = run(source, target, meter)
        return f"{tally.records:,} records in {tally.batches:,} batches, {meter.told()}."

    def findings(
        self, table: str, key: Sequence[str], ignored: Sequence[str]
    ) -> Iterator[Finding | None]:
        real, shadow = (each.client("dynamodb") for each in (self.server, self.shadow.server))
        return findings(items_of(real, table), items_of(shadow, table), key, ignored)


@contextmanager
def _shadow_of(server: Server) -> Iterator[Shadow]:
    shadow = Shadow(server)
    with shadow.server:
        try:
            yield shadow
        finally:
            shadow.clear()
