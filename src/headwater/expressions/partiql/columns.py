"""What SELECT gives of an item: one attribute for each path, named by the path's last name.

`SELECT a.b, c[0]` gives attributes `b` and `c[0]`; where two paths give one name, the later counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headwater.values import item as items
from headwater.values.item import Item, Path


@dataclass(frozen=True, slots=True)
class Columns:
    """Paths, by the name each has in the answer."""

    _columns: tuple[tuple[str, Path], ...]

    def apply(self, item: Item) -> Item:
        """What the item has at the paths."""
        return {
            name: value
            for name, path in self._columns
            if (value := items.get(item, path)) is not None
        }

    def top_level_attributes(self) -> set[str]:
        """The attributes it reads, by the first name of each path."""
        return {str(path[0]) for _, path in self._columns}


def columns_of(paths: Iterable[Path]) -> Columns:
    return Columns(tuple((_name(path), path) for path in paths))


def _name(path: Path) -> str:
    indexes: list[str] = []
    for step in reversed(path):
        if isinstance(step, str):
            return step + "".join(reversed(indexes))
        indexes.append(f"[{step}]")
    raise AssertionError("a path begins with a name")
