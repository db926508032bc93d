"""Tokens to trees, with everything that can be said of an expression before its placeholders.

    condition  = and { OR and }        and = not { AND not }        not = { NOT } primary
    primary    = "(" condition ")" | call
               | operand ( comparator operand | BETWEEN operand AND operand | IN "(" operands ")" )
    operand    = path | value | call | "(" operand ")"
    call       = name "(" operands ")"
    path       = ( name | alias ) { "." ( name | alias ) | "[" index "]" }
    update     = section { section }   each of SET, REMOVE, ADD, DELETE at most once
    SET        = SET path "=" operand [ ( "+" | "-" ) operand ] { "," ... }
    REMOVE     = REMOVE path { "," path }
    ADD        = ADD path value { "," path value }           DELETE likewise
    projection = path { "," path }

Results are remembered by text, so a repeated expression costs a look-up.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Final

from headwater.expressions.reserved import is_reserved
from headwater.expressions.syntax import (
    COMPARATORS,
    Action,
    And,
    Arithmetic,
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
from headwater.expressions.tokens import Cursor, Fault, Kind, Token, invalid
from headwater.limits import (
    expression_in_operands_max,
    expression_operators_max,
    nesting_levels_max,
)

# How many operands each function takes.
CONDITION_FUNCTIONS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
UPDATE_FUNCTIONS: Final = {"if_not_exists": 2, "list_append": 2}

_REMEMBERED: Final = 512
_SECTIONS: Final = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_CONDITION_WORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN"})
_INDEX_MAX: Final = 2**31 - 1
# BETWEEN is counted by the AND that belongs to it; the = of a SET is no operator.
_CONDITION_OPERATORS: Final = COMPARATORS | {"AND", "OR", "NOT", "IN"}
_UPDATE_OPERATORS: Final = frozenset({"+", "-"})
_BEFORE_GROUP: Final = frozenset({"AND", "OR", "NOT", "BETWEEN"})
_REDUNDANT: Final = "The expression has redundant parentheses;"


@lru_cache(_REMEMBERED)
def condition(text: str, expression: str) -> ConditionNode:
    """The tree of a condition; expression: the parameter's name, for errors."""
    cursor = Cursor(text, expression)
    _check_operators(cursor, _CONDITION_OPERATORS)
    _note_redundant_parentheses(cursor)
    tree = _Conditions(cursor).parse()
    cursor.finish()
    return tree


@lru_cache(_REMEMBERED)
def update(text: str) -> tuple[Action, ...]:
    """The actions of an update expression, in the order written."""
    cursor = Cursor(text, "UpdateExpression")
    _check_operators(cursor, _UPDATE_OPERATORS)
    actions: list[Action] = []
    seen: set[str] = set()
    while cursor.token.kind is not Kind.END:
        section = cursor.token.keyword
        if section not in _SECTIONS:
            cursor.refuse()
        if section in seen:
            only_once = f'The "{section}" section can only be used once in an update expression;'
            cursor.fault(Fault.SECTION, only_once)
        seen.add(section)
        cursor.take()
        actions.append(_action(cursor, section))
        while cursor.accept(","):
            actions.append(_action(cursor, section))
    cursor.finish()
    return tuple(actions)


@lru_cache(_REMEMBERED)
def projection(text: str) -> tuple[PathNode, ...]:
    """The paths of a projection expression, in the order written."""
    cursor = Cursor(text, "ProjectionExpression")
    paths = [_path(cursor)]
    while cursor.accept(","):
        paths.append(_path(cursor))
    cursor.finish()
    return tuple(paths)


