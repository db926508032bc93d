"""Condition and filter expressions: bound to a request, then asked of items.

Whatever can be said of operands without an item is said when the expression is bound; what a bound
condition does with an item is in `predicates.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from headwater.errors import ValidationException
from headwater.expressions import parser, predicates
from headwater.expressions.bind import Bindings, Placeholders
from headwater.expressions.paths import written
from headwater.expressions.predicates import Reader, Test
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
from headwater.expressions.tokens import invalid
from headwater.values import attribute
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item

_REMEMBERED: Final = 1024
_ORDERED: Final = frozenset("SNB")
_MEASURED: Final = attribute.TYPES - {"N", "BOOL", "NULL"}
_CONTAINING: Final = _MEASURED - {"M"}
_TYPES_LISTED: Final = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
_NOTHING: Final[Item] = {}
_ORDERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be asked; `matches` cannot fail."""

    _test: Test
    _attributes: frozenset[str]

    def matches(self, item: Item | None) -> bool:
        """Whether it holds for an item; None: for no item at all."""
        return self._test(_NOTHING if item is None else item)

    def top_level_attributes(self) -> set[str]:
        """The attributes it reads, by the first name of each path."""
        return set(self._attributes)


def parse(text: str, placeholders: Placeholders, kind: str = "ConditionExpression") -> Condition:
    """Parse an expression and bind it; kind: the parameter's name, for errors.

    Raises ValidationException with DynamoDB's text.
    """
    if "#" not in text and ":" not in text:
        return _parse_plain(text, kind)
    return bind(parser.condition(text, kind), placeholders, kind)


def bind(tree: ConditionNode, placeholders: Bindings, kind: str) -> Condition:
    """Bind a condition's tree to what its names and values stand for."""
    binder = _Binder(placeholders, kind)
    test = binder.condition(tree)
    return Condition(test, frozenset(binder.attributes))


@lru_cache(_REMEMBERED)
def _parse_plain(text: str, kind: str) -> Condition:
    """A condition without placeholders is bound the same way for every request."""
    return bind(parser.condition(text, kind), Placeholders(None, None), kind)


