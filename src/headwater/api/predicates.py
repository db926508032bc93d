"""Is a body valid as it stands? The fast half of checking.

A shape is compiled once into a function that says yes only for a value which needs no change and
breaks no limit: no null, no unknown member, right types, every constraint met. A no has no reason;
`conversion` and `constraints` find it, and may still find the body good once nulls are left out.
Nearly every request is answered yes, so this is the hot path and is written for speed.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any, Final

from headwater.api.model import Model, Shape
from headwater.limits import attribute_name_bytes_max

Predicate = Callable[[Any], bool]

# Beyond this the slow path looks, and refuses before the stack is at risk.
_NESTING_MAX: Final = 64
_INTEGER_BITS: Final = {"integer": 31, "long": 63}
_SCALAR_TYPES: Final = {"S": str, "N": str, "BOOL": bool, "NULL": bool}
_scalar_type = _SCALAR_TYPES.get


def predicate(model: Model, name: str) -> Predicate:
    """Compile a shape of the model, with all it holds."""
    if name == "AttributeValue":
        return is_attribute
    shape = model.shape(name)
    return _COMPILERS[shape.type](model, shape)


def is_base64(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return value[-1:] != "=" or is_canonical(value)


def is_canonical(text: str) -> bool:
    """Has a padded base64 text no stray bits at its end? With them two texts were one value."""
    return text.rstrip("=")[-1] in ("AQgw" if text[-2] == "=" else "AEIMQUYcgkosw048")


def is_attribute(value: Any, depth: int = 0) -> bool:
    """Is it typed as an AttributeValue? How many types it has is not asked here."""
    if type(value) is not dict:
        return False
    for kind, content in value.items():
        if type(content) is not _scalar_type(kind) and not _is_content(kind, content, depth):
            return False
    return True


def is_attribute_map(value: Any, depth: int = 0) -> bool:
    """Is it a map of AttributeValues? One loop, as an item is the commonest thing checked."""
    if type(value) is not dict or depth > _NESTING_MAX:
        return False
    for name, attribute in value.items():
        if type(attribute) is not dict or len(name) > attribute_name_bytes_max:
            return False
        for kind, content in attribute.items():
            if type(content) is not _scalar_type(kind) and not _is_content(kind, content, depth):
                return False
    return True


def _is_content(kind: str, content: Any, depth: int) -> bool:
    """Is it the content of a binary, a document or a set?"""
    if kind == "B":
        return is_base64(content)
    if kind == "M":
        return is_attribute_map(content, depth + 1)
    if type(content) is not list or depth > _NESTING_MAX:
        return False
    if kind == "L":
        return all(is_attribute(element, depth + 1) for element in content)
    if kind in ("SS", "NS"):
        return all(type(element) is str for element in content)
    return kind == "BS" and all(map(is_base64, content))


def _structure(model: Model, shape: Shape) -> Predicate:
    fields = {name: predicate(model, member.shape) for name, member in shape.members.items()}
    field_of = fields.get
    required = tuple(name for name in shape.members if name in shape.required)

    def accepts(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name in required:
            if name not in value:
                return False
        for name, content in value.items():
            field = field_of(name)
            if field is None or not field(content):
                return False
        return True

    return accepts


def _map(model: Model, shape: Shape) -> Predicate:
    if shape.value == "AttributeValue":
        return is_attribute_map
    low, high = _lengths(shape)
    is_key = predicate(model, shape.key)
    key_is_free = is_key is _is_string
    is_value = predicate(model, shape.value)

    def accepts(value: Any) -> bool:
        if type(value) is not dict or not _within(len(value), low, high):
            return False
        for key, content in value.items():
            if not is_value(content) or not (key_is_free or is_key(key)):
                return False
        return True

    return accepts


def _list(model: Model, shape: Shape) -> Predicate:
    low, high = _lengths(shape)
    is_element = predicate(model, shape.element)

    def accepts(value: Any) -> bool:
        if type(value) is not list or not _within(len(value), low, high):
            return False
        for element in value:  # noqa: SIM110 - a generator costs more than the loop
            if not is_element(element):
                return False
        return True

    return accepts


def _string(_model: Model, shape: Shape) -> Predicate:
    if shape.enum:
        enum = frozenset(shape.enum)
        return lambda value: type(value) is str and value in enum
    low, high = _lengths(shape)
    if shape.regex is not None:
        matches = shape.regex.fullmatch
        return lambda value: (
            type(value) is str and _within(len(value), low, high) and matches(value) is not None
        )
    if low is None and high is None:
        return _is_string
    least = low or 0
    most = high if high is not None else float("inf")
    return lambda value: type(value) is str and least <= len(value) <= most


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _integer(_model: Model, shape: Shape) -> Predicate:
    bound = 1 << _INTEGER_BITS[shape.type]
    low = -bound if shape.minimum is None else max(shape.minimum, -bound)
    high = bound - 1 if shape.maximum is None else min(shape.maximum, bound - 1)
    return lambda value: type(value) is int and low <= value <= high


def _number(_model: Model, shape: Shape) -> Predicate:
    low, high = shape.minimum, shape.maximum
    return lambda value: type(value) in (int, float) and _within(value, low, high)


def _blob(_model: Model, shape: Shape) -> Predicate:
    """Base64 in a JSON body; bytes where it is the whole body."""
    low, high = _lengths(shape)

    def accepts(value: Any) -> bool:
        if type(value) is bytes:
            return _within(len(value), low, high)
        return is_base64(value) and _within(base64_size(value), low, high)

    return accepts


def base64_size(text: str) -> int:
    """How many bytes a valid base64 text holds."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def _lengths(shape: Shape) -> tuple[int | None, int | None]:
    low, high = shape.minimum, shape.maximum
    return (None if low is None else int(low), None if high is None else int(high))


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


_COMPILERS: Final[dict[str, Callable[[Model, Shape], Predicate]]] = {
    "structure": _structure,
    "map": _map,
    "list": _list,
    "string": _string,
    "boolean": lambda _model, _shape: _is_boolean,
    "integer": _integer,
    "long": _integer,
    "double": _number,
    "float": _number,
    "timestamp": _number,
    "blob": _blob,
}
