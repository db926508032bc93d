"""What was found, to read."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from headwater.cli.diff.compare import Added, Changed, Finding, Missing
from headwater.cli.plain import plain, value_text


class Report:
    """Findings, printed up to a limit, and counted."""

    def __init__(self, console: Console, limit: int) -> None:
        self._console = console
        self._limit = limit
        self.differing = 0

    def show(self, table: str, found: Iterator[Finding | None]) -> None:
        """Print what differs in a table, and how much."""
        items = differing = 0
        for each in found:
            items += 1
            if each is None:
                continue
            differing += 1
            if self.differing + differing <= self._limit:
                self._console.print(rendered(each), soft_wrap=True)
        self.differing += differing
        told = (
            f"{table}: {differing:,} of {items:,} items differ"
            if differing
            else (f"{table}: all {items:,} items are the same")
        )
        self._console.print(told, soft_wrap=True)

    def close(self) -> None:
        """Tell that not all were shown, where that is so."""
        if self.differing > self._limit:
            self._console.print(f"The first {self._limit} that differ are shown: --limit.")


def rendered(finding: Finding) -> Text:
    """A finding to read: what is there has a minus, what would be there a plus."""
    text = Text()
    match finding:
        case Missing(key, item):
            text.append(f"- {plain(key)}", "bold red")
            text.append(f"  would not be there: {plain(item)}", "red")
        case Added(key, item):
            text.append(f"+ {plain(key)}", "bold green")
            text.append(f"  would be there: {plain(item)}", "green")
        case Changed(key, at):
            text.append(f"~ {plain(key)}", "bold yellow")
            for each in at:
                if each.before is not None:
                    text.append(f"\n  - {each.path}: {value_text(each.before)}", "red")
                if each.after is not None:
                    text.append(f"\n  + {each.path}: {value_text(each.after)}", "green")
    return text
