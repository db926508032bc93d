"""`headwater verify`: looks at a data directory that nobody serves, and says what it looked at."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.status import Status

from headwater.audit.directory import verify
from headwater.audit.report import FAULTS_MAX, Report
from headwater.storage.engine import StoreInUse, Unavailable

_SHOWN_EVERY = 5000
# The noun that is counted: "tables with expiry entries", "items replayed", "index entries".
_PLURAL = re.compile(r"(\w+?)(ies|s)(?= with | replayed|$)")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "is_json", is_flag=True, help="Print the report as JSON.")
def command(directory: Path, *, is_json: bool) -> None:
    """Check a data directory that no server is using; exit 1 if anything is wrong.

    Everything stored is read and nothing is changed: SQLite's pages, every stored value, items
    against their indexes, log entries against the shards, streams against the tables.
    """
    report = checked(directory)
    if is_json:
        click.echo(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2))
    else:
        show(report)
    sys.exit(1 if report.faults_total else 0)


def checked(directory: Path) -> Report:
    """The report on a directory, with its progress shown on a terminal; exits 2 without one."""
    with Console(stderr=True).status("Checking") as status:
        report = Report(_Progress(status))
        try:
            asyncio.run(verify(directory, report))
        except (StoreInUse, Unavailable) as error:
            status.stop()
            click.echo(f"headwater: {error}", err=True)
            sys.exit(2)
    return report


class _Progress:
    """Shows what is being looked at, not at every single thing."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._shown = ("", 0)

    def __call__(self, title: str, looked: int) -> None:
        step = (title, looked // _SHOWN_EVERY)
        if step != self._shown:
            self._shown = step
            self._status.update(f"Checking {title}: {looked:,}")


def show(report: Report) -> None:
    """Print a line for each section, and its faults below it."""
    console = Console(highlight=False, soft_wrap=True)
    for section in report.sections:
        mark = "[red]wrong[/]" if section.faults_total else "[green]right[/]"
        counts = ", ".join(_counted(number, what) for what, number in section.counts.items())
        console.print(f"{mark}  ", end="")
        console.print(f"{section.title}: {counts or 'nothing stored'}", markup=False)
        for fault in section.faults:
            console.print(f"         {fault}", markup=False)
        if section.faults_total > FAULTS_MAX:
            console.print(f"         and {section.faults_total - FAULTS_MAX:,} more")
    faults = report.faults_total
    console.print("Everything agrees." if not faults else f"{faults:,} faults.")


def _counted(number: int, what: str) -> str:
    """A number of things, which are named in the plural."""
    named = _PLURAL.sub(_singular, what, count=1) if number == 1 else what
    return f"{number:,} {named}"


def _singular(plural: re.Match[str]) -> str:
    return plural[1] + ("y" if plural[2] == "ies" else "")


def as_json(report: Report) -> object:
    """The report as a JSON value."""
    sections = [
        {
            "title": section.title,
            "counts": section.counts,
            "faults": section.faults,
            "faults_total": section.faults_total,
        }
        for section in report.sections
    ]
    return {"faults_total": report.faults_total, "sections": sections}
