"""What a bound condition is made of: readers of operands, and tests of items.

Values of different types are never equal and have no order. A missing operand equals nothing, not
even another missing one, and is unequal to everything. `size` of what has no size matches nothing,
whatever it is compared with.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from headwater.values import attribute, item
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item, Path

Test: TypeAlias = Callable[[Item], bool]
Reader: TypeAlias = Callable[[Item], AttributeValue | None]

# The type of a set's members, as the type of the set.
_SET_OF: Final = {"S": "SS", "N": "NS", "B": "BS"}


def constant(value: AttributeValue) -> Reader:
    return lambda _item: value


def at(path: Path) -> Reader:
    """Reads what lies at a path."""
    name = path[0]
    if len(path) == 1 and isinstance(name, str):
        return lambda found: found.get(name)
    return lambda found: item.get(found, path)


def measured(read: Reader) -> Reader:
    """Reads `size`: a number, or None of what has no size."""

    def size(found: Item) -> AttributeValue | None:
        value = read(found)
        if value is None:
            return None
        ((kind, inner),) = value.items()
        if kind in ("N", "BOOL", "NULL"):
            return None
        length = attribute.binary_bytes(inner) if kind == "B" else len(inner)
        return {"N": str(length)}

    return size


def every(tests: Sequence[Test]) -> Test:
    return lambda found: all(test(found) for test in tests)


def some(tests: Sequence[Test]) -> Test:
    return lambda found: any(test(found) for test in tests)


def negated(test: Test) -> Test:
    return lambda found: not test(found)


def exists(read: Reader) -> Test:
    return lambda found: read(found) is not None


def equal(left: Reader, right: Reader) -> Test:
    def is_equal(found: Item) -> bool:
        value = left(found)
        return value is not None and value == right(found)

    return is_equal


def unequal(left: Reader, right: Reader, sizes: tuple[bool, ...]) -> Test:
    """sizes: which of the two operands are a `size`, that must exist to be unequal."""

    def is_unequal(found: Item) -> bool:
        values = (left(found), right(found))
        for value, is_size in zip(values, sizes, strict=True):
            if value is None:
                return not is_size
        return values[0] != values[1]

    return is_unequal


def ordered(holds: Callable[[int, int], bool], left: Reader, right: Reader) -> Test:
    """holds: compares the order of the two operands (negative, zero, positive) with zero."""

    def is_ordered(found: Item) -> bool:
        order = _order(left(found), right(found))
        return order is not None and holds(order, 0)

    return is_ordered


def between(value: Reader, low: Reader, high: Reader) -> Test:
    def is_between(found: Item) -> bool:
        middle = value(found)
        above = _order(low(found), middle)
        if above is None or above > 0:
            return False
        below = _order(middle, high(found))
        return below is not None and below <= 0

    return is_between


def among(value: Reader, candidates: Sequence[Reader]) -> Test:
    def is_among(found: Item) -> bool:
        wanted = value(found)
        return wanted is not None and any(wanted == candidate(found) for candidate in candidates)

    return is_among


def has_type(read: Reader, kind: str) -> Test:
    def is_of_type(found: Item) -> bool:
        value = read(found)
        return value is not None and kind in value

    return is_of_type


def begins(read: Reader, prefix: Reader) -> Test:
    def begins_so(found: Item) -> bool:
        whole, part = read(found), prefix(found)
        if whole is None or part is None:
            return False
        if "S" in whole and "S" in part:
            return bool(whole["S"].startswith(part["S"]))
        return "B" in whole and "B" in part and _bytes(whole).startswith(_bytes(part))

    return begins_so


def holds(read: Reader, sought: Reader) -> Test:
    """`contains`: part of a string or binary, member of a set, element of a list."""

    def contains(found: Item) -> bool:
        whole, part = read(found), sought(found)
        if whole is None or part is None:
            return False
        if "L" in whole:
            return part in whole["L"]
        ((kind, inner),) = part.items()
        if kind == "S" and "S" in whole:
            return inner in whole["S"]
        if kind == "B" and "B" in whole:
            return _bytes(part) in _bytes(whole)
        return inner in whole.get(_SET_OF.get(kind, ""), ())

    return contains


def _order(left: AttributeValue | None, right: AttributeValue | None) -> int | None:
    if left is None or right is None:
        return None
    return attribute.compare(left, right)


def _bytes(value: AttributeValue) -> bytes:
    return a2b_base64(value["B"])
