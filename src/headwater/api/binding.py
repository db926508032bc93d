"""The expressions of one request, bound to its placeholders, or the parameters older than these.

Every operation on items takes some of the same expressions. Promises DynamoDB's order of checks:
parameters that exclude each other, then names and values, then (once the handler has looked at its
items) each expression, then placeholders that none of them used. A key condition is bound later
than the others, since its meaning depends on the table. What a request says by expressions or by
legacy parameters is the same from here on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from headwater.errors import ValidationException
from headwater.expressions import (
    condition,
    key_condition,
    legacy,
    parser,
    projection,
    update,
)
from headwater.expressions.bind import Placeholders
from headwater.expressions.condition import Condition
from headwater.expressions.key_condition import KeyCondition, SortRange
from headwater.expressions.projection import Projection
from headwater.expressions.update import Update
from headwater.tables.read import Source

Input = dict[str, Any]

# Both in the order in which errors list them.
_EXPRESSIONS: Final = (
    "ProjectionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "UpdateExpression",
    "ConditionExpression",
)
_LEGACY: Final = (
    "AttributesToGet",
    "AttributeUpdates",
    "QueryFilter",
    "ScanFilter",
    "Expected",
    "ConditionalOperator",
    "KeyConditions",
)
_MEMBERS: Final = frozenset(
    {*_EXPRESSIONS, "ExpressionAttributeNames", "ExpressionAttributeValues"}
)
_LEGACY_MEMBERS: Final = frozenset(_LEGACY)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a request's expressions say; None where there is none.

    keys: the ranges of KeyConditions, which like an expression's await the table.
    """

    update: Update | None = None
    condition: Condition | None = None
    filter: Condition | None = None
    projection: Projection | None = None
    keys: Mapping[str, SortRange] | None = None


_NOTHING: Final = Bound()


def placeholders_of(request: Input) -> Placeholders | None:
    """The request's names and values, or None if it has neither these nor expressions.

    Legacy parameters count as expressions, but must not stand beside them.
    Raises ValidationException.
    """
    is_legacy = not _LEGACY_MEMBERS.isdisjoint(request)
    if _MEMBERS.isdisjoint(request) and not is_legacy:
        return None
    given = [name for name in _EXPRESSIONS if name in request]
    if is_legacy and given:
        _check_not_mixed(request, given)
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
    bound = Bound(
        update=None if update_text is None else update.parse(update_text, placeholders),
        condition=_condition(condition_text, placeholders, "ConditionExpression"),
        filter=_condition(filter_text, placeholders, "FilterExpression"),
        projection=None
        if projection_text is None
        else projection.parse(projection_text, placeholders),
    )
    return bound if _LEGACY_MEMBERS.isdisjoint(request) else _with_legacy(request, bound)


def bind_keys(
    request: Input, bound: Bound, placeholders: Placeholders, place: Source
) -> KeyCondition:
    """The last expression of a query, its key condition, for what is queried."""
    keys = place.keys
    schema = (keys.partition_names(), keys.sort_names(), place.table.types)
    if bound.keys is None:
        text = request["KeyConditionExpression"]
        wanted = key_condition.parse(text, placeholders, *schema)
    else:
        wanted = key_condition.of_schema(bound.keys, *schema)
    placeholders.check_all_used()
    return wanted


def _condition(text: str | None, placeholders: Placeholders, kind: str) -> Condition | None:
    return None if text is None else condition.parse(text, placeholders, kind)


def _with_legacy(request: Input, bound: Bound) -> Bound:
    """What expressions say, if any may stand here, and what legacy parameters do."""
    operator = request.get("ConditionalOperator")
    expected = request.get("Expected")
    filtered = request.get("QueryFilter", request.get("ScanFilter"))
    updates = request.get("AttributeUpdates")
    names = request.get("AttributesToGet")
    keys = request.get("KeyConditions")
    if operator is not None:
        legacy.check_operator(expected or filtered or {})
    if updates is not None:
        bound = replace(bound, update=legacy.updates(updates))
    if expected is not None:
        bound = replace(bound, condition=legacy.expected(expected, operator))
    if filtered is not None:
        bound = replace(bound, filter=legacy.filter_of(filtered, operator))
    if keys is not None:
        bound = replace(bound, keys=legacy.key_ranges(keys))
    if names is not None:
        bound = replace(bound, projection=legacy.attributes(names))
    return bound


def _check_not_mixed(request: Input, expressions: Sequence[str]) -> None:
    """Refuse legacy parameters beside expressions; KeyConditions only beside their like."""
    mixed = [name for name in _LEGACY if name in request]
    if "KeyConditions" in request and "KeyConditionExpression" not in request:
        mixed.remove("KeyConditions")
    if mixed:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(mixed)}}} "
            f"Expression parameters: {{{', '.join(expressions)}}}"
        )