class _Conditions:
    """Parses a condition by precedence; two frames of the interpreter's stack a parenthesis.

    A parenthesis holds a condition or an operand, and only what follows tells which was meant.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._depth = 0

    def parse(self) -> ConditionNode:
        return self._condition(self._disjunction())

    def _disjunction(self) -> ConditionNode | Operand:
        """A condition as far as AND and OR reach, or an operand if neither follows it."""
        cursor = self._cursor
        first = self._negation()
        if not (cursor.at("AND") or cursor.at("OR")):
            return first
        alternatives: list[list[ConditionNode]] = [[self._condition(first)]]
        while cursor.at("AND") or cursor.at("OR"):
            if cursor.take().keyword == "OR":
                alternatives.append([])
            alternatives[-1].append(self._condition(self._negation()))
        terms = [And(tuple(terms)) if len(terms) > 1 else terms[0] for terms in alternatives]
        return Or(tuple(terms)) if len(terms) > 1 else terms[0]

    def _negation(self) -> ConditionNode | Operand:
        cursor = self._cursor
        count = 0
        while cursor.accept("NOT"):
            count += 1
        node: ConditionNode | Operand
        if cursor.accept("("):
            self._depth += 1
            # Deeper than operators reach, parentheses are redundant or never closed.
            if self._depth > expression_operators_max:
                cursor.refuse()
            node = self._disjunction()
            cursor.expect(")")
            self._depth -= 1
        else:
            node = _operand(cursor, CONDITION_FUNCTIONS)
        node = self._compared(node)
        for _ in range(count):
            node = Not(self._condition(node))
        return node

    def _compared(self, left: ConditionNode | Operand) -> ConditionNode | Operand:
        """What an operand becomes by the comparison that follows it, if one does."""
        cursor = self._cursor
        word = cursor.token.keyword
        if word not in COMPARATORS and word not in ("BETWEEN", "IN"):
            return left
        if not isinstance(left, Operand):
            cursor.refuse()
        _note_misuse(cursor, left)
        cursor.take()
        if word == "BETWEEN":
            low = self._term()
            cursor.expect("AND")
            return Between(left, low, self._term())
        if word == "IN":
            return Membership(left, self._candidates())
        return Comparison(word, left, self._term())

    def _candidates(self) -> tuple[Operand, ...]:
        cursor = self._cursor
        cursor.expect("(")
        candidates = [self._term()]
        while cursor.accept(","):
            candidates.append(self._term())
        cursor.expect(")")
        if len(candidates) > expression_in_operands_max:
            too_many = "The IN operator is provided with too many operands; number of operands: "
            cursor.fault(Fault.OPERANDS, f"{too_many}{len(candidates)}")
        return tuple(candidates)

    def _term(self) -> Operand:
        operand = _operand(self._cursor, CONDITION_FUNCTIONS)
        _note_misuse(self._cursor, operand)
        return operand

    def _condition(self, node: ConditionNode | Operand) -> ConditionNode:
        """The node, which must be a condition where it stands."""
        if isinstance(node, PathNode | ValueNode):
            self._cursor.refuse()
        if isinstance(node, Call) and node.function == "size":
            self._cursor.fault(Fault.MISUSE, _misuse(node.function))
        return node


def _note_misuse(cursor: Cursor, operand: Operand) -> None:
    """In a condition only `size` has a value; the other functions are conditions themselves."""
    if isinstance(operand, Call) and operand.function != "size":
        cursor.fault(Fault.MISUSE, _misuse(operand.function))


def _misuse(function: str) -> str:
    return f"The function is not allowed to be used this way in an expression; function: {function}"


def _action(cursor: Cursor, section: str) -> Action:
    path = _path(cursor)
    if section == "REMOVE":
        return Action(section, path, None)
    if section == "SET":
        cursor.expect("=")
        return Action(section, path, _sum(cursor))
    if cursor.token.kind is not Kind.VALUE:
        cursor.refuse()
    return Action(section, path, ValueNode(cursor.take().text))


def _sum(cursor: Cursor) -> Operand | Arithmetic:
    """The right side of a SET: an operand, or two of them added or subtracted."""
    grouped = cursor.accept("(")
    left = _bare_operand(cursor, UPDATE_FUNCTIONS)
    if grouped and cursor.accept(")"):
        grouped = False  # only the first operand was
    result: Operand | Arithmetic = left
    if cursor.at("+") or cursor.at("-"):
        operator = cursor.take().text
        result = Arithmetic(operator, left, _operand(cursor, UPDATE_FUNCTIONS))
    if grouped:
        cursor.expect(")")
    return result


def _operand(cursor: Cursor, functions: dict[str, int]) -> Operand:
    """A path, a value, a call, or one of them in parentheses."""
    depth = 0
    while cursor.accept("("):  # more than one is redundant, which is noted elsewhere
        depth += 1
    operand = _bare_operand(cursor, functions)
    for _ in range(depth):
        cursor.expect(")")
    return operand


def _bare_operand(cursor: Cursor, functions: dict[str, int]) -> Operand:
    token = cursor.token
    if token.kind is Kind.VALUE:
        return ValueNode(cursor.take().text)
    if token.kind is not Kind.NAME or cursor.next.text != "(" or _is_word(cursor, token):
        return _path(cursor)
    function = cursor.take().text
    cursor.expect("(")
    operands = [_bare_operand(cursor, functions)]
    while cursor.accept(","):
        operands.append(_bare_operand(cursor, functions))
    cursor.expect(")")
    if function not in functions:
        cursor.fault(Fault.FUNCTION, _unknown(function, functions))
    elif functions[function] != len(operands):
        wrong_number = "Incorrect number of operands for operator or function; operator or function"
        reason = f"{wrong_number}: {function}, number of operands: {len(operands)}"
        cursor.fault(Fault.OPERANDS, reason)
    elif functions is CONDITION_FUNCTIONS:
        for operand in operands:
            _note_misuse(cursor, operand)
    return Call(function, tuple(operands))


def _unknown(function: str, functions: dict[str, int]) -> str:
    if functions is UPDATE_FUNCTIONS and function in CONDITION_FUNCTIONS:
        return f"The function is not allowed in an update expression; function: {function}"
    if functions is CONDITION_FUNCTIONS and function in UPDATE_FUNCTIONS:
        return f"The function is not allowed in a condition expression; function: {function}"
    return f"Invalid function name; function: {function}"


def _path(cursor: Cursor) -> PathNode:
    steps: list[str | int] = [_name(cursor)]
    while True:
        if cursor.accept("."):
            steps.append(_name(cursor))
        elif cursor.accept("["):
            steps.append(_index(cursor))
            cursor.expect("]")
        else:
            break
    if len(steps) > nesting_levels_max:
        too_deep = "The document path has too many nesting elements; nesting elements: "
        cursor.fault(Fault.PATH, f"{too_deep}{len(steps)}")
    aliased = any(isinstance(step, str) and step[0] == "#" for step in steps)
    return PathNode(tuple(steps), aliased)


def _name(cursor: Cursor) -> str:
    token = cursor.token
    if token.kind not in (Kind.NAME, Kind.ALIAS) or _is_word(cursor, token):
        cursor.refuse()
    name = cursor.take().text
    if is_reserved(name):
        reserved = f"Attribute name is a reserved keyword; reserved keyword: {name}"
        cursor.fault(Fault.RESERVED, reserved)
    return name


def _index(cursor: Cursor) -> int:
    if cursor.token.kind is not Kind.INDEX:
        cursor.refuse()
    index = int(cursor.take().text)
    if index > _INDEX_MAX:
        reason = f"List index is not within the allowable range; index: [{index}]"
        cursor.fault(Fault.PATH, reason)
    return index


def _is_word(cursor: Cursor, token: Token) -> bool:
    """Whether the token is a keyword of this kind of expression and so no name at all."""
    if cursor.expression == "UpdateExpression":
        return token.keyword in _SECTIONS
    return token.keyword in _CONDITION_WORDS


def _check_operators(cursor: Cursor, operators: frozenset[str]) -> None:
    """Count operators before parsing, so that nothing nests deeper than the stack allows."""
    count = 0
    for before, token in pairwise(cursor.tokens):
        is_call = token.text == "(" and before.kind is Kind.NAME
        count += before.keyword in operators or (is_call and not _is_word(cursor, before))
    if count > expression_operators_max:
        too_many = "The expression contains too many operators; operator count: "
        raise invalid(cursor.expression, f"{too_many}{count}")


def _note_redundant_parentheses(cursor: Cursor) -> None:
    """Find a parenthesis that holds nothing but another one; a call's or a list's do not count."""
    tokens = cursor.tokens
    opened: list[int] = []
    closing: dict[int, int] = {}
    for at, token in enumerate(tokens):
        if token.text == "(":
            opened.append(at)
        elif token.text == ")" and opened:
            closing[opened.pop()] = at
    for start, end in closing.items():
        before = tokens[start - 1].keyword if start else "("
        is_group = before == "(" or before in COMPARATORS or before in _BEFORE_GROUP
        if is_group and closing.get(start + 1) == end - 1:
            cursor.fault(Fault.PARENTHESES, _REDUNDANT)
