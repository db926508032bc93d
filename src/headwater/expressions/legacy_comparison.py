"""ComparisonOperator and its arguments, as the parameters older than expressions have them.

Each comparison becomes a node of a condition's tree, so that it means what it means there. One
operator has no equal: NOT_CONTAINS wants the attribute to be there.

Counts and types of arguments: Developer Guide, "Legacy conditional parameters".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.errors import INVALID, ValidationException
from headwater.expressions.syntax import (
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    Membership,
    Not,
    PathNode,
    ValueNode,
)
from headwater.values import attribute
from headwater.values.attribute import AttributeValue
from headwater.values.item import Path

_COMPARATORS: Final = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_ORDERED: Final = frozenset("SNB")
# How many arguments an operator takes if not one; IN takes any number but none.
_COUNTS: Final = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "LE": _ORDERED,
    "LT": _ORDERED,
    "GE": _ORDERED,
    "GT": _ORDERED,
    "BETWEEN": _ORDERED,
    "IN": _ORDERED,
    "CONTAINS": _ORDERED,
    "NOT_CONTAINS": _ORDERED,
    "BEGINS_WITH": frozenset("SB"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one attribute. arguments: canonical, in number and types as they must be."""

    name: str
    operator: str
    arguments: tuple[AttributeValue, ...]


class Constants:
    """What the values of a tree stand for, each numbered as it was added; names are themselves."""

    def __init__(self) -> None:
        self._values: list[AttributeValue] = []

    def add(self, value: AttributeValue) -> ValueNode:
        """The node that stands for a canonical value."""
        self._values.append(value)
        return ValueNode(str(len(self._values) - 1))

    def value(self, placeholder: str, _expression: str) -> AttributeValue:
        return self._values[int(placeholder)]

    def path(self, node: PathNode, _expression: str) -> Path:
        return node.steps


def asked(name: str, operator: str, values: Sequence[Any]) -> Asked:
    """Check a comparison as a client sent it; raises ValidationException with DynamoDB's text."""
    attribute.name_bytes(name)
    arguments = tuple([attribute.normalise(value)[0] for value in values])
    count = len(arguments)
    if count != _COUNTS.get(operator, 1) and not (operator == "IN" and count):
        raise ValidationException(
            f"{INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator"
        )
    _check_types(operator, arguments)
    if operator == "BETWEEN" and (attribute.compare(*arguments) or 0) > 0:
        raise ValidationException(
            "The BETWEEN condition was provided a range where the lower bound is greater than the "
            "upper bound"
        )
    return Asked(name, operator, arguments)


def node(wanted: Asked, constants: Constants) -> ConditionNode:
    """The comparison as part of a condition's tree; its values are added to the constants."""
    path = PathNode((wanted.name,), aliased=False)
    values = tuple([constants.add(argument) for argument in wanted.arguments])
    if wanted.operator in _COMPARATORS:
        return Comparison(_COMPARATORS[wanted.operator], path, values[0])
    match wanted.operator:
        case "IN":
            return Membership(path, values)
        case "BETWEEN":
            return Between(path, *values)
        case "NULL":
            return Call("attribute_not_exists", (path,))
        case "NOT_NULL":
            return Call("attribute_exists", (path,))
        case "BEGINS_WITH":
            return Call("begins_with", (path, *values))
    contains = Call("contains", (path, *values))
    if wanted.operator == "CONTAINS":
        return contains
    assert wanted.operator == "NOT_CONTAINS", wanted.operator
    return And((Call("attribute_exists", (path,)), Not(contains)))


def _check_types(operator: str, arguments: Sequence[AttributeValue]) -> None:
    allowed = _TYPES.get(operator)
    for argument in arguments:
        kind = attribute.type_of(argument)
        if allowed is not None and kind not in allowed:
            raise ValidationException(
                f"{INVALID}ComparisonOperator {operator} is not valid for {kind} "
                "AttributeValue type"
            )
        if kind not in arguments[0]:
            raise ValidationException(
                f"{INVALID}AttributeValues inside AttributeValueList must be of same type"
            )
