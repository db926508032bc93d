"""The expressions of one request, bound to its placeholders.

Every operation on items takes some of the same expressions. Promises DynamoDB's order of checks:
parameters that exclude each other, then names and values, then (once the handler has looked at its
items) each expression, then placeholders that none of them used. A key condition is bound later
than the others, since its meaning depends on the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.errors import ValidationException
from headwater.expressions import condition, key_condition, parser, projection, update
from headwater.expressions.bind import Placeholders
from headwater.expressions.condition import Condition
from headwater.expressions.key_condition import KeyCondition
from headwater.expressions.projection import Projection
from headwater.expressions.update import Update
from headwater.tables.read import Source

Input = dict[str, Any]

_EXPRESSIONS: Final = (
    "UpdateExpression",
    "ConditionExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
)
_MEMBERS: Final = frozenset(
    {*_EXPRESSIONS, "ExpressionAttributeNames", "ExpressionAttributeValues"}
)
_LEGACY: Final = {
    "AttributesToGet": "ProjectionExpression",
    "AttributeUpdates": "UpdateExpression",
    "Expected": "ConditionExpression",
    "ConditionalOperator": "an expression",
    "KeyConditions": "KeyConditionExpression",
    "QueryFilter": "FilterExpression",
    "ScanFilter": "FilterExpression",
}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a request's expressions say; None where there is none."""

    update: Update | None = None
    condition: Condition | None = None
    filter: Condition | None = None
    projection: Projection | None = None


_NOTHING: Final = Bound()


def placeholders_of(request: Input) -> Placeholders | None:
    """The request's names and values, or None if it has neither these nor expressions.

    Raises ValidationException.
    """
    if _MEMBERS.isdisjoint(request) and _LEGACY.keys().isdisjoint(request):
        return None
    given = [name for name in _EXPRESSIONS if name in request]
    _check_legacy(request, given)
    placeholders = Placeholders(
        request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    )
    placeholders.check_expressions(present=bool(given))
    return placeholders


def bind(request: Input, placeholders: Placeholders | None) -> Bound:
    """Parse and bind the request's expressions, and see that every placeholder was used.

    Raises ValidationException.
    """
    if placeholders is None:
        return _NOTHING
    bound = bind_but_keys(request, placeholders)
    placeholders.check_all_used()
    return bound


def bind_but_keys(request: Input, placeholders: Placeholders) -> Bound:
    """As `bind`, with what a key condition may still use not yet called unused."""
    update_text = request.get("UpdateExpression")
    condition_text = request.get("ConditionExpression")
    keys_text = request.get("KeyConditionExpression")
    filter_text = request.get("FilterExpression")
    projection_text = request.get("ProjectionExpression")
    if keys_text is not None:
        parser.condition(keys_text, "KeyConditionExpression")  # its form needs no table
    return Bound(
        update=None if update_text is None else update.parse(update_text, placeholders),
        condition=_condition(condition_text, placeholders, "ConditionExpression"),
        filter=_condition(filter_text, placeholders, "FilterExpression"),
        projection=None
        if projection_text is None
        else projection.parse(projection_text, placeholders),
    )


def bind_keys(text: str, placeholders: Placeholders, place: Source) -> KeyCondition:
    """The last expression of a query, its key condition, for what is queried."""
    keys = place.keys
    bound = key_condition.parse(
        text,
        placeholders,
        keys.partition.name,
        None if keys.sort is None else keys.sort.name,
        place.table.types,
    )
    placeholders.check_all_used()
    return bound


def _condition(text: str | None, placeholders: Placeholders, kind: str) -> Condition | None:
    return None if text is None else condition.parse(text, placeholders, kind)


def _check_legacy(request: Input, expressions: Sequence[str]) -> None:
    legacy = [name for name in _LEGACY if name in request]
    if not legacy:
        return
    if expressions:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(legacy)}}} "
            f"Expression parameters: {{{', '.join(expressions)}}}"
        )
    name = legacy[0]
    raise ValidationException(
        f"The parameter {name} is not yet supported by Headwater; use {_LEGACY[name]}"
    )