class _Binder:
    """Turns a tree into functions, checking what is known of operands before any item is."""

    def __init__(self, placeholders: Bindings, kind: str) -> None:
        self.attributes: set[str] = set()
        self._placeholders = placeholders
        self._kind = kind

    def condition(self, node: ConditionNode) -> Test:
        match node:
            case And(conditions):
                return predicates.every([self.condition(each) for each in conditions])
            case Or(conditions):
                return predicates.some([self.condition(each) for each in conditions])
            case Not(condition):
                return predicates.negated(self.condition(condition))
            case Comparison():
                return self._comparison(node)
            case Between():
                return self._between(node)
            case Membership():
                return self._membership(node)
            case Call():
                return self._function(node)

    def _comparison(self, node: Comparison) -> Test:
        left, right = self._read(node.left), self._read(node.right)
        self._check_distinct(node.operator, (node.left, node.right))
        if node.operator == "=":
            return predicates.equal(left, right)
        if node.operator == "<>":
            measured = tuple(isinstance(side, Call) for side in (node.left, node.right))
            return predicates.unequal(left, right, measured)
        self._check_types(node.operator, (node.left, node.right), allowed=_ORDERED)
        return predicates.ordered(_ORDERS[node.operator], left, right)

    def _between(self, node: Between) -> Test:
        operands = (node.operand, node.low, node.high)
        value, low, high = map(self._read, operands)
        self._check_distinct("BETWEEN", operands)
        self._check_types("BETWEEN", operands, allowed=_ORDERED)
        if isinstance(node.low, ValueNode) and isinstance(node.high, ValueNode):
            self._check_bounds(self._value(node.low), self._value(node.high))
        return predicates.between(value, low, high)

    def _membership(self, node: Membership) -> Test:
        value = self._read(node.operand)
        candidates = [self._read(candidate) for candidate in node.candidates]
        self._check_distinct("IN", (node.operand, *node.candidates))
        return predicates.among(value, candidates)

    def _function(self, node: Call) -> Test:
        readers = [self._read(operand) for operand in node.operands]
        self._check_distinct(node.function, node.operands)
        match node.function:
            case "attribute_exists":
                self._check_path(node)
                return predicates.exists(readers[0])
            case "attribute_not_exists":
                self._check_path(node)
                return predicates.negated(predicates.exists(readers[0]))
            case "attribute_type":
                return predicates.has_type(readers[0], self._type_name(node))
            case "begins_with":
                self._check_types(node.function, node.operands, allowed=frozenset("SB"))
                return predicates.begins(readers[0], readers[1])
        assert node.function == "contains", node.function
        self._check_types(node.function, node.operands[:1], allowed=_CONTAINING)
        return predicates.holds(readers[0], readers[1])

    def _read(self, operand: Operand) -> Reader:
        if isinstance(operand, ValueNode):
            return predicates.constant(self._value(operand))
        if isinstance(operand, PathNode):
            path = self._placeholders.path(operand, self._kind)
            self.attributes.add(str(path[0]))
            return predicates.at(path)
        measured = self._read(operand.operands[0])
        self._check_types("size", operand.operands, allowed=_MEASURED)
        return predicates.measured(measured)

    def _value(self, node: ValueNode) -> AttributeValue:
        return self._placeholders.value(node.placeholder, self._kind)

    def _type(self, operand: Operand) -> str | None:
        """The type an operand has whatever the item is; None if the item decides."""
        if isinstance(operand, ValueNode):
            return attribute.type_of(self._value(operand))
        return "N" if isinstance(operand, Call) else None

    def _type_name(self, node: Call) -> str:
        """The type `attribute_type` asks for."""
        wanted = node.operands[1]
        kind = self._type(wanted)
        if kind != "S" or not isinstance(wanted, ValueNode):
            raise self._wrong_type(node.function, kind or _TYPES_LISTED)
        name: str = self._value(wanted)["S"]
        if name not in attribute.TYPES:
            raise self._invalid(
                f"Invalid attribute type name found; type: {name}, valid types: {_TYPES_LISTED}"
            )
        return name

    def _check_path(self, node: Call) -> None:
        if not isinstance(node.operands[0], PathNode):
            raise self._invalid(
                "Operator or function requires a document path; "
                f"operator or function: {node.function}"
            )

    def _check_types(
        self, name: str, operands: Iterable[Operand], *, allowed: frozenset[str]
    ) -> None:
        for operand in operands:
            kind = self._type(operand)
            if kind is not None and kind not in allowed:
                raise self._wrong_type(name, kind)

    def _check_distinct(self, name: str, operands: tuple[Operand, ...]) -> None:
        first = operands[0]
        others = [other for other in operands[1:] if isinstance(other, PathNode)]
        if not others or not isinstance(first, PathNode):
            return
        path = self._placeholders.path(first, self._kind)
        for other in others:
            if self._placeholders.path(other, self._kind) == path:
                raise self._invalid(
                    "The first operand must be distinct from the remaining operands for this "
                    f"operator or function; operator: {name}, first operand: {written(path)}"
                )

    def _check_bounds(self, low: AttributeValue, high: AttributeValue) -> None:
        order = attribute.compare(low, high)
        if order is not None and order <= 0:
            return
        wanted = "upper bound to be greater than or equal to lower bound"
        if order is None:
            wanted = "same data type for lower and upper bounds"
        raise self._invalid(
            f"The BETWEEN operator requires {wanted}; lower bound operand: {_shown(low)}, "
            f"upper bound operand: {_shown(high)}"
        )

    def _wrong_type(self, name: str, kind: str) -> ValidationException:
        return self._invalid(
            "Incorrect operand type for operator or function; "
            f"operator or function: {name}, operand type: {kind}"
        )

    def _invalid(self, reason: str) -> ValidationException:
        return invalid(self._kind, reason)


def _shown(value: AttributeValue) -> str:
    """A value as DynamoDB's errors show it."""
    ((kind, inner),) = value.items()
    return f"AttributeValue: {{{kind}:{inner}}}"
