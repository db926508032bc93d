"""`headwater backup`: a copy of a data directory as it is now, whether or not a server uses it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from headwater.cli.verify import checked, show
from headwater.config import ENVIRONMENT_PREFIX, SETTINGS
from headwater.storage.duplicate import duplicate
from headwater.storage.engine import Unavailable


class _Faulty(Exception):
    """The copy is not right; the report has been shown."""


@click.command()
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar=f"{ENVIRONMENT_PREFIX}DATA",
    show_envvar=True,
    default=SETTINGS["data"].default,
    show_default=True,
    help="The data directory to copy.",
)
def command(destination: Path, data: Path) -> None:
    """Copy a data directory to DESTINATION, which must not exist, and check the copy.

    A server may go on using the directory. Run it on the server's machine, as a user who may read
    and write the directory. To restore, start a server on the copy.
    """
    try:
        with Console(stderr=True).status(f"Copying {data}") as status:

            def check(copy: Path) -> None:
                status.stop()
                _check(copy)

            duplicate(data, destination, status.update, check)
    except Unavailable as error:
        click.echo(f"headwater: {error}", err=True)
        sys.exit(2)
    except _Faulty:
        click.echo("headwater: the copy has faults and was removed", err=True)
        sys.exit(1)
    click.echo(f"{data} is copied to {destination}, and everything in the copy agrees.")


def _check(copy: Path) -> None:
    report = checked(copy)
    if report.faults_total:
        show(report)
        raise _Faulty
