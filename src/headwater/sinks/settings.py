"""The settings of a kind: members of JSON or TOML, or texts, to the kind's own dataclass.

A kind's settings are a frozen dataclass; a field is a text, a whole number, a number or a truth, or
an optional one of them, or a StrEnum. Its metadata says what it means (`means`); the reference page
is made from that. What is more than a field can say, the class checks in `__post_init__`, which
raises InvalidSettings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from headwater.sinks.kind import InvalidSettings, Kind

_TRUTHS: Final = {"true": True, "false": False}


def means(meaning: str, *, is_secret: bool = False) -> dict[str, Any]:
    """The metadata of a setting's field. is_secret: it is shown nowhere."""
    return {"meaning": meaning, "is_secret": is_secret}


@dataclass(frozen=True, slots=True)
class Described:
    """A setting as the reference tells it."""

    name: str
    meaning: str
    default: str


def parse(kind: Kind, given: Mapping[str, Any]) -> Any:
    """A kind's settings. Raises InvalidSettings."""
    known = {each.name: each for each in fields(kind.settings)}
    for name in given:
        if name not in known:
            raise InvalidSettings(f"sinks of kind {kind.name} have no setting {name}")
    types = get_type_hints(kind.settings)
    for name, each in known.items():
        if name not in given and _is_required(each):
            raise InvalidSettings(f"sinks of kind {kind.name} need the setting {name}")
    return kind.settings(
        **{name: _value(name, types[name], value) for name, value in given.items()}
    )


def shown(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they may be told: without what is secret."""
    secret = {each.name for each in fields(kind.settings) if each.metadata["is_secret"]}
    return {name: "(hidden)" if name in secret else value for name, value in given.items()}


def described(kind: Kind) -> list[Described]:
    """All settings of a kind."""
    return [
        Described(
            each.name,
            each.metadata["meaning"],
            "" if each.default is MISSING or each.default is None else str(each.default),
        )
        for each in fields(kind.settings)
    ]


def _is_required(each: Field[Any]) -> bool:
    return each.default is MISSING


def _value(name: str, declared: Any, value: Any) -> Any:
    wanted = declared
    if get_origin(declared) is UnionType:
        wanted = next(member for member in get_args(declared) if member is not type(None))
    try:
        if wanted is bool:
            return value if type(value) is bool else _TRUTHS[str(value).lower()]
        # Only text becomes a number: true is no 1, and 1.5 is no count.
        return wanted(value if type(value) is wanted else str(value))
    except (KeyError, ValueError) as error:
        raise InvalidSettings(f"{name}: {value!r} is not {_expected(wanted)}") from error


def _expected(wanted: Any) -> str:
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return "one of " + ", ".join(wanted)
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(wanted, "a text")
