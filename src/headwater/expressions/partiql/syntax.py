"""Statements as parsed: parameters not yet given, nothing of tables known.

Conditions and changes are trees of `expressions.syntax`. A `ValueNode` in them is a number in
`Statement.values` written as text, and a path is its steps as they are: PartiQL has no aliases.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from headwater.expressions.syntax import Action, ConditionNode
from headwater.values.attribute import AttributeValue
from headwater.values.item import Path


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal without parameters, canonical."""

    value: AttributeValue


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `?`; index: which of them, from zero."""

    index: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    elements: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class SetLiteral:
    members: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """members: names are distinct."""

    members: tuple[tuple[str, Literal], ...]


Literal: TypeAlias = Constant | Parameter | ListLiteral | SetLiteral | MapLiteral


class Returning(Enum):
    """What RETURNING asks for, by the name of the classic ReturnValues."""

    ALL_OLD = "ALL_OLD"
    MODIFIED_OLD = "UPDATED_OLD"
    ALL_NEW = "ALL_NEW"
    MODIFIED_NEW = "UPDATED_NEW"


@dataclass(frozen=True, slots=True)
class Order:
    """One term of ORDER BY."""

    name: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Select:
    """table: name or ARN. paths: what is wanted of an item, None for all of it."""

    table: str
    index: str | None
    paths: tuple[Path, ...] | None
    where: ConditionNode | None
    order: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Insert:
    """item: a map, or a parameter that should be one."""

    table: str
    item: MapLiteral | Parameter


@dataclass(frozen=True, slots=True)
class Update:
    table: str
    actions: tuple[Action, ...]
    where: ConditionNode | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Delete:
    table: str
    where: ConditionNode | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Exists:
    """A condition on an item that a transaction leaves as it is."""

    table: str
    where: ConditionNode | None


Body: TypeAlias = Select | Insert | Update | Delete | Exists


@dataclass(frozen=True, slots=True)
class Statement:
    """values: the literals its trees refer to. parameter_count: how many `?` it has."""

    body: Body
    values: tuple[Literal, ...]
    parameter_count: int
