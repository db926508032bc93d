"""Medians of rounds, the table to read, and the JSON to keep."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from headwater import __version__
from tests.benchmarks import figures
from tests.benchmarks.load import CONNECTIONS, Figures
from tests.benchmarks.mappings import MappingFigures

TITLES = {
    "put": "PutItem",
    "put_stream": "PutItem with stream",
    "update": "UpdateItem with condition",
    "get": "GetItem",
    "query": "Query of 10",
    "get_records": "GetRecords of 1,000",
}
OURS = "headwater"
LOAD_CPU_MAX = 0.9


@dataclass
class Results:
    """All that one run measured.

    rounds: figures by server and operation, a list with one entry per round.
    records_of_page: records in a page of GetRecords, by server. figures: by name (`figures.py`).
    """

    rounds: dict[str, dict[str, list[Figures]]] = field(default_factory=dict)
    records_of_page: dict[str, float] = field(default_factory=dict)
    delays_ms: list[float] = field(default_factory=list)
    invocations_ms: list[float] = field(default_factory=list)
    startup_seconds: list[float] = field(default_factory=list)
    idle_bytes: int | None = None
    mappings: MappingFigures | None = None
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, server: str, operation: str, figures: Figures) -> None:
        self.rounds.setdefault(server, {}).setdefault(operation, []).append(figures)

    def median(self, server: str, operation: str) -> Figures | None:
        rounds = self.rounds.get(server, {}).get(operation)
        return median_of(rounds) if rounds else None


def median_of(rounds: Sequence[Figures]) -> Figures:
    """Each figure's median over rounds."""
    medians = {
        each.name: statistics.median(getattr(figures, each.name) for figures in rounds)
        for each in fields(Figures)
    }
    return Figures(**medians)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def machine() -> dict[str, object]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def as_json(results: Results, parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        "version": __version__,
        "commit": commit(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "parameters": dict(parameters) | {"connections": CONNECTIONS},
        "medians": {
            server: {name: asdict(median_of(rounds)) for name, rounds in operations.items()}
            for server, operations in results.rounds.items()
        },
        "rounds": {
            server: {name: [asdict(each) for each in rounds] for name, rounds in operations.items()}
            for server, operations in results.rounds.items()
        },
        "records_of_page": results.records_of_page,
        "delays_ms": results.delays_ms,
        "invocations_ms": results.invocations_ms,
        "startup_seconds": results.startup_seconds,
        "idle_bytes": results.idle_bytes,
        "figures": results.figures,
        "mappings": None if results.mappings is None else asdict(results.mappings),
    }


def print_report(results: Results) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    described = machine()
    console.print(
        f"{described['cpu']}, {described['cores']} cores, {described['system']} "
        f"{described['kernel']}, Python {described['python']}, commit {commit()}"
    )
    if results.rounds:
        console.print(_throughput(results))
    console.print(_singles(results))
    for server, operation in _saturated(results):
        console.print(
            f"{server}, {TITLES[operation]}: wrk used more than {LOAD_CPU_MAX:.0%} of its core, "
            "so the server may be faster than shown."
        )


def _throughput(results: Results) -> Table:
    peers = [server for server in results.rounds if server != OURS]
    table = Table(title=f"{CONNECTIONS} connections, 300-byte items, medians of rounds")
    table.add_column("operation")
    columns = ("server", "requests/s", "server CPU us", "p50 ms", "p99 ms", "refused")
    for column in (*columns, *(["headwater is"] if peers else [])):
        table.add_column(column, justify="left" if column == "server" else "right")
    for operation in results.rounds[OURS]:
        ours = results.median(OURS, operation)
        for server in results.rounds:
            figures = results.median(server, operation)
            row = _cells(figures)
            if peers:
                row.append(_ratio(ours, figures) if server != OURS else "")
            table.add_row(TITLES[operation] if server == OURS else "", server, *row)
        table.add_section()
    return table


def _cells(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["-"] * 5
    return [
        f"{figures.per_second:,.0f}",
        f"{figures.cpu_us:,.0f}",
        f"{figures.p50_ms:,.2f}",
        f"{figures.p99_ms:,.2f}",
        f"{figures.refused:,}",
    ]


def _ratio(ours: Figures | None, theirs: Figures | None) -> str:
    return f"{ours.per_second / theirs.per_second:,.1f} times" if ours and theirs else ""


def _singles(results: Results) -> Table:
    table = Table(title="One figure each")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for server, size in results.records_of_page.items():
        pages = results.median(server, "get_records")
        if pages is not None:
            title = f"records read per second, {server} ({size:,.0f} a page)"
            table.add_row(title, f"{pages.per_second * size:,.0f}")
    if results.delays_ms:
        p50, p99 = percentile(results.delays_ms, 0.5), percentile(results.delays_ms, 0.99)
        table.add_row("write to function start, p50", f"{p50:.1f} ms")
        table.add_row("write to function start, p99", f"{p99:.1f} ms")
    if results.invocations_ms:
        p50 = percentile(results.invocations_ms, 0.5)
        p99 = percentile(results.invocations_ms, 0.99)
        table.add_row("warm invocation of an empty function over HTTP, p50", f"{p50:.2f} ms")
        table.add_row("warm invocation of an empty function over HTTP, p99", f"{p99:.2f} ms")
    if results.startup_seconds:
        start = statistics.median(results.startup_seconds)
        table.add_row("start-up, process to ready line", f"{start:.2f} s")
    if results.idle_bytes is not None:
        table.add_row("idle memory", f"{results.idle_bytes / 2**20:.0f} MiB")
    if results.mappings is not None:
        mapped = results.mappings
        table.add_row("records/s through a mapping", f"{mapped.per_second:,.0f}")
        table.add_row("CPU of a mapped record, function included", f"{mapped.cpu_us:.0f} us")
        table.add_row("1,000 idle mappings", f"{mapped.idle_core:.1%} of a core")
    for title, value in figures.rows(results.figures):
        table.add_row(title, value)
    return table


def _saturated(results: Results) -> list[tuple[str, str]]:
    return [
        (server, operation)
        for server, operations in results.rounds.items()
        for operation, rounds in operations.items()
        if median_of(rounds).load_cpu > LOAD_CPU_MAX
    ]


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit measured, marked if the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
