"""A server killed, or stopped, under load: what it acknowledged is there, and its streams tell it.

The rounds are those of `make torture` (`tests/torture`): one kill with each of its works under way.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random, SystemRandom

from tests.server_process import HEADWATER, ServerProcess
from tests.torture.cruelty import stop_gracefully, torture
from tests.torture.works import WORKS
from tests.torture.world import World


def world(folder: Path, workers: int = 1) -> World:
    seed = SystemRandom().randrange(10**9)
    # Shown when the test fails.
    sys.stdout.write(f'make torture KILLS={len(WORKS)} SEED={seed} ARGS="--workers {workers}"\n')
    return World(Random(seed), folder / "data", folder / "notes", workers)


def test_kills_lose_nothing_and_the_streams_never_lie(tmp_path: Path) -> None:
    figures = torture(world(tmp_path), len(WORKS), sys.stdout.write)

    assert figures.acknowledged > 100
    assert figures.delivered >= figures.told > 0


def test_several_processes_that_die_lose_nothing_either(tmp_path: Path) -> None:
    figures = torture(world(tmp_path, workers=2), 2, sys.stdout.write)

    assert figures.delivered >= figures.told > 0


def test_stop_finishes_what_is_in_flight_and_delivers_nothing_again(tmp_path: Path) -> None:
    figures = stop_gracefully(world(tmp_path))

    assert figures.delivered == figures.told > 0


def test_second_server_on_a_directory_is_refused(tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path):
        second = subprocess.run(
            [HEADWATER, "serve", "--port", "0", "--data", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 2
    assert second.stderr.startswith("headwater: the data directory")
    assert "in use by another server" in second.stderr
    assert "Traceback" not in second.stderr
