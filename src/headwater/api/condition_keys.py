"""The condition keys of policies, answered from a request when a policy asks for one.

A key that a request has no value for has none: conditions say what that means. Those of DynamoDB
are about the items (`dynamodb:LeadingKeys`), attributes and options of one access; the global ones
about who asks, from where and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from headwater.api.binding import Input, bind_but_keys, bind_keys, placeholders_of
from headwater.api.message import Request
from headwater.api.permissions import Permission
from headwater.api.statement_request import Asked
from headwater.auth.policy import Principal
from headwater.errors import ServiceError
from headwater.expressions import condition, update
from headwater.expressions.key_condition import KeyCondition
from headwater.expressions.partiql.columns import columns_of
from headwater.expressions.partiql.syntax import Insert, Select, Update
from headwater.tables import read
from headwater.tables.read import Source
from headwater.tables.schema import Table
from headwater.tables.statement import leading_keys
from headwater.values import item as items

_Values: TypeAlias = tuple[str, ...] | None

_OPTIONS: Final = {
    "dynamodb:returnvalues": "ReturnValues",
    "dynamodb:returnconsumedcapacity": "ReturnConsumedCapacity",
    "dynamodb:select": "Select",
}
_LEGACY_NAMES: Final = (
    "AttributeUpdates",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
)
_ITEMS: Final = ("Item", "Key")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """A request around its operation: who sent what, when (epoch seconds), to which region."""

    principal: Principal
    request: Request
    now: float
    region: str


def value_of(
    around: Circumstances, permission: Permission, table: Table | None, key: str
) -> _Values:
    """The values of a condition key, named in lower case, for one access."""
    prefix, _, name = key.partition(":")
    if prefix == "aws":
        return _global(around, permission, table, name)
    if key in _OPTIONS:
        return _single(permission.members.get(_OPTIONS[key]))
    match key:
        case "dynamodb:enclosingoperation":
            return _single(permission.enclosing)
        case "dynamodb:leadingkeys":
            return None if table is None else _leading_keys(permission, table)
        case "dynamodb:attributes":
            return None if table is None else _attributes(permission, table)
        case "dynamodb:fulltablescan":
            return _full_scan(permission, table)
    return None


def _single(value: str | None) -> _Values:
    return None if value is None else (value,)


def _global(
    around: Circumstances, permission: Permission, table: Table | None, name: str
) -> _Values:
    kind, _, tag = name.partition("/")
    if tag:
        return _tag(permission, table, kind, tag)
    if name == "tagkeys":
        given = _tags_given(permission.members)
        return tuple(permission.members.get("TagKeys", given)) or None
    return _around(around, name)


def _tag(permission: Permission, table: Table | None, kind: str, key: str) -> _Values:
    """The value of a tag that the request gives, or that the table has."""
    tags: Mapping[str, str] = {}
    if kind == "requesttag":
        tags = _tags_given(permission.members)
    elif kind == "resourcetag" and table is not None:
        tags = table.tags
    return _single({name.lower(): value for name, value in tags.items()}.get(key))


def _tags_given(members: Input) -> Mapping[str, str]:
    """Tags of a request: a list of keys and values, or, where not of tables, a map."""
    given = members.get("Tags", {})
    if isinstance(given, Mapping):
        return given
    return {each["Key"]: each["Value"] for each in given}


def _around(around: Circumstances, name: str) -> _Values:
    principal, request = around.principal, around.request
    known: Mapping[str, str | None] = {
        "principalarn": principal.arn,
        "username": None if principal.is_root else principal.name,
        "principalaccount": principal.account,
        "resourceaccount": principal.account,
        "principaltype": "Account" if principal.is_root else "User",
        "currenttime": datetime.fromtimestamp(around.now, UTC).isoformat(),
        "epochtime": str(int(around.now)),
        "sourceip": request.origin.address or None,
        "securetransport": "true" if request.origin.is_secure else "false",
        "useragent": request.headers.get("user-agent"),
        "requestedregion": around.region,
    }
    return _single(known.get(name))


def _place(permission: Permission, table: Table) -> Source:
    return read.source(table, permission.members.get("IndexName"))


def _leading_keys(permission: Permission, table: Table) -> _Values:
    """The partition keys of the items of an access; None for a scan, which names none."""
    try:
        place = _place(permission, table)
        name = place.keys.partition.name
        if permission.statement is not None:
            body, values = permission.statement.body, permission.statement.values
            if isinstance(body, Insert):
                found = [values.item(body)[0].get(name)]
            else:
                found = list(leading_keys(body.where, place.keys, values))
        elif permission.keys:
            found = [each.get(name) for each in permission.keys]
        elif any(member in permission.members for member in _ITEMS):
            found = [_item(permission.members).get(name)]
        else:
            wanted = _key_condition(permission.members, place)
            found = [] if wanted is None else [wanted.partition[0]]
        texts = tuple(_text(each) for each in found if each)
    except ServiceError:
        return None  # the handler says what is wrong
    return texts or None


def _key_condition(request: Input, place: Source) -> KeyCondition | None:
    placeholders = placeholders_of(request)
    if placeholders is None or {"KeyConditionExpression", "KeyConditions"}.isdisjoint(request):
        return None
    return bind_keys(request, bind_but_keys(request, placeholders), placeholders, place)


def _item(members: Input) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(members[name] for name in _ITEMS if name in members)
    return found


def _text(value: Mapping[str, Any]) -> str:
    """A key's value as a text; numbers in their one form."""
    ((_, text),) = items.normalise({"key": dict(value)})[0]["key"].items()
    return str(text)


def _attributes(permission: Permission, table: Table) -> _Values:
    """The top-level attributes that an access names."""
    try:
        names = _named(permission, table)
    except ServiceError:
        return None
    return tuple(sorted(names)) or None


def _named(permission: Permission, table: Table) -> set[str]:
    request = permission.members
    if permission.statement is not None:
        return _of_statement(permission.statement)
    names: set[str] = set()
    for each in (*permission.keys, *(request[name] for name in _ITEMS if name in request)):
        names.update(each)
    for member in _LEGACY_NAMES:
        names.update(request.get(member, ()))
    placeholders = placeholders_of(request)
    if placeholders is not None:
        bound = bind_but_keys(request, placeholders)
        for part in (bound.update, bound.condition, bound.filter, bound.projection):
            if part is not None:
                names |= part.top_level_attributes()
        place = _place(permission, table)
        wanted = _key_condition(request, place)
        if wanted is not None:
            names.update(place.keys.partition_names())
            names.update(place.keys.sort_names()[: len(wanted.sort)])
    return names


def _of_statement(statement: Asked) -> set[str]:
    body, values = statement.body, statement.values
    if isinstance(body, Insert):
        return set(values.item(body)[0])
    names: set[str] = set()
    if body.where is not None:
        names = condition.bind(body.where, values, "FilterExpression").top_level_attributes()
    if isinstance(body, Update):
        names |= update.bind(body.actions, values).top_level_attributes()
    if isinstance(body, Select) and body.paths is not None:
        names |= columns_of(body.paths).top_level_attributes()
    return names


def _full_scan(permission: Permission, table: Table | None) -> _Values:
    """Whether a PartiQL SELECT names no partition key."""
    if permission.statement is None or not isinstance(permission.statement.body, Select):
        return None
    if table is None:
        return None
    return ("false" if _leading_keys(permission, table) else "true",)


def context_of(
    around: Circumstances, permission: Permission, table: Table | None
) -> partial[_Values]:
    """The condition keys of one access, for a policy to ask."""
    return partial(value_of, around, permission, table)
