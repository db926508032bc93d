"""What the demo prints at its end: the proofs, the stream's shards, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from headwater.cli.demo.proofs import Proof, ShardRecords


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo did and found.

    delays: seconds from a write to the start of its function. left_out: what was to be shown, and
    is not installed.
    """

    changes: int
    write_seconds: float
    drain_seconds: float
    proofs: Sequence[Proof]
    shards: Sequence[ShardRecords]
    delays: Mapping[str, float]
    left_out: Sequence[str] = ()


def report(console: Console, outcome: Outcome) -> None:
    """Print proofs, shards and figures."""
    table = Table(title="What was proved", title_justify="left")
    table.add_column("")
    table.add_column("Claim")
    table.add_column("Compared", justify="right")
    table.add_column("Fault")
    for proof in outcome.proofs:
        sign = "[green]✓[/]" if proof.holds else "[red]✗[/]"
        table.add_row(sign, proof.claim, f"{proof.count:,}", proof.fault or "")
    console.print(table)
    if outcome.left_out:
        extra = "pip install 'headwater\\[demo]'"
        console.print(f"Not shown, as not installed: {', '.join(outcome.left_out)} ({extra}).")
    shards = Table(title="The stream's shards", title_justify="left")
    shards.add_column("Shard")
    shards.add_column("Parent")
    shards.add_column("State")
    shards.add_column("Records", justify="right")
    for shard in outcome.shards:
        state = "open" if shard.is_open else "closed"
        shards.add_row(shard.shard_id, shard.parent or "", state, f"{len(shard.records):,}")
    console.print(shards)
    rate = outcome.changes / outcome.write_seconds if outcome.write_seconds else 0
    delays = ", ".join(f"{name} {value * 1000:,.1f} ms" for name, value in outcome.delays.items())
    console.print(
        f"{outcome.changes:,} changes at {rate:,.0f} writes a second; every consumer had caught up "
        f"{outcome.drain_seconds:.2f} s later. From write to start of the function: {delays}."
    )
