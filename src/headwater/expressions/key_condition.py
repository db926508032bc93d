"""Key conditions: which partition a query reads, and which range of its sort keys.

The grammar is a condition's; what is allowed is one equality on the partition key and at most one
range on the sort key. Knows of the schema only the key attributes' names and types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from headwater.errors import ValidationException
from headwater.expressions import condition, parser
from headwater.expressions.bind import Placeholders
from headwater.expressions.syntax import (
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    Membership,
    Not,
    Operand,
    Or,
    PathNode,
    ValueNode,
)
from headwater.values import attribute
from headwater.values.attribute import AttributeValue

_EXPRESSION: Final = "KeyConditionExpression"
_KEYS_MAX: Final = 2
# What a comparison says with its operands exchanged.
MIRRORED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EMPTY: Final = {"S": "string", "B": "binary"}


@dataclass(frozen=True, slots=True)
class SortRange:
    """The sort keys wanted.

    operator: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` (two operands, in order) or `begins_with`.
    """

    operator: str
    operands: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """The partition key wanted, and of its items the sort keys; sort: None for all of them."""

    partition: AttributeValue
    sort: SortRange | None


def parse(
    text: str,
    placeholders: Placeholders,
    partition_key: str,
    sort_key: str | None,
    types: Mapping[str, str],
) -> KeyCondition:
    """Parse a key condition and bind it to a key schema.

    types: the type (S, N, B) of each key attribute.
    Raises ValidationException with DynamoDB's text.
    """
    tree = parser.condition(text, _EXPRESSION)
    condition.bind(tree, placeholders, _EXPRESSION)  # for what it checks of any condition
    ranges: dict[str, SortRange] = {}
    for part in _parts(tree):
        name, wanted = _range(part, placeholders)
        if name in ranges:
            raise ValidationException(
                "KeyConditionExpressions must only contain one condition per key"
            )
        ranges[name] = wanted
    return _of_schema(ranges, partition_key, sort_key, types)


def _parts(tree: ConditionNode) -> list[ConditionNode]:
    """The conditions that AND joins, however they are grouped."""
    if not isinstance(tree, And):
        return [tree]
    parts: list[ConditionNode] = []
    for part in tree.conditions:
        parts.extend(_parts(part))
    return parts


def _range(part: ConditionNode, placeholders: Placeholders) -> tuple[str, SortRange]:
    """The attribute a part is about, and what it wants of it."""
    match part:
        case Comparison(operator, left, right) if operator != "<>":
            if isinstance(right, PathNode) and not isinstance(left, PathNode):
                operator, left, right = MIRRORED[operator], right, left
            return _bound(operator, (left, right), placeholders)
        case Between(operand, low, high):
            return _bound("BETWEEN", (operand, low, high), placeholders)
        case Call("begins_with", operands):
            return _bound("begins_with", operands, placeholders)
    raise ValidationException(f"Invalid operator used in {_EXPRESSION}: {_operator(part)}")


def _bound(
    operator: str, operands: tuple[Operand, ...], placeholders: Placeholders
) -> tuple[str, SortRange]:
    if any(isinstance(operand, Call) for operand in operands):
        raise ValidationException(f"{_EXPRESSION}s cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, PathNode)]
    invalid = f"Invalid condition in {_EXPRESSION}: "
    if len(paths) > 1:
        raise ValidationException(f"{invalid}Multiple attribute names used in one condition")
    if not paths:
        raise ValidationException(f"{invalid}No key attribute specified")
    if operands[0] is not paths[0]:
        first = "operator must have the key attribute as its first operand"
        raise ValidationException(f"{invalid}{operator} {first}")
    path = placeholders.path(paths[0], _EXPRESSION)
    if len(path) > 1:
        raise ValidationException(f"{_EXPRESSION}s cannot have conditions on nested attributes")
    values = tuple(
        placeholders.value(operand.placeholder, _EXPRESSION)
        for operand in operands
        if isinstance(operand, ValueNode)
    )
    return str(path[0]), SortRange(operator, values)


def _operator(part: ConditionNode) -> str:
    match part:
        case Comparison(operator):
            return operator
        case Call(function):
            return function
        case Membership():
            return "IN"
        case Not():
            return "NOT"
        case Or():
            return "OR"
    raise AssertionError(part)


def _of_schema(
    ranges: dict[str, SortRange],
    partition_key: str,
    sort_key: str | None,
    types: Mapping[str, str],
) -> KeyCondition:
    if len(ranges) > _KEYS_MAX:
        raise ValidationException("Conditions can be of length 1 or 2 only")
    partition = ranges.get(partition_key)
    if partition is None:
        raise _missed(partition_key)
    sort = None if sort_key is None else ranges.get(sort_key)
    if len(ranges) == _KEYS_MAX and sort is None:
        raise _unsupported() if sort_key is None else _missed(sort_key)
    if partition.operator != "=":
        raise _unsupported()
    for name, wanted in ranges.items():
        check_operands(name, types[name], wanted)
    return KeyCondition(partition.operands[0], sort)


def check_operands(name: str, kind: str, wanted: SortRange) -> None:
    """Refuse operands that are empty or not of the key's type. Raises ValidationException."""
    for operand in wanted.operands:
        if attribute.type_of(operand) != kind:
            raise ValidationException(
                "One or more parameter values were invalid: "
                "Condition parameter type does not match schema type"
            )
        if not operand[kind]:
            raise ValidationException(
                "One or more parameter values were invalid: The AttributeValue for a key attribute "
                f"cannot contain an empty {_EMPTY[kind]} value. Key: {name}"
            )


def _missed(name: str) -> ValidationException:
    return ValidationException(f"Query condition missed key schema element: {name}")


def _unsupported() -> ValidationException:
    return ValidationException("Query key condition not supported")
