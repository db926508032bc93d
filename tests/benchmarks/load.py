"""wrk: finds or installs it, has it send a pool of requests, and reads its figures."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.usage import cpu_seconds

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 32


class LoadFailed(Exception):
    """wrk could not run, or the server did not answer it; the text says which."""


@dataclass(frozen=True)
class Figures:
    """One run. cpu_us: of the server, per request; load_cpu: the share of a core that wrk used."""

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    refused: int
    load_cpu: float


def cpu_ratio(runs: Sequence[Figures], others: Sequence[Figures]) -> float:
    """What a request of these runs takes in those of the others, which were made in turn.

    The median over rounds: what a busy machine adds falls on both runs of a round.
    """
    return median(run.cpu_us / other.cpu_us for run, other in zip(runs, others, strict=True))


def find_wrk() -> Path | None:
    """The load generator, installed by the system's package manager where that is possible."""
    found = shutil.which("wrk")
    apt = shutil.which("apt-get")
    if found is None and apt is not None and os.geteuid() == 0:
        print("wrk is absent: installing it with apt-get ...")
        subprocess.run([apt, "install", "-qq", "-y", "wrk"], stdout=subprocess.DEVNULL, check=False)
        found = shutil.which("wrk")
    return Path(found) if found else None


def run_wrk(
    wrk: Path, endpoint: str, process: int, pool: Iterable[bytes], seconds: float
) -> Figures:
    """Send a pool, over and over, from every connection; measure the server's CPU meanwhile.

    process: the server's, whose children count too.
    """
    with tempfile.TemporaryDirectory() as folder:
        requests = Path(folder, "requests")
        figures = Path(folder, "figures.json")
        _write(requests, pool)
        command = [str(wrk), "--threads", "1", "--connections", str(CONNECTIONS)]
        command += ["--duration", f"{seconds:g}s", "--timeout", "30s", "--script", str(SCRIPT)]
        cpu_before, load_before = cpu_seconds(process), _own_children_seconds()
        run = subprocess.run(
            [*command, endpoint, "--", str(requests)],
            env=os.environ | {"WRK_FIGURES": str(figures)},
            capture_output=True,
            text=True,
            check=False,
        )
        cpu, load = cpu_seconds(process) - cpu_before, _own_children_seconds() - load_before
        if run.returncode or not figures.exists():
            raise LoadFailed(f"wrk failed: {run.stdout}{run.stderr}")
        return _figures(json.loads(figures.read_text()), cpu, load)


def _write(path: Path, pool: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for request in pool:
            file.write(b"%d\n%s" % (len(request), request))


def _own_children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _figures(raw: dict[str, float], cpu: float, load: float) -> Figures:
    count = int(raw["requests"])
    if count == 0 or raw["broken"]:
        raise LoadFailed(f"{count} answers, {raw['broken']:.0f} broken connections")
    return Figures(
        per_second=count / raw["seconds"],
        cpu_us=cpu / count * 1e6,
        p50_ms=raw["p50_ms"],
        p99_ms=raw["p99_ms"],
        refused=int(raw["refused"]),
        load_cpu=load / raw["seconds"],
    )
