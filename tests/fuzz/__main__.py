"""`python -m tests.fuzz --requests 1000000`: asks spoiled requests, prints its seed and figures."""

from __future__ import annotations

import sys
import time
from random import SystemRandom

import click

from tests.fuzz.campaign import campaign
from tests.fuzz.judgement import Wrong


@click.command()
@click.option("--requests", default=100_000, show_default=True, help="How many to ask.")
@click.option("--seed", type=int, help="Begin with a round that was seen.  [default: a new one]")
def main(requests: int, seed: int | None) -> None:
    """Ask servers spoiled requests: none fails, none hangs, and what is refused changes nothing."""
    seed = SystemRandom().randrange(10**9) if seed is None else seed
    begun = time.monotonic()
    try:
        figures = campaign(seed, requests, click.echo)
    except Wrong as error:
        raise click.ClickException(str(error)) from error
    codes = ", ".join(f"{code} {count}" for code, count in figures.codes.most_common())
    click.echo(
        f"{figures.asked} requests in {time.monotonic() - begun:.0f} s, {figures.taken} taken; "
        f"{figures.again} asked again, and nothing changed\nrefused: {codes}"
    )


if __name__ == "__main__":
    sys.exit(main())
