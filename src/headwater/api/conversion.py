"""Wrong types in a body, in AWS's words.

The careful half of checking, run only on bodies the predicates did not accept. It walks a body in
the order its JSON was written, as AWS's parser does, stops at the first value whose type is wrong,
and returns a copy without nulls and unknown members. It knows no limit but the types' own.

Texts: observed on AWS; where none is known for a pair of types, the one nearest in form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from headwater.api.model import Model, Shape
from headwater.api.predicates import is_base64
from headwater.errors import SerializationException, ValidationException

# Each level of an item's nesting takes two of these; what passes here is measured exactly later.
_LEVELS_MAX: Final = 150
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]|=(?=[^=])")
_JAVA_NAMES: Final = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "double": "Double",
    "float": "Float",
    "boolean": "Boolean",
    "timestamp": "Date",
}
_INTEGER_BITS: Final = {"integer": 31, "long": 63}


def converted(model: Model, name: str, value: Any, level: int = 0) -> Any:
    """The value as its shape has it: without nulls and unknown members, integers whole.

    Raises SerializationException at the first wrong type.
    """
    if level > _LEVELS_MAX:
        raise ValidationException("Nesting Levels have exceeded supported limits")
    shape = model.shape(name)
    if shape.type == "structure":
        return _structure(model, shape, value, level)
    if shape.type == "map":
        return _map(model, shape, value, level)
    if shape.type == "list":
        return _list(model, shape, value, level)
    if shape.type == "blob":
        return _blob(value)
    return _scalar(shape, value)


def _structure(model: Model, shape: Shape, value: Any, level: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        if isinstance(value, list):
            _refuse(f"Unrecognized collection type class {model.java_package}.{shape.name}")
        _refuse("Unexpected value type in payload")
    kept = {}
    for name, content in value.items():
        member = shape.members.get(name)
        if member is not None and content is not None:
            kept[name] = converted(model, member.shape, content, level + 1)
    return kept


def _map(model: Model, shape: Shape, value: Any, level: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        if isinstance(value, list):
            _refuse(f"Unrecognized collection type {_java_type(model, shape)}")
        _refuse("Unexpected field type")
    return {key: _held(model, shape.value, content, level + 1) for key, content in value.items()}


def _list(model: Model, shape: Shape, value: Any, level: int) -> list[Any]:
    if not isinstance(value, list):
        if isinstance(value, dict):
            _refuse("Start of structure or map found where not expected")
        _refuse("Unexpected field type")
    return [_held(model, shape.element, element, level + 1) for element in value]


def _held(model: Model, name: str, value: Any, level: int) -> Any:
    """What a collection holds. Null stays, for the constraints to name.

    An AttributeValue that is null is one with no type, and is refused as such later.
    """
    if value is None:
        return {} if name == "AttributeValue" else None
    return converted(model, name, value, level)


def _blob(value: Any) -> Any:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        _refuse("Unrecognized collection type class java.nio.ByteBuffer")
    if isinstance(value, dict):
        _refuse("Start of structure or map found where not expected")
    if not isinstance(value, str):
        _refuse("only base-64-encoded strings are convertible to bytes")
    if len(value) % 4:
        _refuse(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}")
    stray = _NOT_BASE64.search(value)
    if stray:
        _refuse(f"Invalid Base64 character: '{stray.group()}'")
    if not is_base64(value):
        _refuse("Invalid last non-pad Base64 character dectected")
    return value


def _scalar(shape: Shape, value: Any) -> Any:
    java = _JAVA_NAMES[shape.type]
    if isinstance(value, list):
        _refuse(f"Unrecognized collection type class java.lang.{java}")
    if isinstance(value, dict):
        _refuse("Start of structure or map found where not expected")
    return _SCALARS[shape.type](shape, value)


def _string(_shape: Shape, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(f"{_token(value)} cannot be converted to String")
    return value


def _boolean(_shape: Shape, value: Any) -> bool:
    if isinstance(value, str):
        _refuse("Unexpected token received from parser")
    if not isinstance(value, bool):
        _refuse(f"{_token(value)} cannot be converted to Boolean")
    return value


def _integer(shape: Shape, value: Any) -> int:
    """A fraction is cut off, and what is out of range becomes the nearest that is in it."""
    if isinstance(value, bool | str):
        _refuse(f"{_token(value)} cannot be converted to {_JAVA_NAMES[shape.type]}")
    bound = 1 << _INTEGER_BITS[shape.type]
    return int(max(-bound, min(bound - 1, value)))


def _number(shape: Shape, value: Any) -> float:
    if isinstance(value, bool | str):
        _refuse(f"{_token(value)} cannot be converted to {_JAVA_NAMES[shape.type]}")
    number: float = value
    return number


_SCALARS: Final[dict[str, Callable[[Shape, Any], Any]]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "long": _integer,
    "double": _number,
    "float": _number,
    "timestamp": _number,
}


def _token(value: object) -> str:
    """The name of a JSON scalar in AWS's parser."""
    if value is True:
        return "TRUE_VALUE"
    if value is False:
        return "FALSE_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "NUMBER_VALUE"


def _java_type(model: Model, shape: Shape) -> str:
    """A shape as Java's reflection prints its type."""
    if shape.type == "map":
        key = _java_type(model, model.shape(shape.key))
        value = _java_type(model, model.shape(shape.value))
        return f"java.util.Map<{key}, {value}>"
    if shape.type == "list":
        return f"java.util.List<{_java_type(model, model.shape(shape.element))}>"
    if shape.type == "structure":
        return f"{model.java_package}.{shape.name}"
    return "java.nio.ByteBuffer" if shape.type == "blob" else f"java.lang.{_JAVA_NAMES[shape.type]}"


def _refuse(text: str) -> NoReturn:
    raise SerializationException(text)
