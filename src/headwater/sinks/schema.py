"""Columns for documents: inferred from what comes, and only ever added to. Pure.

A document's attribute becomes a column of the type of its first value. A value of another type does
not change that column, which others may be reading; it gets one of its own, named for its type:

    price         number    12.5
    price__text   text      "on request"

    type      values                                                   in Parquet
    --------  -------------------------------------------------------  --------------
    text      texts                                                    string
    number    numbers that a float of 64 bits holds exactly            double
    digits    numbers that it does not, as their digits                string
    truth     true and false                                           bool
    json      lists and objects, as JSON                               string

Null and an absent attribute are both no value. Names that differ in case alone are told apart by a
number, since many readers do not. Beyond `columns_max`, attributes go into the rest, one object of
JSON. Columns that tell of the change have names of their own, `META`; no attribute gets one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import orjson

from headwater.sinks.change import Change, Document, dumps, plain
from headwater.streams.shard import sequence_text

_VERSION: Final = 1
_EXACT_MAX: Final = 2**53
_PREFIX: Final = "_hw_"
columns_max: Final = 1000


class ColumnType(StrEnum):
    """See the module."""

    TEXT = "text"
    NUMBER = "number"
    DIGITS = "digits"
    TRUTH = "truth"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the attribute whose values of its type it holds."""

    name: str
    attribute: str
    type: ColumnType


META: Final = (
    "_hw_event",
    "_hw_id",
    "_hw_sequence_number",
    "_hw_time",
    "_hw_keys",
    "_hw_old",
    "_hw_held",
)
REST: Final = "_hw_rest"


@dataclass(frozen=True)
class Schema:
    """The columns of documents, in the order in which they came."""

    columns: tuple[Column, ...] = ()

    @cached_property
    def by_value(self) -> dict[tuple[str, ColumnType], str]:
        """The name of the column for an attribute's values of a type."""
        return {(each.attribute, each.type): each.name for each in self.columns}


@dataclass(frozen=True, slots=True)
class Evolved:
    """A schema after what came, and what somebody should be told of it."""

    schema: Schema
    warnings: tuple[str, ...]


def evolved(
    schema: Schema, documents: Iterable[Document], columns_max: int = columns_max
) -> Evolved:
    """A schema with columns for all values of documents.

    Warns of what is new, but for the attributes of the first documents of all.
    """
    columns, known = list(schema.columns), dict(schema.by_value)
    names = {each.name.casefold() for each in columns}
    types: dict[str, ColumnType] = {}
    for each in columns:
        types.setdefault(each.attribute, each.type)
    warnings: list[str] = []
    is_first = not columns
    for document in documents:
        for attribute, value in document.items():
            kind = type_of(value)
            if kind is None or (attribute, kind) in known or len(columns) >= columns_max:
                continue
            first = types.setdefault(attribute, kind)
            name = _free(attribute if first is kind else f"{attribute}__{kind}", names)
            names.add(name.casefold())
            columns.append(Column(name, attribute, kind))
            known[attribute, kind] = name
            if first is not kind:
                warnings.append(
                    f"attribute {attribute} is {kind} where it was {first}: column {name}"
                )
            elif not is_first:
                warnings.append(f"attribute {attribute} is new: column {name} of type {kind}")
            if len(columns) == columns_max:
                warnings.append(f"there are {columns_max} columns: further ones go into {REST}")
    return Evolved(Schema(tuple(columns)), tuple(warnings))


def row(
    schema: Schema, document: Document, fits: Callable[[str], bool] = lambda _: True
) -> dict[str, Any]:
    """A document's values by column, those without a column in the rest.

    fits: whether a column can hold a text; one that does not fit goes into the rest, too.
    """
    values: dict[str, Any] = {}
    rest: Document = {}
    for attribute, value in document.items():
        kind = type_of(value)
        if kind is None:
            continue
        name = schema.by_value.get((attribute, kind))
        held = _held(kind, value)
        if name is None or (isinstance(held, str) and not fits(held)):
            rest[attribute] = value
        else:
            values[name] = held
    if rest:
        values[REST] = dumps(rest).decode()
    return values


def document_of(schema: Schema, values: dict[str, Any]) -> Document:
    """The document that a row was made of, but for what was null in it."""
    document: Document = {}
    for column in schema.columns:
        value = values.get(column.name)
        if value is None:
            continue
        match column.type:
            case ColumnType.JSON:
                document[column.attribute] = orjson.loads(value)
            case ColumnType.NUMBER:
                is_whole = value.is_integer() and abs(value) <= _EXACT_MAX
                document[column.attribute] = int(value) if is_whole else value
            case ColumnType.DIGITS:
                document[column.attribute] = Decimal(value)
            case _:
                document[column.attribute] = value
    rest = values.get(REST)
    return document if rest is None else {**document, **orjson.loads(rest)}


def meta(change: Change) -> dict[str, Any]:
    """What is told of a change, by column; `_hw_time` in microseconds since the epoch.

    `_hw_held`: whether anything is to be held for the item from now on.
    """
    return {
        "_hw_event": change.event.value,
        "_hw_id": change.id,
        "_hw_sequence_number": sequence_text(change.version),
        "_hw_time": change.time_us,
        "_hw_keys": dumps(plain(change.keys)).decode(),
        "_hw_old": None if change.old is None else dumps(plain(change.old)).decode(),
        "_hw_held": change.document is not None,
    }


def type_of(value: Any) -> ColumnType | None:
    """The type of a plain value; None for null."""
    match value:
        case None:
            return None
        case bool():
            return ColumnType.TRUTH
        case int():
            return ColumnType.NUMBER if abs(value) <= _EXACT_MAX else ColumnType.DIGITS
        case float():
            return ColumnType.NUMBER
        case Decimal():
            return ColumnType.DIGITS
        case str():
            return ColumnType.TEXT
        case _:
            return ColumnType.JSON


def encode(schema: Schema) -> bytes:
    return orjson.dumps({"v": _VERSION, "columns": [asdict(each) for each in schema.columns]})


def decode(stored: bytes) -> Schema:
    fields = orjson.loads(stored)
    assert fields["v"] == _VERSION, "a stored schema has a version this code does not know"
    return Schema(
        tuple(Column(**{**each, "type": ColumnType(each["type"])}) for each in fields["columns"])
    )


def _held(kind: ColumnType, value: Any) -> Any:
    match kind:
        case ColumnType.NUMBER:
            return float(value)
        case ColumnType.DIGITS:
            return str(value)
        case ColumnType.JSON:
            return dumps(value).decode()
        case _:
            return value


def _free(wanted: str, names: set[str]) -> str:
    """A name that nothing else has, whatever its case."""
    base = f"attribute{wanted}" if wanted.casefold().startswith(_PREFIX) else wanted
    name, number = base, 2
    while name.casefold() in names:
        name, number = f"{base}__{number}", number + 1
    return name
