"""Attribute values: from wire JSON to canonical form, and what can be asked of them.

An attribute value is its wire form, a dict with one member: `{"S": "x"}`, `{"N": "1"}`,
`{"L": [...]}`. Canonical means: numbers as `number.normalise` writes them, sets sorted (strings by
UTF-8 bytes, numbers by value, binaries by bytes), base64 as RFC 4648 writes it. Values that
DynamoDB calls equal are then equal dicts.

Nothing here changes a value in place, and callers must not either: canonical values share structure
with the request they came from and with each other.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from headwater.errors import INVALID, SerializationException, ValidationException
from headwater.limits import attribute_name_bytes_max, nesting_levels_max
from headwater.values import number

AttributeValue: TypeAlias = dict[str, Any]

TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"})
COLLECTION_BYTES: Final = 3
ELEMENT_BYTES: Final = 1

_ATTRIBUTE_VALUE_CLASS: Final = "com.amazonaws.dynamodb.v20120810.AttributeValue"
_MAP_CLASS: Final = f"java.util.Map<java.lang.String, {_ATTRIBUTE_VALUE_CLASS}>"


def normalise(value: Any) -> tuple[AttributeValue, int]:
    """Check an attribute value as a client sent it; its canonical form and its size.

    The result may share structure with the argument, which the caller gives away.
    Raises ValidationException or SerializationException with DynamoDB's text.
    """
    if type(value) is dict and len(value) == 1:
        text = value.get("S")
        if type(text) is str and text.isascii():  # most values are, and this is the hot path
            return value, len(text)
    return _normalise(value, 1)


def type_of(value: AttributeValue) -> str:
    """The one type name of a canonical value."""
    return next(iter(value))


def equals(a: AttributeValue, b: AttributeValue) -> bool:
    """Whether two canonical values are the same value of the same type."""
    return a == b


def compare(a: AttributeValue, b: AttributeValue) -> int | None:
    """Negative, zero or positive as a is less, equal or greater; None if they have no order."""
    ((kind, left),) = a.items()
    right = b.get(kind)
    if right is None:
        return None
    if kind == "N":
        left, right = number.decimal_of(left), number.decimal_of(right)
    elif kind == "B":
        left, right = a2b_base64(left), a2b_base64(right)
    elif kind != "S":  # Python orders strings by code point, which is the order of their UTF-8
        return None
    return int(left > right) - int(left < right)


def size(value: AttributeValue) -> int:
    """The bytes a canonical value counts for in its item's size."""
    ((kind, inner),) = value.items()
    if kind == "S":
        return text_bytes(inner)
    if kind == "N":
        return number.size(inner)
    if kind == "B":
        return binary_bytes(inner)
    if kind == "M":
        return COLLECTION_BYTES + sum(
            ELEMENT_BYTES + text_bytes(name) + size(member) for name, member in inner.items()
        )
    if kind == "L":
        return COLLECTION_BYTES + sum(ELEMENT_BYTES + size(element) for element in inner)
    measure = _SET_MEMBER_SIZE.get(kind)
    return sum(map(measure, inner)) if measure else 1


def levels(value: AttributeValue) -> int:
    """How many maps and lists lie around the deepest part of a canonical value; 0 for a scalar."""
    ((kind, inner),) = value.items()
    if kind == "M":
        return 1 + max(map(levels, inner.values()), default=0)
    if kind == "L":
        return 1 + max(map(levels, inner), default=0)
    return 0


