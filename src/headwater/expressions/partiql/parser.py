"""Statements: tokens to trees.

    statement = ( select | insert | update | delete | exists ) [ ";" ]
    select    = SELECT ( "*" | path { "," path } ) FROM name [ "." name ] [ WHERE condition ]
                [ ORDER BY name [ ASC | DESC ] { "," name [ ASC | DESC ] } ]
    insert    = INSERT INTO name VALUE ( map | "?" )
    update    = UPDATE name change { change } [ WHERE condition ] [ RETURNING returned "*" ]
    change    = SET path "=" sum { "," path "=" sum } | REMOVE path { "," path }
    sum       = operand [ ( "+" | "-" ) operand ]
    delete    = DELETE FROM name [ WHERE condition ] [ RETURNING returned "*" ]
    exists    = EXISTS "(" select ")"
    returned  = ( ALL | MODIFIED ) ( OLD | NEW )

The name of a table is a name or an ARN, and before an index in double quotes. Results are
remembered by text, so a repeated statement costs a look-up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from headwater.expressions.partiql.conditions import ConditionReader
from headwater.expressions.partiql.literals import LiteralReader
from headwater.expressions.partiql.operands import OperandReader, read_path
from headwater.expressions.partiql.syntax import (
    Body,
    Delete,
    Exists,
    Insert,
    Order,
    Returning,
    Select,
    Statement,
    Update,
)
from headwater.expressions.partiql.tokens import NOT_A_STATEMENT, Cursor, Kind, malformed
from headwater.expressions.syntax import (
    Action,
    Arithmetic,
    Call,
    ConditionNode,
    Operand,
    PathNode,
    ValueNode,
)
from headwater.values.item import Path

_REMEMBERED: Final = 512
_FUNCTIONS: Final = {"list_append": 2, "set_add": 2, "set_delete": 2}
# What a change of a set is called in an update expression.
_SET_CHANGES: Final = {"set_add": "ADD", "set_delete": "DELETE"}
_TABLE: Final = "Expected identifier for simple path"


@lru_cache(_REMEMBERED)
def parse(text: str) -> Statement:
    """Raises ValidationException if the text is no statement that DynamoDB has."""
    cursor = Cursor(text)
    reader = _StatementReader(cursor)
    body = reader.body()
    cursor.accept(";")
    if cursor.token.kind is not Kind.END:
        raise malformed("Unexpected token after expression")
    return Statement(body, tuple(reader.literals.values), reader.literals.parameter_count)


class _StatementReader:
    def __init__(self, cursor: Cursor) -> None:
        self.literals = LiteralReader(cursor)
        self._cursor = cursor

    def body(self) -> Body:
        cursor = self._cursor
        if cursor.accept("SELECT"):
            return self._select("FilterExpression")
        if cursor.accept("INSERT"):
            return self._insert()
        if cursor.accept("UPDATE"):
            return self._update()
        if cursor.accept("DELETE"):
            return self._delete()
        if cursor.accept("EXISTS"):
            return self._exists()
        raise malformed(NOT_A_STATEMENT)

    def _select(self, kind: str) -> Select:
        cursor = self._cursor
        paths = self._select_list()
        cursor.expect("FROM", "Expected FROM after SELECT list")
        table, index = self._source()
        return Select(table, index, paths, self._where(kind), self._order())

    def _select_list(self) -> tuple[Path, ...] | None:
        cursor = self._cursor
        if cursor.accept("*"):
            return None
        if cursor.at("FROM"):
            raise malformed("Cannot have empty SELECT list")
        paths = [self._column()]
        while cursor.accept(","):
            paths.append(self._column())
        return tuple(paths)

    def _column(self) -> Path:
        if self.literals.begins():
            raise malformed("Only paths are supported in a SELECT list")
        return read_path(self._cursor, "ProjectionExpression").steps

    def _source(self) -> tuple[str, str | None]:
        cursor = self._cursor
        is_quoted = cursor.token.kind is Kind.QUOTED
        table = cursor.identifier(_TABLE)
        if not cursor.accept("."):
            return table, None
        if not is_quoted or cursor.token.kind is not Kind.QUOTED:
            raise malformed("Expected table and index in double quotes")
        return table, cursor.identifier(_TABLE)

    def _where(self, kind: str) -> ConditionNode | None:
        if not self._cursor.accept("WHERE"):
            return None
        return ConditionReader(self._cursor, self.literals, kind).read()

    def _order(self) -> tuple[Order, ...]:
        cursor = self._cursor
        if not cursor.accept("ORDER"):
            return ()
        cursor.expect("BY")
        terms = [self._order_term()]
        while cursor.accept(","):
            terms.append(self._order_term())
        return tuple(terms)

    def _order_term(self) -> Order:
        name = self._cursor.identifier("Expected a key to order by")
        if self._cursor.accept("DESC"):
            return Order(name, is_descending=True)
        self._cursor.accept("ASC")
        return Order(name, is_descending=False)

    def _insert(self) -> Insert:
        cursor = self._cursor
        cursor.expect("INTO")
        table = cursor.identifier(_TABLE)
        cursor.expect("VALUE", "Unexpected keyword")
        return Insert(table, self.literals.item())

    def _update(self) -> Update:
        cursor = self._cursor
        table = cursor.identifier(_TABLE)
        actions: list[Action] = []
        while cursor.at("SET") or cursor.at("REMOVE"):
            change = self._assignment if cursor.take().text == "SET" else self._removal
            actions.append(change())
            while cursor.accept(","):
                actions.append(change())
        if not actions:
            raise malformed(NOT_A_STATEMENT)
        where = self._where("ConditionExpression")
        return Update(table, tuple(actions), where, self._returning())

    def _removal(self) -> Action:
        return Action("REMOVE", read_path(self._cursor, "UpdateExpression"), None)

    def _assignment(self) -> Action:
        cursor = self._cursor
        operands = OperandReader(cursor, self.literals, _FUNCTIONS, "UpdateExpression")
        path = operands.path()
        cursor.expect("=", "Expected assignment for SET")
        value = operands.operand()
        if isinstance(value, Call) and value.function in _SET_CHANGES:
            return _set_change(path, value)
        if cursor.at("+") or cursor.at("-"):
            operator = cursor.take().text
            return Action("SET", path, Arithmetic(operator, value, _added(operands.operand())))
        return Action("SET", path, value)

    def _delete(self) -> Delete:
        cursor = self._cursor
        cursor.expect("FROM", "Expected FROM after DELETE")
        table = cursor.identifier(_TABLE)
        where = self._where("ConditionExpression")
        returning = self._returning()
        if returning not in (None, Returning.ALL_OLD):
            raise malformed("DELETE can return ALL OLD * only")
        return Delete(table, where, returning)

    def _returning(self) -> Returning | None:
        cursor = self._cursor
        if not cursor.accept("RETURNING"):
            return None
        which = "ALL" if cursor.accept("ALL") else "MODIFIED"
        if which == "MODIFIED" and not cursor.accept(which):
            raise malformed("Expected ALL or MODIFIED after RETURNING")
        when = "OLD" if cursor.accept("OLD") else "NEW"
        if when == "NEW" and not cursor.accept(when):
            raise malformed(f"Expected OLD or NEW after {which}")
        cursor.expect("*")
        return Returning[f"{which}_{when}"]

    def _exists(self) -> Exists:
        cursor = self._cursor
        cursor.expect("(")
        cursor.expect("SELECT", "Expected a SELECT statement in EXISTS")
        select = self._select("ConditionExpression")
        cursor.expect(")")
        if select.index is not None or select.order:
            raise malformed("EXISTS takes neither an index nor an order")
        return Exists(select.table, select.where)


def _set_change(path: PathNode, call: Call) -> Action:
    """`SET path = set_add(path, set)`: a change of the set that is there."""
    target, members = call.operands
    if target != path or not isinstance(members, ValueNode):
        raise malformed(
            f"{call.function} takes the path that is set and a set of what to add or delete"
        )
    return Action(_SET_CHANGES[call.function], path, members)


def _added(operand: Operand) -> Operand:
    if isinstance(operand, Call):
        raise malformed("Unexpected operator")
    return operand
