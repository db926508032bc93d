"""What conditions and changes are about: paths, values, and calls of functions.

    operand = literal | path | name "(" operand { "," operand } ")" | "(" operand ")"
    path    = name { "." name | "[" digits "]" }

Names of functions are in any case; the tree has them in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater.errors import ValidationException
from headwater.expressions.partiql.literals import LiteralReader
from headwater.expressions.partiql.tokens import Cursor, Kind, malformed
from headwater.expressions.syntax import Call, Operand, PathNode
from headwater.expressions.tokens import invalid
from headwater.limits import nesting_levels_max

_INDEX_MAX: Final = 2**31 - 1
# Keywords of SQL that DynamoDB has as functions.
_FUNCTION_KEYWORDS: Final = frozenset({"SIZE"})


class OperandReader:
    """Reads the operands of one clause.

    functions: by name, how many operands they take. kind: of expression, for errors.
    """

    def __init__(
        self, cursor: Cursor, literals: LiteralReader, functions: Mapping[str, int], kind: str
    ) -> None:
        self.kind = kind
        self._cursor = cursor
        self._literals = literals
        self._functions = functions

    def operand(self) -> Operand:
        if self._literals.begins():
            return self._literals.value_node()
        if self._is_call():
            return self._call()
        return self.path()

    def path(self) -> PathNode:
        return read_path(self._cursor, self.kind)

    def invalid(self, reason: str) -> ValidationException:
        return invalid(self.kind, reason)

    def _is_call(self) -> bool:
        if self._cursor.next.kind is not Kind.SYMBOL or self._cursor.next.text != "(":
            return False
        token = self._cursor.token
        return token.kind is Kind.NAME or (
            token.kind is Kind.KEYWORD and token.text in _FUNCTION_KEYWORDS
        )

    def _call(self) -> Call:
        name = self._cursor.take().text
        function = name.lower()
        self._cursor.expect("(")
        if function not in self._functions:
            raise self.invalid(f"Invalid function name; function: {name}")
        # Functions do not nest but for `size`, so a call within a call ends the recursion soon.
        operands = [self._argument()]
        while self._cursor.accept(","):
            operands.append(self._argument())
        self._cursor.expect(")")
        if len(operands) != self._functions[function]:
            raise self.invalid(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {function}, number of operands: {len(operands)}"
            )
        return Call(function, tuple(operands))

    def _argument(self) -> Operand:
        """An operand of a function, which is a value or a path."""
        if self._is_call():
            raise self.invalid(
                "The function is not allowed to be used this way in an expression; "
                f"function: {self._cursor.token.text.lower()}"
            )
        return self.operand()


def read_path(cursor: Cursor, kind: str) -> PathNode:
    """Read a document path; kind: of expression, for errors."""
    if cursor.token.kind not in (Kind.NAME, Kind.QUOTED):
        cursor.refuse_term()
    steps: list[str | int] = [cursor.identifier("Expected identifier for simple path")]
    while True:
        if cursor.accept("."):
            steps.append(cursor.identifier("Invalid path dot component"))
        elif cursor.accept("["):
            steps.append(_index(cursor, kind))
            cursor.expect("]")
        else:
            break
    if len(steps) > nesting_levels_max:
        raise invalid(
            kind,
            f"The document path has too many nesting elements; nesting elements: {len(steps)}",
        )
    return PathNode(tuple(steps), aliased=False)


def _index(cursor: Cursor, kind: str) -> int:
    token = cursor.token
    if token.kind is not Kind.NUMBER or not token.text.isdigit():
        raise malformed("Invalid path component for simple path")
    digits = cursor.take().text
    if len(digits) > len(str(_INDEX_MAX)) or int(digits) > _INDEX_MAX:
        raise invalid(kind, f"List index is not within the allowable range; index: [{digits}]")
    return int(digits)
