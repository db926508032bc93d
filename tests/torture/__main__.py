"""`python -m tests.torture --kills 200`: tortures servers and prints its seed and its figures."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from random import Random, SystemRandom

import click

from tests.torture.cruelty import torture
from tests.torture.world import World


@click.command()
@click.option("--kills", default=200, show_default=True, help="How often to kill.")
@click.option("--seed", type=int, help="Repeat a run, nearly.  [default: a new one]")
@click.option("--workers", default=1, show_default=True, help="Processes of the server.")
def main(kills: int, seed: int | None, workers: int) -> None:
    """Kill a server under load again and again, and check after each time that it never lies."""
    seed = SystemRandom().randrange(10**9) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="headwater-torture-"))
    click.echo(f"seed {seed}, {kills} kills, in {folder}")
    world = World(Random(seed), folder / "data", folder / "notes", workers)
    try:
        figures = torture(world, kills, sys.stdout.write)
    except BaseException:
        click.echo(f"failed with seed {seed}; the data directory is kept in {folder}", err=True)
        raise
    shutil.rmtree(folder)
    click.echo(
        f"{figures.kills} kills: {figures.acknowledged} writes acknowledged and none lost, "
        f"{figures.told} records told and {figures.delivered} times given to the function"
    )


if __name__ == "__main__":
    sys.exit(main())
