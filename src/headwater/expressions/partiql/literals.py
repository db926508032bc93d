"""Literals of a statement: read from its text, and made values by its parameters.

    literal = string | number | TRUE | FALSE | NULL | "?" | list | map | set
    list    = "[" [ literal { "," literal } ] "]"
    map     = "{" [ string ":" literal { "," string ":" literal } ] "}"
    set     = "<<" [ literal { "," literal } ] ">>"

A literal without parameters becomes a canonical value when it is read, and is remembered with its
statement. Binary values have no literal; they come as parameters (Developer Guide, "PartiQL data
types for DynamoDB").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from headwater.errors import ValidationException
from headwater.expressions.partiql.syntax import (
    Constant,
    Insert,
    ListLiteral,
    Literal,
    MapLiteral,
    Parameter,
    SetLiteral,
    Statement,
)
from headwater.expressions.partiql.tokens import Cursor, Kind, malformed
from headwater.expressions.syntax import PathNode, ValueNode
from headwater.limits import nesting_levels_max
from headwater.values import attribute
from headwater.values import item as items
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item, Path

_SETS: Final = {"S": "SS", "N": "NS", "B": "BS"}
_WORDS: Final[dict[str, AttributeValue]] = {
    "TRUE": {"BOOL": True},
    "FALSE": {"BOOL": False},
    "NULL": {"NULL": True},
}
_BEGINNINGS: Final = frozenset({*_WORDS, "?", "[", "{", "<<", "+", "-"})
_SIGNS: Final = ("+", "-")


class LiteralReader:
    """Reads the literals of one statement and counts its parameters.

    values: those read by `value_node`, in order.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.values: list[Literal] = []
        self.parameter_count = 0
        self._cursor = cursor
        self._depth = 0

    def begins(self) -> bool:
        """Whether a literal comes next."""
        token = self._cursor.token
        if token.kind in (Kind.STRING, Kind.NUMBER):
            return True
        return token.kind in (Kind.KEYWORD, Kind.SYMBOL) and token.text in _BEGINNINGS

    def value_node(self) -> ValueNode:
        """Read a literal into `values`; what a tree has in its place."""
        self.values.append(self.literal())
        return ValueNode(str(len(self.values) - 1))

    def item(self) -> MapLiteral | Parameter:
        """Read what INSERT puts."""
        if self._cursor.accept("?"):
            return self._parameter()
        self._cursor.expect("{", "Expected a map as the item to insert")
        return self._map()

    def literal(self) -> Literal:
        """Read a literal, as a constant if it has no parameters.

        Raises ValidationException for a value that DynamoDB does not have.
        """
        node = self._nested()
        if isinstance(node, Constant | Parameter) or _has_parameter(node):
            return node
        return Constant(attribute.normalise(_wire(node, ()))[0])

    def _nested(self) -> Literal:
        cursor = self._cursor
        token = cursor.token
        if token.kind is Kind.STRING:
            return Constant({"S": cursor.take().text})
        if token.kind is Kind.NUMBER or token.text in _SIGNS:
            return self._number()
        if token.kind is Kind.KEYWORD and token.text in _WORDS:
            return Constant(_WORDS[cursor.take().text])
        if cursor.accept("?"):
            return self._parameter()
        self._depth += 1
        if self._depth > nesting_levels_max:
            raise ValidationException("Nesting Levels have exceeded supported limits")
        node = self._collection()
        self._depth -= 1
        return node

    def _collection(self) -> Literal:
        cursor = self._cursor
        if cursor.accept("["):
            return ListLiteral(self._elements("]"))
        if cursor.accept("<<"):
            return SetLiteral(self._elements(">>"))
        if not cursor.accept("{"):
            cursor.refuse_term()
        return self._map()

    def _number(self) -> Constant:
        cursor = self._cursor
        sign = ""
        if cursor.token.text in _SIGNS:
            sign = cursor.take().text
        if cursor.token.kind is not Kind.NUMBER:
            cursor.refuse_term()
        return Constant(attribute.normalise({"N": sign + cursor.take().text})[0])

    def _parameter(self) -> Parameter:
        self.parameter_count += 1
        return Parameter(self.parameter_count - 1)

    def _elements(self, closing: str) -> tuple[Literal, ...]:
        if self._cursor.accept(closing):
            return ()
        elements = [self._nested()]
        while self._cursor.accept(","):
            elements.append(self._nested())
        self._cursor.expect(closing)
        return tuple(elements)

    def _map(self) -> MapLiteral:
        cursor = self._cursor
        members: dict[str, Literal] = {}
        while not cursor.accept("}"):
            if members:
                cursor.expect(",")
            if cursor.token.kind is not Kind.STRING:
                raise malformed("Expected a string as the name of a map's member")
            name = cursor.take().text
            if name in members:
                raise malformed(f"A map has two members of the name {name}")
            cursor.expect(":")
            members[name] = self._nested()
        return MapLiteral(tuple(members.items()))


class Values:
    """What the literals of a statement stand for, given its parameters: the values of its trees."""

    def __init__(self, statement: Statement, parameters: Sequence[Any]) -> None:
        """parameters: as the client sent them. Raises ValidationException."""
        if len(parameters) != statement.parameter_count:
            raise ValidationException("Number of parameters in request and statement don't match.")
        self._parameters = [attribute.normalise(value)[0] for value in parameters]
        self._values = [self._value(literal) for literal in statement.values]

    def value(self, placeholder: str, expression: str) -> AttributeValue:
        """The canonical value of a `ValueNode`."""
        return self._values[int(placeholder)]

    def path(self, node: PathNode, expression: str) -> Path:
        """The document path, which needs nothing looked up."""
        return node.steps

    def item(self, insert: Insert) -> tuple[Item, int]:
        """The item to insert, canonical, and its size. Raises ValidationException."""
        if isinstance(insert.item, MapLiteral):
            members = {
                name: _wire(literal, self._parameters) for name, literal in insert.item.members
            }
            return items.normalise(members)
        given = self._parameters[insert.item.index]
        if "M" not in given:
            raise ValidationException("The item to insert must be a map")
        return items.normalise(given["M"])

    def _value(self, literal: Literal) -> AttributeValue:
        if isinstance(literal, Constant):
            return literal.value
        if isinstance(literal, Parameter):
            return self._parameters[literal.index]
        return attribute.normalise(_wire(literal, self._parameters))[0]


def _has_parameter(literal: Literal) -> bool:
    match literal:
        case Parameter():
            return True
        case Constant():
            return False
        case ListLiteral(elements) | SetLiteral(elements):
            return any(map(_has_parameter, elements))
        case MapLiteral(members):
            return any(_has_parameter(member) for _, member in members)


def _wire(literal: Literal, parameters: Sequence[AttributeValue]) -> AttributeValue:
    """The literal's value as a client would send it, unchecked."""
    match literal:
        case Constant(value):
            return value
        case Parameter(index):
            return parameters[index]
        case ListLiteral(elements):
            return {"L": [_wire(element, parameters) for element in elements]}
        case MapLiteral(members):
            return {"M": {name: _wire(member, parameters) for name, member in members}}
        case SetLiteral(members):
            return _set([_wire(member, parameters) for member in members])


def _set(members: Sequence[AttributeValue]) -> AttributeValue:
    kinds = {attribute.type_of(member) for member in members} or {"S"}
    kind = kinds.pop()
    if kinds or kind not in _SETS:
        raise ValidationException(
            "One or more parameter values were invalid: The members of a set must all be strings, "
            "all numbers or all binary values"
        )
    return {_SETS[kind]: [member[kind] for member in members]}
