"""What was looked at and what is wrong with it, by section; faults in words, a bounded number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

FAULTS_MAX: Final = 100

OnProgress: TypeAlias = Callable[[str, int], None]
"""Called now and then with the section's title and how much has been looked at in it."""


def _no_progress(_title: str, _looked: int) -> None:
    return


@dataclass(slots=True)
class Section:
    """One kind of checks. counts: what was looked at. faults: the first of them.

    faults_total: how many there are in all.
    """

    title: str
    on_progress: OnProgress = _no_progress
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    faults_total: int = 0

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many more of something were looked at."""
        self.counts[what] = self.counts.get(what, 0) + number
        self.on_progress(self.title, sum(self.counts.values()))

    def fault(self, text: str) -> None:
        self.faults_total += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(text)


@dataclass(slots=True)
class Report:
    """All sections, in the order in which they were begun."""

    on_progress: OnProgress = _no_progress
    sections: list[Section] = field(default_factory=list)

    def section(self, title: str) -> Section:
        """Begin a section."""
        self.sections.append(Section(title, self.on_progress))
        self.on_progress(title, 0)
        return self.sections[-1]

    @property
    def faults_total(self) -> int:
        return sum(section.faults_total for section in self.sections)

    @property
    def faults(self) -> list[str]:
        return [fault for section in self.sections for fault in section.faults]