def text_bytes(text: str) -> int:
    """The length of a text's UTF-8; refused if it is no text but half a surrogate pair."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise SerializationException("Invalid UTF-8 in a string") from error


def name_bytes(name: str) -> int:
    """The length of an attribute's or map member's name; refused if it breaks the limits."""
    length = text_bytes(name)
    if 0 < length <= attribute_name_bytes_max:
        return length
    if length:
        too_large = "Attribute name is too large, must be less than"
        raise ValidationException(f"{INVALID}{too_large} {attribute_name_bytes_max + 1} bytes")
    raise ValidationException(f"{INVALID}Attribute name must not be empty")


def binary_bytes(base64: str) -> int:
    """The length of what canonical base64 stands for."""
    return len(base64) // 4 * 3 - base64[-2:].count("=")


def sorted_set(kind: str, members: list[str]) -> list[str]:
    """Canonical members of a set of that type (SS, NS, BS), in canonical order."""
    if kind == "SS":
        return sorted(members)
    return sorted(members, key=number.decimal_of if kind == "NS" else a2b_base64)


_SET_MEMBER_SIZE: Final[dict[str, Callable[[str], int]]] = {
    "SS": text_bytes,
    "NS": number.size,
    "BS": binary_bytes,
}


def _normalise(value: Any, level: int) -> tuple[AttributeValue, int]:
    if type(value) is not dict:
        _refuse_structure(value)
    if len(value) == 1:
        for kind, inner in value.items():
            if type(inner) is str:
                if kind == "S":
                    return value, text_bytes(inner)
                if kind == "N":
                    canonical = number.normalise(inner)
                    return {"N": canonical}, number.size(canonical)
            rule = _RULES.get(kind)
            if rule is not None and inner is not None:
                return rule(inner, level)
    return _normalise(_only_type(value), level)


def _only_type(value: AttributeValue) -> AttributeValue:
    """Drop what the wire format says to ignore: unknown members, and nulls, which mean absent."""
    known = {kind: inner for kind, inner in value.items() if kind in TYPES and inner is not None}
    if not known:
        raise ValidationException(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if len(known) > 1:
        raise ValidationException(
            "Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
        )
    return known


def _string(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    text = _text(inner)
    return {"S": text}, text_bytes(text)


def _number(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    canonical = number.normalise(_text(inner))
    return {"N": canonical}, number.size(canonical)


def _binary(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    return {"B": inner}, len(_bytes(inner))


def _boolean(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    return {"BOOL": _truth(inner)}, 1


def _null(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    if not _truth(inner):
        raise ValidationException(
            f"{INVALID}Null attribute value types must have the value of true"
        )
    return {"NULL": True}, 1


def _string_set(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    members = [_text(member) for member in _elements(inner)]
    if not members:
        raise ValidationException(f"{INVALID}An string set  may not be empty")
    if len(set(members)) != len(members):
        listed = ", ".join(members)
        raise ValidationException(f"{INVALID}Input collection [{listed}] contains duplicates.")
    return {"SS": sorted_set("SS", members)}, sum(map(text_bytes, members))


def _number_set(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    members = [number.normalise(_text(member)) for member in _elements(inner)]
    if not members:
        raise ValidationException(f"{INVALID}An number set  may not be empty")
    if len(set(members)) != len(members):
        raise ValidationException("Input collection contains duplicates")
    return {"NS": sorted_set("NS", members)}, sum(map(number.size, members))


def _binary_set(inner: Any, _level: int) -> tuple[AttributeValue, int]:
    members = _elements(inner)
    total = sum(len(_bytes(member)) for member in members)
    if not members:
        raise ValidationException(f"{INVALID}Binary sets should not be empty")
    if len(set(members)) != len(members):
        listed = ", ".join(members)
        raise ValidationException(
            f"{INVALID}Input collection [{listed}]of type BS contains duplicates."
        )
    return {"BS": sorted_set("BS", members)}, total


def _list(inner: Any, level: int) -> tuple[AttributeValue, int]:
    _check_level(level)
    elements = []
    total = COLLECTION_BYTES
    for element in _elements(inner):
        canonical, element_size = _normalise(element, level + 1)
        elements.append(canonical)
        total += ELEMENT_BYTES + element_size
    return {"L": elements}, total


def _map(inner: Any, level: int) -> tuple[AttributeValue, int]:
    _check_level(level)
    if type(inner) is not dict:
        _refuse_structure(inner)
    members = {}
    total = COLLECTION_BYTES
    for name, member in inner.items():
        members[name], member_size = _normalise(member, level + 1)
        total += ELEMENT_BYTES + name_bytes(name) + member_size
    return {"M": members}, total


_RULES: Final[dict[str, Callable[[Any, int], tuple[AttributeValue, int]]]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
    "L": _list,
    "M": _map,
}


def _check_level(level: int) -> None:
    if level > nesting_levels_max:
        raise ValidationException("Nesting Levels have exceeded supported limits")


def _text(inner: Any) -> str:
    if type(inner) is str:
        return inner
    if isinstance(inner, list):
        raise SerializationException("Unrecognized collection type class java.lang.String")
    raise SerializationException(_not_convertible(inner, "String"))


def _truth(inner: Any) -> bool:
    if type(inner) is bool:
        return inner
    if isinstance(inner, list):
        raise SerializationException("Unrecognized collection type class java.lang.Boolean")
    raise SerializationException(_not_convertible(inner, "Boolean"))


def _elements(inner: Any) -> list[Any]:
    if type(inner) is list:
        return inner
    if isinstance(inner, dict):
        raise SerializationException("Start of structure or map found where not expected")
    raise SerializationException("Unexpected field type")


def _bytes(inner: Any) -> bytes:
    """What a base64 text stands for; refused unless it is the canonical spelling."""
    if type(inner) is not str:
        raise SerializationException("only base-64-encoded strings are convertible to bytes")
    if len(inner) % 4:
        raise SerializationException(
            f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(inner)}"
        )
    try:
        binary = a2b_base64(inner, strict_mode=True)
    except (Base64Error, ValueError):
        binary = None
    if binary is None or b2a_base64(binary, newline=False).decode() != inner:
        raise SerializationException("Invalid last non-'=' Base64 character dectected")
    return binary


def _refuse_structure(value: Any) -> NoReturn:
    """Say what AWS says when a structure was expected."""
    if value is None:
        _only_type({})
    if isinstance(value, list):
        raise SerializationException(f"Unrecognized collection type {_MAP_CLASS}")
    raise SerializationException("Unexpected field type")


def _not_convertible(inner: Any, wanted: str) -> str:
    if isinstance(inner, dict):
        return "Start of structure or map found where not expected"
    if isinstance(inner, str):
        return f"STRING_VALUE cannot be converted to {wanted}"
    if isinstance(inner, bool):
        return f"{'TRUE' if inner else 'FALSE'}_VALUE cannot be converted to {wanted}"
    if isinstance(inner, float):
        return f"DECIMAL_VALUE cannot be converted to {wanted}"
    if inner is None:
        return "Unexpected field type"
    return f"NUMBER_VALUE cannot be converted to {wanted}"
