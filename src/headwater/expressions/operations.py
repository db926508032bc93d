"""What an update computes: right sides read from the old item, and the values that come of them.

Every function here either returns a canonical value or raises ValidationException with DynamoDB's
text; none changes what it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from headwater.errors import ValidationException
from headwater.values import attribute, item, number
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item, Path

Source: TypeAlias = Callable[[Item], AttributeValue]

_MISSING: Final = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE: Final = "An operand in the update expression has an incorrect data type"
_MISMATCH: Final = "Type mismatch for attribute to update"
_SETS: Final = ("SS", "NS", "BS")


def constant(value: AttributeValue) -> Source:
    return lambda _item: value


def at(path: Path) -> Source:
    """Reads what lies at a path, which must exist."""

    def read(found: Item) -> AttributeValue:
        value = item.get(found, path)
        if value is None:
            raise ValidationException(_MISSING)
        return value

    return read


def first_existing(path: Path, otherwise: Source) -> Source:
    """`if_not_exists`"""

    def read(found: Item) -> AttributeValue:
        value = item.get(found, path)
        return otherwise(found) if value is None else value

    return read


def joined(first: Source, second: Source) -> Source:
    """`list_append`"""

    def read(found: Item) -> AttributeValue:
        head, tail = first(found).get("L"), second(found).get("L")
        if head is None or tail is None:
            raise ValidationException(_WRONG_TYPE)
        return {"L": [*head, *tail]}

    return read


def calculated(operator: str, left: Source, right: Source) -> Source:
    """A sum or a difference."""
    calculate = number.add if operator == "+" else number.subtract

    def read(found: Item) -> AttributeValue:
        a, b = left(found).get("N"), right(found).get("N")
        if a is None or b is None:
            raise ValidationException(_WRONG_TYPE)
        return {"N": calculate(a, b)}

    return read


def fitting(path: Path, value: AttributeValue) -> Source:
    """The value, once what lies at the path is seen to be nothing or of its type.

    For the ADD and DELETE of AttributeUpdates, whose text differs from an expression's.
    """
    kind = attribute.type_of(value)

    def read(found: Item) -> AttributeValue:
        old = item.get(found, path)
        if old is not None and kind not in old:
            raise ValidationException(_MISMATCH)
        return value

    return read


def added(old: AttributeValue | None, operand: AttributeValue) -> AttributeValue:
    """`ADD`: a number to a number, members to a set; to nothing, the operand itself.

    Of AttributeUpdates also elements to a list's end; an expression never has a list here.
    """
    if old is None:
        return operand
    kind = attribute.type_of(operand)
    if kind not in old:
        raise ValidationException(_WRONG_TYPE)
    if kind == "N":
        return {"N": number.add(old["N"], operand["N"])}
    if kind == "L":
        return {"L": [*old["L"], *operand["L"]]}
    assert kind in _SETS, kind
    return {kind: attribute.sorted_set(kind, list({*old[kind], *operand[kind]}))}


def without(old: AttributeValue | None, operand: AttributeValue) -> AttributeValue | None:
    """`DELETE`: the set without the operand's members; None if nothing remains."""
    if old is None:
        return None
    kind = attribute.type_of(operand)
    if kind not in old:
        raise ValidationException(_WRONG_TYPE)
    assert kind in _SETS, kind
    gone = set(operand[kind])
    remaining = [member for member in old[kind] if member not in gone]
    return {kind: remaining} if remaining else None
