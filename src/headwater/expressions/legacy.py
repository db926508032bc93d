"""The parameters older than expressions: to the same things that expressions become.

    AttributesToGet                     a projection of whole attributes
    AttributeUpdates                    an update of whole attributes
    Expected, QueryFilter, ScanFilter   conditions joined by ConditionalOperator
    KeyConditions                       ranges of keys

Names are attributes' names as they are: a dot in one leads nowhere. What is asked of the arguments
is DynamoDB's and differs from expressions, as do the texts of errors; what is done with items is
done by the same code. Developer Guide, "Legacy conditional parameters".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headwater.errors import INVALID, ValidationException
from headwater.expressions import condition, operations, projection, update
from headwater.expressions.condition import Condition
from headwater.expressions.key_condition import SortRange
from headwater.expressions.legacy_comparison import Asked, Constants, asked, node
from headwater.expressions.projection import Projection
from headwater.expressions.syntax import And, Or
from headwater.expressions.update import BoundAction, Update
from headwater.values import attribute

_RANGES: Final = {
    "EQ": "=",
    "LE": "<=",
    "LT": "<",
    "GE": ">=",
    "GT": ">",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
_ADDED: Final = frozenset({"N", "SS", "NS", "BS", "L"})
_DELETED: Final = frozenset({"SS", "NS", "BS"})


def check_operator(conditions: Mapping[str, Any]) -> None:
    """Refuse a ConditionalOperator that has not at least two conditions to join."""
    if not conditions:
        raise ValidationException("ConditionalOperator cannot be used without Filter or Expected")
    if len(conditions) == 1:
        raise ValidationException(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )


def expected(given: Mapping[str, Mapping[str, Any]], operator: str | None) -> Condition | None:
    """The condition that Expected is; None if it asks nothing.

    operator: AND or OR; None: AND. Raises ValidationException with DynamoDB's text.
    """
    return _joined([_expected(name, each) for name, each in given.items()], operator)


def filter_of(given: Mapping[str, Mapping[str, Any]], operator: str | None) -> Condition | None:
    """The condition that QueryFilter or ScanFilter is; as `expected`."""
    return _joined(_asked(given), operator)


def key_ranges(given: Mapping[str, Mapping[str, Any]]) -> dict[str, SortRange]:
    """What KeyConditions want of each key, for `key_condition.of_schema`."""
    ranges = {}
    for each in _asked(given):
        if each.operator not in _RANGES:
            raise ValidationException(
                "Attempted conditional constraint is not an indexable operation"
            )
        ranges[each.name] = SortRange(_RANGES[each.operator], each.arguments)
    if not ranges:  # too many are told of when the table is known
        raise ValidationException("Conditions can be of length 1 or 2 only")
    return ranges


def updates(given: Mapping[str, Mapping[str, Any]]) -> Update | None:
    """The update that AttributeUpdates are; None if they change nothing."""
    actions = tuple([_action(name, change) for name, change in given.items()])
    return update.of_actions(actions) if actions else None


def attributes(names: Sequence[str]) -> Projection:
    """The projection that AttributesToGet are."""
    seen: set[str] = set()
    for name in names:
        attribute.name_bytes(name)
        if name in seen:
            raise ValidationException(f"{INVALID}Duplicate value in attribute name: {name}")
        seen.add(name)
    return projection.of_attributes(names)


def _asked(given: Mapping[str, Mapping[str, Any]]) -> list[Asked]:
    return [
        asked(name, each["ComparisonOperator"], each.get("AttributeValueList", ()))
        for name, each in given.items()
    ]


def _expected(name: str, wanted: Mapping[str, Any]) -> Asked:
    """What Expected asks of one attribute: a comparison, or the older Exists and Value."""
    operator = wanted.get("ComparisonOperator")
    listed = wanted.get("AttributeValueList")
    if listed is not None and "Value" in wanted:
        raise _misused("Value and AttributeValueList cannot be used together", name)
    if operator is None:
        if listed is not None:
            raise _misused("AttributeValueList can only be used with a ComparisonOperator", name)
        return _existing(name, wanted)
    if "Exists" in wanted:
        raise _misused("Exists and ComparisonOperator cannot be used together", name)
    if listed is None:
        listed = [wanted["Value"]] if "Value" in wanted else []
        if not listed and operator not in ("NULL", "NOT_NULL"):
            must = "Value or AttributeValueList must be used with ComparisonOperator: "
            raise _misused(f"{must}{operator}", name)
    return asked(name, operator, listed)


def _existing(name: str, wanted: Mapping[str, Any]) -> Asked:
    exists = wanted.get("Exists")
    if exists is False:
        if "Value" in wanted:
            raise _misused("Value cannot be used when Exists is false", name)
        return asked(name, "NULL", ())
    if "Value" not in wanted:
        told = "null" if exists is None else "true"
        raise _misused(f"Value must be provided when Exists is {told}", name)
    return asked(name, "EQ", [wanted["Value"]])


def _misused(reason: str, name: str) -> ValidationException:
    return ValidationException(f"{INVALID}{reason} for Attribute: {name}")


def _joined(conditions: Sequence[Asked], operator: str | None) -> Condition | None:
    if not conditions:
        return None
    constants = Constants()
    nodes = tuple([node(each, constants) for each in conditions])
    tree = Or(nodes) if operator == "OR" else And(nodes)
    return condition.bind(tree, constants, "ConditionExpression")


def _action(name: str, change: Mapping[str, Any]) -> BoundAction:
    attribute.name_bytes(name)
    action = change.get("Action", "PUT")
    path = (name,)
    if "Value" not in change:
        if action != "DELETE":
            raise ValidationException(
                f"{INVALID}Only DELETE action is allowed when no attribute value is specified"
            )
        return BoundAction("REMOVE", path, None)
    value, _ = attribute.normalise(change["Value"])
    if action == "PUT":
        return BoundAction("SET", path, operations.constant(value))
    kind = attribute.type_of(value)
    if kind not in (_ADDED if action == "ADD" else _DELETED):
        what = "ADD action" if action == "ADD" else "DELETE action with value"
        raise ValidationException(f"{INVALID}{what} is not supported for the type {kind}")
    return BoundAction(action, path, operations.fitting(path, value))
