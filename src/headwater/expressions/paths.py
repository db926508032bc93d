"""Sets of document paths: none within another, and what an item has at them.

A set is kept as a tree by steps, so that checking it costs its length, and so that every map or
list on the way is visited once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from headwater.expressions.tokens import invalid
from headwater.values import item as items
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item, Path


@dataclass(slots=True)
class PathTree:
    """The paths of a set that begin with the same steps; changed only while being built.

    first: the one of them that was added first. A tree without branches is a path's end.
    """

    first: Path
    branches: dict[str | int, PathTree] = field(default_factory=dict)


def tree_of(paths: Iterable[Path], expression: str) -> PathTree:
    """The tree of a set of paths; refused with DynamoDB's text if two overlap or conflict.

    Paths overlap if one leads into the other, and conflict if they take one value for both a map
    and a list. expression: the parameter's name, for errors.
    """
    root = PathTree(())
    for path in paths:
        _add(root, path, expression)
    return root


def project(item: Item, tree: PathTree) -> Item:
    """What an item has at the paths: maps pruned, lists closed up."""
    pruned = _pruned({"M": item}, tree) if tree.branches else None
    found: Item = pruned["M"] if pruned else {}
    return found


def written(path: Path) -> str:
    """A path as DynamoDB's errors show it: `[a, [1], b]`."""
    steps = (f"[{step}]" if isinstance(step, int) else step for step in path)
    return f"[{', '.join(steps)}]"


def _add(root: PathTree, path: Path, expression: str) -> None:
    tree = root
    fresh = False
    for step in path:
        if tree is not root and not tree.branches and not fresh:
            _refuse("overlap with", tree.first, path, expression)
        sibling = next(iter(tree.branches.items()), None)  # all have the type of the first
        if sibling and type(sibling[0]) is not type(step):
            _refuse("conflict with", sibling[1].first, path, expression)
        branch = tree.branches.get(step)
        if branch is None:
            branch = tree.branches[step] = PathTree(path)
            fresh = True
        tree = branch
    if not fresh:
        _refuse("overlap with", tree.first, path, expression)


def _refuse(relation: str, one: Path, two: Path, expression: str) -> NoReturn:
    raise invalid(
        expression,
        f"Two document paths {relation} each other; must remove or rewrite one of these paths; "
        f"path one: {written(one)}, path two: {written(two)}",
    )


def _pruned(value: AttributeValue, tree: PathTree) -> AttributeValue | None:
    """The part of a value that lies at a tree's paths, or None if none does."""
    if not tree.branches:
        return value
    found = [
        (step, pruned)
        for step, branch in tree.branches.items()
        if (member := items.member(value, step)) is not None
        and (pruned := _pruned(member, branch)) is not None
    ]
    if not found:
        return None
    if "M" in value:
        return {"M": dict(found)}
    return {"L": [element for _, element in sorted(found, key=lambda pair: pair[0])]}
