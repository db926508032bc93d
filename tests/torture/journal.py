"""What was written, from the side of those who wrote: the server's answers are all it knows.

Each key has one writer, which waits for its answer. So at a crash at most one write of a key is
unknown: it was made or not, and the item then found says which. From there on it is known, and so
is the exact list of a key's changes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

Value = int | None
"""What an item holds: a number that no other write used, or nothing."""


class Lost(AssertionError):
    """What was acknowledged is not there, or what was never sent is."""


@dataclass
class Journal:
    """changes: every change of each key, oldest first. unknown: writes whose answer is due."""

    changes: dict[str, list[Value]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[str, Value] = field(default_factory=dict)
    acknowledged: int = 0

    def latest(self, key: str) -> Value:
        changes = self.changes[key]
        return changes[-1] if changes else None

    def send(self, key: str, value: Value) -> None:
        assert key not in self.unknown, "a key has one writer, which waits for its answer"
        self.unknown[key] = value

    def answer(self, key: str) -> None:
        """The write of a key was made."""
        self.acknowledged += 1
        self._note(key, self.unknown.pop(key))

    def settle(self, found: dict[str, Value]) -> None:
        """Compare with the items found after a crash, by key; what was unknown is known then."""
        for key in self.changes.keys() | self.unknown.keys() | found.keys():
            value = found.get(key)
            if key in self.unknown and value == self.unknown[key]:
                self._note(key, value)
            self.unknown.pop(key, None)
            if value != self.latest(key):
                raise Lost(f"{key} is {value}, but was acknowledged as {self.latest(key)}")

    def _note(self, key: str, value: Value) -> None:
        """A delete of what is not there changes nothing, and tells nothing."""
        if value is not None or self.latest(key) is not None:
            self.changes[key].append(value)


@dataclass
class Letters:
    """sent: all that may come. due: whose sending was answered, and that have not come yet.

    deleted: whose deletion was answered.
    """

    sent: set[str] = field(default_factory=set)
    due: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
