"""`headwater export`: a stretch of a table's stream as a recording, in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from headwater.cli.endpoint import endpoint_options
from headwater.cli.moment import Moment
from headwater.cli.replay.options import failures_told, period_options
from headwater.cli.replay.progress import Meter
from headwater.cli.replay.server import Server
from headwater.cli.replay.source import Source, of_table
from headwater.consumer.recording import head_line, record_line


@click.command()
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@period_options
@endpoint_options
def command(table: str, file: Path, endpoint: str, region: str, **period: Moment) -> None:
    """Write the records of TABLE's stream into FILE, which must not exist.

    `headwater replay --recording` and tests read it again, without the table and its stream.
    """
    if file.exists():
        raise click.ClickException(f"{file} exists already")
    console = Console(highlight=False)
    with failures_told(), Server(endpoint, region) as server:
        source = of_table(server, table, period["start"], period["until"])
        with Meter(console) as meter, _written(file) as recording:
            asyncio.run(_write(source, meter, recording))
    console.print(f"{meter.records:,} records, {meter.told()}, are in {file}.", soft_wrap=True)


async def _write(source: Source, meter: Meter, file: IO[bytes]) -> None:
    file.write(head_line(source.origin))
    async for record in meter.over(source.records):
        file.write(record_line(record))


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A file under another name until it is whole."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
