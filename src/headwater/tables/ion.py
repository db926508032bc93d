"""Items as lines of Ion, as exports write them and imports read them.

Each line is a version marker and a struct:

    $ion_1_0 {Item:{Authors:$dynamodb_SS::["A","B"],Id:103.,PageCount:6d2,Cover:{{QUJD}}}}

    S string   N decimal   B blob   BOOL bool   NULL null   L list   M struct
    SS, NS, BS  list with the annotation $dynamodb_SS, $dynamodb_NS, $dynamodb_BS

Writing is a few lines, so it needs no library; reading takes all of Ion's text and is left to
amazon.ion, which the extra `headwater[ion]` brings. Source: Developer Guide, "DynamoDB table export
output format" and "Amazon S3 import formats for DynamoDB".
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final

import orjson

from headwater.errors import ValidationException
from headwater.limits import nesting_levels_max
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item

_MARKER: Final = "$ion_1_0 "
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED: Final = frozenset({"null", "true", "false", "nan"})
_SETS: Final = {f"$dynamodb_{kind}": kind for kind in ("SS", "NS", "BS")}


class NoIon(Exception):
    """A line that is not Ion, or holds what no item can; the text says why."""


def check_installed() -> None:
    """Raises ValidationException where Ion cannot be read for want of its library."""
    if find_spec("amazon") is None or find_spec("amazon.ion") is None:
        raise ValidationException(
            "InputFormat ION needs the package amazon.ion, which is not installed: "
            "pip install 'headwater[ion]'"
        )


def line(parts: Mapping[str, Item]) -> bytes:
    """A line with these items, canonical, by the names of the members that hold them."""
    members = [f"{name}:{_struct(item)}" for name, item in parts.items()]
    return f"{_MARKER}{{{','.join(members)}}}\n".encode()


def item(text: bytes) -> Item:
    """The member Item of a line, unchecked but for its types. Raises NoIon."""
    from amazon.ion import simpleion  # noqa: PLC0415 - an extra's
    from amazon.ion.exceptions import IonException  # noqa: PLC0415

    try:
        whole = simpleion.loads(text)
    except (IonException, ValueError, OverflowError) as error:
        raise NoIon("not a line of Ion") from error
    found = whole.get("Item") if isinstance(whole, Mapping) else None
    if not isinstance(found, Mapping):
        raise NoIon("no struct with a member Item")
    read: Item = _value(found, 0)["M"]
    return read


def _struct(members: Item) -> str:
    written = (f"{_symbol(name)}:{_written(value)}" for name, value in members.items())
    return f"{{{','.join(written)}}}"


def _written(value: AttributeValue) -> str:
    ((kind, held),) = value.items()
    if kind in ("SS", "NS", "BS"):
        members = ",".join(_WRITERS[kind[0]](member) for member in held)
        return f"$dynamodb_{kind}::[{members}]"
    return _WRITERS[kind](held)


def _number(text: str) -> str:
    """A canonical number as a decimal: one without a fraction needs a point or an exponent."""
    if "." in text:
        return text
    digits = text.rstrip("0")
    if digits in ("", text):
        return f"{text}."
    return f"{digits}d{len(text) - len(digits)}"


def _symbol(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return _string(name)  # a field's name may be a string


def _string(text: str) -> str:
    return orjson.dumps(text).decode()  # Ion's strings take every escape of JSON's


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "S": _string,
    "N": _number,
    "B": lambda held: f"{{{{{held}}}}}",
    "BOOL": lambda held: "true" if held else "false",
    "NULL": lambda _held: "null",
    "L": lambda held: f"[{','.join(map(_written, held))}]",
    "M": _struct,
}


def _value(value: Any, level: int) -> AttributeValue:
    """A value of Ion as an attribute's. Raises NoIon for a type that none stands for."""
    if level > nesting_levels_max:
        raise NoIon("nested too deep")
    kind = value.ion_type.name
    annotations = [token.text for token in value.ion_annotations]
    if annotations:
        if kind != "LIST" or len(annotations) > 1 or annotations[0] not in _SETS:
            raise NoIon("an annotation that is not of a set")
        return _set(_SETS[annotations[0]], value)
    reader = _READERS.get(kind)
    if reader is None or (_is_null(value) and kind != "NULL"):
        raise NoIon(f"a value of Ion's type {kind.lower()}, for which no attribute stands")
    return reader(value, level + 1)


def _set(kind: str, value: Any) -> AttributeValue:
    if _is_null(value):
        raise NoIon("a set that is null")
    members = [_value(member, 0) for member in value]
    if any(kind[0] not in member for member in members):
        raise NoIon("a member that is not of its set's type")
    return {kind: [member[kind[0]] for member in members]}


def _is_null(value: Any) -> bool:
    return type(value).__name__ == "IonPyNull"


# What stands in a list or a struct has the level that is given.
_READERS: Final[dict[str, Callable[[Any, int], AttributeValue]]] = {
    "STRING": lambda value, _level: {"S": str(value)},
    "DECIMAL": lambda value, _level: {"N": str(value)},
    "BLOB": lambda value, _level: {"B": b64encode(value).decode()},
    "BOOL": lambda value, _level: {"BOOL": bool(value)},
    "NULL": lambda _null, _level: {"NULL": True},
    "LIST": lambda value, level: {"L": [_value(element, level) for element in value]},
    "STRUCT": lambda value, level: {
        "M": {str(name): _value(each, level) for name, each in value.items()}
    },
}
