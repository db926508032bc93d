"""One PartiQL statement of a request: the read or the write of an item that it asks for.

An UPDATE and a DELETE name their item by equalities on its whole key; what else their WHERE asks is
a condition. An UPDATE creates nothing, and a DELETE of what is not there succeeds (Developer Guide,
"PartiQL update statements" and "PartiQL delete statements for DynamoDB").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from headwater.api import drafts
from headwater.api.binding import Input
from headwater.api.drafts import Draft
from headwater.errors import ValidationException
from headwater.expressions import condition, update
from headwater.expressions.condition import Condition
from headwater.expressions.partiql import parser
from headwater.expressions.partiql.columns import Columns, columns_of
from headwater.expressions.partiql.literals import Values
from headwater.expressions.partiql.syntax import (
    Body,
    Delete,
    Exists,
    Insert,
    Returning,
    Select,
    Update,
)
from headwater.expressions.syntax import Action, And, Call, ConditionNode, Or, PathNode, ValueNode
from headwater.limits import item_bytes_max
from headwater.tables import keys, write
from headwater.tables.schema import Table
from headwater.tables.statement import full_key
from headwater.tables.write import Effect, Write
from headwater.values import attribute, codec
from headwater.values.item import Item

_CONDITION: Final = "ConditionExpression"
_FILTER: Final = "FilterExpression"
_SETS: Final = ("SS", "NS", "BS")


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement with the values it is given, and the members of the request around it."""

    request: Input
    body: Body
    values: Values

    @property
    def is_read(self) -> bool:
        return isinstance(self.body, Select)

    @property
    def table_name(self) -> str:
        """Name or ARN, as written."""
        return self.body.table

    @property
    def is_consistent(self) -> bool:
        return bool(self.request.get("ConsistentRead", False))


@dataclass(frozen=True, slots=True)
class Point:
    """One item to read, and what is wanted of it if it matches."""

    stored_key: bytes
    filter: Condition | None
    columns: Columns | None

    def found(self, stored: bytes | None) -> bytes | None:
        """The JSON of what the statement gives, or None if it gives nothing."""
        if stored is None:
            return None
        if self.filter is None and self.columns is None:
            return codec.body(stored)
        item = codec.decode(stored)
        if self.filter is not None and not self.filter.matches(item):
            return None
        if self.columns is None:
            return codec.body(stored)
        return orjson.dumps(self.columns.apply(item))


def asked(request: Input) -> Asked:
    """The statement of a request, parsed and given its parameters. Raises ValidationException."""
    statement = parser.parse(request["Statement"])
    values = Values(statement, request.get("Parameters", ()))
    return Asked(request, statement.body, values)


def point_of(asked: Asked, table: Table) -> Point | None:
    """The item that a SELECT names by its whole key, or None if it does not.

    Raises ValidationException.
    """
    select = asked.body
    assert isinstance(select, Select), "only a SELECT reads"
    if select.index is not None or select.order:
        return None
    found = full_key(select.where, table.keys, asked.values)
    if found is None:
        return None
    key, rest = found
    return Point(
        keys.of_key(table, key).stored,
        None if rest is None else condition.bind(rest, asked.values, _FILTER),
        None if select.paths is None else columns_of(select.paths),
    )


def write_of(asked: Asked, table: Table) -> Write:
    """The write that a statement asks for. Raises ValidationException."""
    if asked.is_consistent:
        raise read_only("ConsistentRead")
    return drafts.write_of(_draft(asked, table), table)


def read_only(parameter: str) -> ValidationException:
    """The error for a parameter that has no meaning for a write."""
    return ValidationException(f"{parameter} can be used with SELECT statements only")


def returned(body: Body, effect: Effect) -> bytes | None:
    """The JSON of what RETURNING asks for, or None if there is nothing to return."""
    wanted = body.returning if isinstance(body, Update | Delete) else None
    match wanted:
        case None:
            return None
        case Returning.ALL_OLD:
            return None if effect.old is None else codec.body(effect.old)
        case Returning.ALL_NEW:
            return None if effect.new is None else codec.body(effect.new)
        case Returning.MODIFIED_OLD:
            touched = update.updated_old(effect.old_item, effect.touched)
        case Returning.MODIFIED_NEW:
            touched = update.updated_new(effect.new_item, effect.touched)
    return orjson.dumps(touched) if touched else None


def _draft(asked: Asked, table: Table) -> Draft:
    body, values = asked.body, asked.values
    shows_item = asked.request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    match body:
        case Insert():
            return _insertion(body, values)
        case Update(name, actions, where):
            key, checked = _existing(where, values, table)
            _check_set_changes(actions, values)
            change = write.Update(update.bind(actions, values))
            return Draft(name, key, change, checked, shows_item)
        case Delete(name, where):
            key, rest = _key_and_rest(where, values, table)
            missing = Call("attribute_not_exists", (_partition_key(table),))
            matching = None if rest is None else _bound(Or((missing, rest)), values)
            return Draft(name, key, write.Delete(), matching, shows_item)
        case Exists(name, where):
            key, checked = _existing(where, values, table)
            return Draft(name, key, write.Check(), checked, shows_item)
    raise AssertionError("a SELECT writes nothing")


def _insertion(body: Insert, values: Values) -> Draft:
    item, size = values.item(body)
    if size > item_bytes_max:
        raise ValidationException("Item size has exceeded the maximum allowed size")
    return Draft(body.table, item, write.Put(item, codec.encode(item, size), is_insert=True))


def _existing(where: ConditionNode | None, values: Values, table: Table) -> tuple[Item, Condition]:
    """The key a WHERE fixes, and the condition that its item exists and meets the rest."""
    key, rest = _key_and_rest(where, values, table)
    present = Call("attribute_exists", (_partition_key(table),))
    return key, _bound(present if rest is None else And((present, rest)), values)


def _key_and_rest(
    where: ConditionNode | None, values: Values, table: Table
) -> tuple[Item, ConditionNode | None]:
    found = full_key(where, table.keys, values)
    if found is None:
        raise ValidationException(
            "Where clause does not contain a mandatory equality on all key attributes"
        )
    return found


def _partition_key(table: Table) -> PathNode:
    return PathNode((table.keys.partition.name,), aliased=False)


def _bound(tree: ConditionNode, values: Values) -> Condition:
    return condition.bind(tree, values, _CONDITION)


def _check_set_changes(actions: tuple[Action, ...], values: Values) -> None:
    """Refuse what ADD takes in an update expression but `set_add` does not: a number."""
    for action in actions:
        if action.section not in ("ADD", "DELETE"):
            continue
        assert isinstance(action.value, ValueNode), action
        kind = attribute.type_of(values.value(action.value.placeholder, "UpdateExpression"))
        if kind not in _SETS:
            function = "set_add" if action.section == "ADD" else "set_delete"
            raise ValidationException(
                "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                f"operator or function: {function}, operand type: {kind}"
            )
