"""Two items compared, path by path. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Value: TypeAlias = Mapping[str, Any]  # an attribute value in DynamoDB's form
Item: TypeAlias = Mapping[str, Value]

_SETS: Final = frozenset({"SS", "NS", "BS"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A path at which two items differ; None where one has nothing there."""

    path: str
    before: Value | None
    after: Value | None


def differences(before: Item, after: Item, ignored: Sequence[str] = ()) -> list[Difference]:
    """Where two items differ, as deep as maps and lists go.

    ignored: paths that do not count, with all that is below them.
    """
    return [
        each
        for each in _of_members("", before, after)
        if not any(_is_within(each.path, path) for path in ignored)
    ]


def _of_members(prefix: str, before: Item, after: Item) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        yield from _of_values(f"{prefix}{name}", before.get(name), after.get(name))


def _of_values(path: str, before: Value | None, after: Value | None) -> Iterator[Difference]:
    if before is None or after is None:
        yield Difference(path, before, after)
        return
    ((kind, old),), ((other, new),) = before.items(), after.items()
    if kind == other == "M":
        yield from _of_members(f"{path}.", old, new)
    elif kind == other == "L":
        yield from _of_elements(path, old, new)
    elif kind != other or not _are_equal(kind, old, new):
        yield Difference(path, before, after)


def _of_elements(
    path: str, before: Sequence[Value], after: Sequence[Value]
) -> Iterator[Difference]:
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else None
        new = after[index] if index < len(after) else None
        yield from _of_values(f"{path}[{index}]", old, new)


def _are_equal(kind: str, old: Any, new: Any) -> bool:
    """Sets have no order; the service gives equal numbers equal texts."""
    return set(old) == set(new) if kind in _SETS else bool(old == new)


def _is_within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))
