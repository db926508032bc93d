"""The tree of an expression as parsed: placeholders not yet resolved, nothing of an item known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from headwater.values.item import Path

COMPARATORS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class PathNode:
    """A document path; its names may be aliases (`#a`).

    aliased: whether any is.
    """

    steps: Path
    aliased: bool


@dataclass(frozen=True, slots=True)
class ValueNode:
    """The value behind a placeholder (`:v`)."""

    placeholder: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its operands; some functions are conditions, some are operands."""

    function: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A sum or a difference, in an update only."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand IN (candidates)`"""

    operand: Operand
    candidates: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: ConditionNode


@dataclass(frozen=True, slots=True)
class And:
    conditions: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Or:
    conditions: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """One change of an update.

    section: SET, REMOVE, ADD or DELETE; value: None for REMOVE only.
    """

    section: str
    path: PathNode
    value: Operand | Arithmetic | None


Operand: TypeAlias = PathNode | ValueNode | Call
ConditionNode: TypeAlias = Call | Comparison | Between | Membership | Not | And | Or
