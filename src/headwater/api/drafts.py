"""From what a client asks to a `Write`: first what can be said without the table, then the rest.

Single writes, batches and transactions share both steps. Everything static is checked for the whole
request before a table is looked up, and everything that needs the table before anything is
submitted, as DynamoDB does.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.api.binding import Input, bind, placeholders_of
from headwater.errors import ValidationException
from headwater.expressions.condition import Condition
from headwater.limits import item_bytes_max
from headwater.tables import keys
from headwater.tables.keys import ItemKey, SchemaMismatch
from headwater.tables.schema import Table
from headwater.tables.write import Action, Check, Delete, Put, Update, Write
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item


class Draft(NamedTuple):
    """A write whose table is still only a name. A tuple, as every write makes one.

    table_name: name or ARN. attributes: the item to put, or the key; canonical.
    """

    table_name: str
    attributes: Item
    action: Action
    condition: Condition | None = None
    shows_item: bool = False


def draft_put(request: Input) -> Draft:
    """A put: `Item` and perhaps a condition. Raises ValidationException."""
    placeholders = placeholders_of(request)
    item, size = items.normalise(request["Item"])
    if size > item_bytes_max:
        raise ValidationException("Item size has exceeded the maximum allowed size")
    condition = bind(request, placeholders).condition
    action = Put(item, codec.encode(item, size))
    return Draft(request["TableName"], item, action, condition, _shows_item(request))


def draft_update(request: Input) -> Draft:
    """An update: `Key`, and perhaps an update and a condition."""
    placeholders = placeholders_of(request)
    key, _ = items.normalise(request["Key"])
    bound = bind(request, placeholders)
    action = Update(bound.update)
    return Draft(request["TableName"], key, action, bound.condition, _shows_item(request))


def draft_delete(request: Input) -> Draft:
    """A removal: `Key`, and perhaps a condition."""
    return _draft_by_key(request, Delete())


def draft_check(request: Input) -> Draft:
    """A condition on an item that a transaction leaves as it is."""
    return _draft_by_key(request, Check())


def write_of(draft: Draft, table: Table) -> Write:
    """The write of a draft, its key checked against the table.

    Raises SchemaMismatch, or ValidationException for an empty or long key.
    """
    return Write(table, _key(draft, table), draft.action, draft.condition, draft.shows_item)


def _draft_by_key(request: Input, action: Action) -> Draft:
    placeholders = placeholders_of(request)
    key, _ = items.normalise(request["Key"])
    condition = bind(request, placeholders).condition
    return Draft(request["TableName"], key, action, condition, _shows_item(request))


def _shows_item(request: Input) -> bool:
    return request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


def _key(draft: Draft, table: Table) -> ItemKey:
    match draft.action:
        case Put():
            key = keys.of_item(table, draft.attributes)
            if table.indexes:
                keys.check_index_keys(table, draft.attributes)
            return key
        case Update(expression) if expression is not None:
            key = keys.of_key(table, draft.attributes)
            _check_keys_untouched(table, expression.top_level_attributes())
            return key
    return keys.of_key(table, draft.attributes)


def _check_keys_untouched(table: Table, touched: set[str]) -> None:
    for name in table.keys.names():
        if name in touched:
            raise SchemaMismatch(
                "One or more parameter values were invalid: "
                f"Cannot update attribute {name}. This attribute is part of the key"
            )
