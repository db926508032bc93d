"""Processes that share a store, as the tests have them: known of, gone silent, or dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Fellows:
    """All that know each other. serving: in their order. dead: who has certainly ended."""

    serving: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    def join(self, owner: str) -> Fellow:
        self.serving.append(owner)
        return Fellow(owner, self)

    def die(self, owner: str) -> None:
        self.serving.remove(owner)
        self.dead.add(owner)


@dataclass(frozen=True)
class Fellow:
    """`Members` of one of them. One that joins by itself knows of nobody else."""

    owner: str
    fellows: Fellows = field(default_factory=Fellows)
    is_alone: bool = False

    def serving(self) -> Sequence[str]:
        known = self.fellows.serving
        return known if self.owner in known else [*known, self.owner]

    def is_dead(self, owner: str) -> bool:
        return owner in self.fellows.dead
