"""WHERE: tokens to the tree of a condition.

condition  = and { OR and }        and = not { AND not }        not = { NOT } primary
primary    = "(" condition ")" | call | operand test
test       = comparator operand
           | [ NOT ] BETWEEN operand AND operand
           | [ NOT ] IN list       list = ( "[" | "(" ) operand { "," operand } ( "]" | ")" )
           | IS [ NOT ] ( MISSING | NULL )
comparator = "=" | "<>" | "!=" | "<" | "<=" | ">" | ">="
"""

from __future__ import annotations

from typing import Final

from headwater.expressions.partiql.literals import LiteralReader
from headwater.expressions.partiql.operands import OperandReader
from headwater.expressions.partiql.syntax import Constant
from headwater.expressions.partiql.tokens import Cursor, Kind, malformed
from headwater.expressions.syntax import (
    COMPARATORS,
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
from headwater.limits import expression_in_operands_max, expression_operators_max

_FUNCTIONS: Final = {"attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1}
_CLOSING: Final = {"[": "]", "(": ")"}
_NULL: Final = Constant({"S": "NULL"})


class ConditionReader:
    """Reads one condition by precedence; two frames of the interpreter's stack a parenthesis.

    A parenthesis holds a condition or an operand, and only what follows tells which was meant.
    """

    def __init__(self, cursor: Cursor, literals: LiteralReader, kind: str) -> None:
        """kind: of expression, for errors."""
        self._cursor = cursor
        self._literals = literals
        self._operands = OperandReader(cursor, literals, _FUNCTIONS, kind)
        self._depth = 0
        self._operator_count = 0

    def read(self) -> ConditionNode:
        """Raises ValidationException, also for more operators than DynamoDB takes."""
        condition = self._condition(self._disjunction())
        if self._operator_count > expression_operators_max:
            raise self._operands.invalid(
                "The expression contains too many operators; "
                f"operator count: {self._operator_count}"
            )
        return condition

    def _disjunction(self) -> ConditionNode | Operand:
        """A condition as far as AND and OR reach, or an operand if neither follows it."""
        cursor = self._cursor
        first = self._negation()
        if not (cursor.at("AND") or cursor.at("OR")):
            return first
        alternatives: list[list[ConditionNode]] = [[self._condition(first)]]
        while cursor.at("AND") or cursor.at("OR"):
            self._operator_count += 1
            if cursor.take().text == "OR":
                alternatives.append([])
            alternatives[-1].append(self._condition(self._negation()))
        terms = [And(tuple(terms)) if len(terms) > 1 else terms[0] for terms in alternatives]
        return Or(tuple(terms)) if len(terms) > 1 else terms[0]

    def _negation(self) -> ConditionNode | Operand:
        cursor = self._cursor
        count = 0
        while cursor.accept("NOT"):
            count += 1
        self._operator_count += count
        node: ConditionNode | Operand
        if cursor.accept("("):
            self._depth += 1
            if self._depth > expression_operators_max:  # the stack has an end
                raise malformed("Parentheses are nested too deeply")
            node = self._disjunction()
            cursor.expect(")")
            self._depth -= 1
        else:
            node = self._operands.operand()
        node = self._tested(node)
        for _ in range(count):
            node = Not(self._condition(node))
        return node

    def _tested(self, left: ConditionNode | Operand) -> ConditionNode | Operand:
        """What an operand becomes by the test that follows it, if one does."""
        cursor = self._cursor
        token = cursor.token
        if token.kind is Kind.SYMBOL and (token.text in COMPARATORS or token.text == "!="):
            operand = self._value_of(left)
            operator = cursor.take().text
            self._operator_count += 1
            return Comparison("<>" if operator == "!=" else operator, operand, self._term())
        is_negated = cursor.at("NOT") and cursor.next.text in ("IN", "BETWEEN")
        if is_negated:
            cursor.take()
        node = self._keyword_test(left)
        return Not(self._condition(node)) if is_negated else node

    def _keyword_test(self, left: ConditionNode | Operand) -> ConditionNode | Operand:
        cursor = self._cursor
        if cursor.accept("BETWEEN"):
            operand = self._value_of(left)
            low = self._term()
            cursor.expect("AND")
            self._operator_count += 1
            return Between(operand, low, self._term())
        if cursor.accept("IN"):
            self._operator_count += 1
            return Membership(self._value_of(left), self._candidates())
        if cursor.accept("IS"):
            return self._is(self._value_of(left))
        if cursor.token.kind is Kind.SYMBOL and cursor.token.text in ("+", "-"):
            raise malformed("Arithmetic is not supported in a WHERE clause")
        return left

    def _is(self, operand: Operand) -> ConditionNode:
        """`IS [NOT] MISSING` and `IS [NOT] NULL`; NULL is a value, which what is missing is not."""
        cursor = self._cursor
        self._operator_count += 1
        is_negated = cursor.accept("NOT")
        if cursor.accept("MISSING"):
            function = "attribute_exists" if is_negated else "attribute_not_exists"
            return Call(function, (operand,))
        cursor.expect("NULL", "Expected type name")
        self._literals.values.append(_NULL)
        kind = ValueNode(str(len(self._literals.values) - 1))
        is_null = Call("attribute_type", (operand, kind))
        return Not(is_null) if is_negated else is_null

    def _candidates(self) -> tuple[Operand, ...]:
        cursor = self._cursor
        closing = _CLOSING.get(cursor.token.text) if cursor.token.kind is Kind.SYMBOL else None
        if closing is None:
            raise malformed("Expected a list after IN")
        cursor.take()
        candidates = [self._term()]
        while cursor.accept(","):
            candidates.append(self._term())
        cursor.expect(closing)
        if len(candidates) > expression_in_operands_max:
            raise self._operands.invalid(
                "The IN operator is provided with too many operands; "
                f"number of operands: {len(candidates)}"
            )
        return tuple(candidates)

    def _term(self) -> Operand:
        """An operand, perhaps in parentheses."""
        depth = 0
        while self._cursor.accept("("):
            depth += 1
        operand = self._value_of(self._operands.operand())
        for _ in range(depth):
            self._cursor.expect(")")
        return operand

    def _value_of(self, node: ConditionNode | Operand) -> Operand:
        """The node, which must have a value where it stands; of the functions only `size` does."""
        if isinstance(node, Call) and node.function != "size":
            raise self._operands.invalid(_misuse(node))
        if not isinstance(node, PathNode | ValueNode | Call):
            raise malformed("Unexpected operator")
        return node

    def _condition(self, node: ConditionNode | Operand) -> ConditionNode:
        """The node, which must be a condition where it stands."""
        if isinstance(node, PathNode | ValueNode):
            raise malformed("Expected a condition")
        if isinstance(node, Call):
            self._operator_count += 1
            if node.function == "size":
                raise self._operands.invalid(_misuse(node))
        return node


def _misuse(call: Call) -> str:
    return (
        "The function is not allowed to be used this way in an expression; "
        f"function: {call.function}"
    )
