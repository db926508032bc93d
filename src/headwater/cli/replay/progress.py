"""How far a replay is: records, and the time at which the last of them was written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from headwater.cli.lab_story import moment
from headwater.cli.replay.batches import Record


class Meter:
    """A bar on a terminal, and counts for the end. To be used as a context."""

    def __init__(self, console: Console) -> None:
        self.records = 0
        self.first: float | None = None
        self.last: float | None = None
        self._progress = Progress(
            TextColumn("{task.completed:,} records"),
            BarColumn(),
            TextColumn("{task.fields[moment]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task("", total=None, moment="")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    async def over(self, records: AsyncIterator[Record]) -> AsyncIterator[Record]:
        """The same records, counted as they pass."""
        async for record in records:
            written = record["dynamodb"]["ApproximateCreationDateTime"]
            self.first = written if self.first is None else self.first
            self.last = written
            self.records += 1
            self._progress.update(self._task, completed=self.records, moment=moment(written))
            yield record

    def told(self) -> str:
        """When the records were written, to read."""
        if self.first is None or self.last is None:
            return "none in that time"
        return f"written from {moment(self.first)} to {moment(self.last)}"
