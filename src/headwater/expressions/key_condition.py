"""Key conditions: which partition a query reads, and which range of its sort keys.

The grammar is a condition's; what is allowed is an equality on each attribute of the partition key,
and on those of the sort key, from the first on, equalities and then at most one range. Knows of the
schema only the key attributes' names and types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
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
_REMEMBERED: Final = 512
# What a comparison says with its operands exchanged.
MIRRORED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDERED: Final = frozenset("SNB")
_WITH_PREFIXES: Final = frozenset("SB")
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
    """The partition key wanted, and of its items the sort keys.

    Both by attribute, in the order of the key schema. sort: of as many attributes as are limited,
    from the first on; all but the last are equal to a value.
    """

    partition: tuple[AttributeValue, ...]
    sort: tuple[SortRange, ...] = ()


def parse(
    text: str,
    placeholders: Placeholders,
    partition_key: Sequence[str],
    sort_key: Sequence[str],
    types: Mapping[str, str],
) -> KeyCondition:
    """Parse a key condition and bind it to a key schema.

    partition_key, sort_key: names of attributes. types: the type (S, N, B) of each of them.
    Raises ValidationException with DynamoDB's text.
    """
    try:
        bound = [_bound(part, placeholders) for part in _form(text)]
    except ValidationException:
        _check_as_condition(text, placeholders)
        raise
    if not all(_fits(wanted) for _, wanted in bound):
        _check_as_condition(text, placeholders)
    ranges = dict(bound)
    if len(ranges) < len(bound):
        raise ValidationException("KeyConditionExpressions must only contain one condition per key")
    return of_schema(ranges, partition_key, sort_key, types)


def _check_as_condition(text: str, placeholders: Placeholders) -> None:
    """Raise what any condition would be told, which comes before what only this one is."""
    condition.bind(parser.condition(text, _EXPRESSION), placeholders, _EXPRESSION)


@dataclass(frozen=True, slots=True)
class _Part:
    """A condition on one attribute, the attribute first."""

    path: PathNode
    operator: str
    operands: tuple[ValueNode, ...]


@lru_cache(_REMEMBERED)
def _form(text: str) -> tuple[_Part, ...]:
    """The conditions that AND joins; refused if one is of a kind no key can have."""
    return tuple([_part(node) for node in _conjuncts(parser.condition(text, _EXPRESSION))])


def _conjuncts(tree: ConditionNode) -> list[ConditionNode]:
    """The conditions that AND joins, however they are grouped."""
    if not isinstance(tree, And):
        return [tree]
    return [part for each in tree.conditions for part in _conjuncts(each)]


def _part(node: ConditionNode) -> _Part:
    match node:
        case Comparison(operator, left, right) if operator != "<>":
            if isinstance(right, PathNode) and not isinstance(left, PathNode):
                operator, left, right = MIRRORED[operator], right, left
            return _of_operands(operator, (left, right))
        case Between(operand, low, high):
            return _of_operands("BETWEEN", (operand, low, high))
        case Call("begins_with", operands):
            return _of_operands("begins_with", operands)
    raise ValidationException(f"Invalid operator used in {_EXPRESSION}: {_operator(node)}")


def _of_operands(operator: str, operands: tuple[Operand, ...]) -> _Part:
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
    if len(paths[0].steps) > 1:
        raise ValidationException(f"{_EXPRESSION}s cannot have conditions on nested attributes")
    values = tuple([operand for operand in operands if isinstance(operand, ValueNode)])
    return _Part(paths[0], operator, values)


def _bound(part: _Part, placeholders: Placeholders) -> tuple[str, SortRange]:
    """The attribute a part is about, and what it wants of it."""
    (name,) = placeholders.path(part.path, _EXPRESSION)
    values = tuple([placeholders.value(each.placeholder, _EXPRESSION) for each in part.operands])
    return str(name), SortRange(part.operator, values)


def _fits(wanted: SortRange) -> bool:
    """Whether a condition on any attribute could have these operands."""
    if wanted.operator == "=":
        return True
    allowed = _WITH_PREFIXES if wanted.operator == "begins_with" else _ORDERED
    if any(attribute.type_of(operand) not in allowed for operand in wanted.operands):
        return False
    if wanted.operator != "BETWEEN":
        return True
    order = attribute.compare(*wanted.operands)
    return order is not None and order <= 0


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


def of_schema(
    ranges: Mapping[str, SortRange],
    partition_key: Sequence[str],
    sort_key: Sequence[str],
    types: Mapping[str, str],
) -> KeyCondition:
    """What ranges of attributes want of a key schema; the rest as for `parse`.

    Raises ValidationException with DynamoDB's text.
    """
    conditions_max = max(_KEYS_MAX, len(partition_key) + len(sort_key))
    if len(ranges) > conditions_max:
        raise ValidationException(f"Conditions can be of length 1 or {conditions_max} only")
    for name in partition_key:
        if name not in ranges:
            raise _missed(name)
    limited = [ranges[name] for name in takewhile(ranges.__contains__, sort_key)]
    if len(partition_key) + len(limited) < len(
        ranges
    ):  # what else is there is no key, or skips one
        raise _missed(sort_key[len(limited)]) if len(limited) < len(sort_key) else _unsupported()
    partition = [ranges[name] for name in partition_key]
    if any(wanted.operator != "=" for wanted in (*partition, *limited[:-1])):
        raise _unsupported()
    for name, wanted in ranges.items():
        check_operands(name, types[name], wanted)
    return KeyCondition(tuple([wanted.operands[0] for wanted in partition]), tuple(limited))


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
