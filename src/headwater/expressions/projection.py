"""Projection expressions: which parts of an item a reader wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from headwater.expressions import parser
from headwater.expressions.bind import Placeholders
from headwater.expressions.paths import PathTree, project, tree_of
from headwater.values.item import Item

_EXPRESSION: Final = "ProjectionExpression"
_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class Projection:
    """Paths none of which leads into another."""

    _tree: PathTree

    def apply(self, item: Item) -> Item:
        """What the item has at the paths: nesting kept, maps pruned, lists closed up."""
        return project(item, self._tree)

    def top_level_attributes(self) -> set[str]:
        """The attributes it reads, by the first name of each path."""
        return {str(name) for name in self._tree.branches}


def parse(text: str, placeholders: Placeholders) -> Projection:
    """Parse a projection and bind it; raises ValidationException with DynamoDB's text."""
    if "#" not in text:
        return _parse_plain(text)
    return _bind(text, placeholders)


def of_attributes(names: Iterable[str]) -> Projection:
    """The projection of whole attributes; each is named once."""
    return Projection(tree_of([(name,) for name in names], _EXPRESSION))


@lru_cache(_REMEMBERED)
def _parse_plain(text: str) -> Projection:
    """A projection without aliases is bound the same way for every request."""
    return _bind(text, Placeholders(None, None))


def _bind(text: str, placeholders: Placeholders) -> Projection:
    paths = [placeholders.path(node, _EXPRESSION) for node in parser.projection(text)]
    return Projection(tree_of(paths, _EXPRESSION))
