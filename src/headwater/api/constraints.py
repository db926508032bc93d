"""Every limit of the model that a body breaks, in AWS's words.

Works on what `conversion` returns, so types are right. All violations go into one message, as AWS
sends them; within it they come in the order of the model's members, and for one value the pattern
before the length before the enum. What a map's keys, a list's strings and the like break is said of
the collection as a whole, with all that its members must satisfy; what a structure inside breaks is
said of that structure's path (`requestItems.t.member.keys`, `keySchema.1.member.keyType`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from headwater.api.model import Model, Shape
from headwater.api.predicates import base64_size

_NOT_NULL = "Member must not be null"


class Constraints:
    """The limits of one model; `overrides` replaces shapes of single members, by their path."""

    def __init__(self, model: Model, overrides: Mapping[str, Shape]) -> None:
        self._model = model
        self._overrides = overrides

    def message(self, name: str, value: Mapping[str, Any]) -> str | None:
        """The text of the ValidationException, or None if the value breaks nothing."""
        found = list(self._structure(self._model.shape(name), value, ""))
        if not found:
            return None
        plural = "" if len(found) == 1 else "s"
        return f"{len(found)} validation error{plural} detected: {'; '.join(found)}"

    def _structure(self, shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
        for name, member in shape.members.items():
            at = f"{path}.{_lower(name)}" if path else _lower(name)
            content = value.get(name)
            if content is not None:
                held = self._overrides.get(at) or self._model.shape(member.shape)
                yield from self._value(held, content, at)
            elif name in shape.required:
                yield _violation("null", at, _NOT_NULL)

    def _value(self, shape: Shape, value: Any, path: str) -> Iterator[str]:
        for text in broken(shape, value):
            yield _violation(f"'{self._printed(shape, value)}'", path, text)
        if shape.type == "structure":
            yield from self._structure(shape, value, path)
        elif shape.type == "list":
            yield from self._list(shape, value, path)
        elif shape.type == "map":
            yield from self._map(shape, value, path)

    def _list(self, shape: Shape, value: list[Any], path: str) -> Iterator[str]:
        element = self._model.shape(shape.element)
        if element.type not in ("structure", "map") and any(
            each is not None and broken(element, each) for each in value
        ):
            told = f"Member must satisfy constraint: {self._all(element)}"
            yield _violation(f"'{self._printed(shape, value)}'", path, told)
        for position, each in enumerate(value, 1):
            yield from self._held(element, each, f"{path}.{position}.member")

    def _map(self, shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
        key, held = self._model.shape(shape.key), self._model.shape(shape.value)
        printed = f"'{self._printed(shape, value)}'" if value else ""
        if any(broken(key, name) for name in value):
            yield _violation(printed, path, f"Map keys must satisfy constraint: {self._all(key)}")
        if held.type != "structure" and any(
            each is not None and broken(held, each) for each in value.values()
        ):
            yield _violation(printed, path, f"Map value must satisfy constraint: {self._all(held)}")
        for name, each in value.items():
            yield from self._held(held, each, f"{path}.{name}.member")

    def _held(self, shape: Shape, value: Any, path: str) -> Iterator[str]:
        """What a member of a collection breaks below its own level."""
        if value is None:
            yield _violation("null", path, _NOT_NULL)
        elif shape.type == "structure":
            yield from self._value(shape, value, path)
        elif shape.type == "list":
            yield from self._list(shape, value, path)
        elif shape.type == "map":
            yield from self._map(shape, value, path)

    def _all(self, shape: Shape) -> str:
        """Everything a collection's member must satisfy, broken or not, as AWS lists it."""
        texts = [text for text in _limits(shape) if text]
        if self._model.protocol == "rest-json":
            texts.append(_NOT_NULL)
        return f"[{', '.join(texts)}]"

    def _printed(self, shape: Shape, value: Any) -> str:
        """A value as the service's Java prints it."""
        if value is None:
            return "null"
        if shape.name == "AttributeValue":
            return f"{self._model.java_package}.AttributeValue@{zlib.crc32(orjson.dumps(value)):x}"
        if shape.type == "structure":
            members = (
                f"{_lower(name)}={self._printed(self._model.shape(member.shape), value.get(name))}"
                for name, member in shape.members.items()
            )
            return f"{shape.name}({', '.join(members)})"
        if shape.type == "list":
            element = self._model.shape(shape.element)
            return f"[{', '.join(self._printed(element, each) for each in value)}]"
        if shape.type == "map":
            held = self._model.shape(shape.value)
            pairs = (f"{key}={self._printed(held, each)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        return _printed_scalar(shape, value)


def broken(shape: Shape, value: Any) -> list[str]:
    """The shape's own limits that a value breaks, members not looked at.

    A text too long for its shape is not held against the pattern too: some of AWS's patterns take
    time beyond all measure on a text of megabytes.
    """
    found = []
    pattern, low, high, enum = _limits_in_order(shape)
    measured = _measured(shape, value)
    too_long = shape.maximum is not None and measured > shape.maximum
    if shape.regex is not None and not too_long and not shape.regex.fullmatch(value):
        found.append(pattern)
    if shape.minimum is not None and measured < shape.minimum:
        found.append(low)
    if too_long:
        found.append(high)
    if shape.enum and value not in shape.enum:
        found.append(enum)
    return found


def _limits(shape: Shape) -> tuple[str, ...]:
    """A shape's limits as a collection lists them: longest, shortest, pattern, enum."""
    pattern, low, high, enum = _limits_in_order(shape)
    return (
        high if shape.maximum is not None else "",
        low if shape.minimum is not None else "",
        pattern if shape.pattern is not None else "",
        enum if shape.enum else "",
    )


def _limits_in_order(shape: Shape) -> tuple[str, str, str, str]:
    what = "value" if shape.type in ("integer", "long", "double", "float") else "length"
    return (
        f"Member must satisfy regular expression pattern: {shape.pattern}",
        f"Member must have {what} greater than or equal to {_plain(shape.minimum)}",
        f"Member must have {what} less than or equal to {_plain(shape.maximum)}",
        f"Member must satisfy enum value set: [{', '.join(shape.enum)}]",
    )


def _measured(shape: Shape, value: Any) -> float:
    """What a minimum and a maximum are compared with."""
    if isinstance(value, bool) or shape.type == "structure":
        return 0
    if isinstance(value, int | float):
        return value
    if shape.type == "blob" and isinstance(value, str):
        return base64_size(value)
    return len(value)


def _printed_scalar(shape: Shape, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if shape.type == "blob":
        size = int(_measured(shape, value))
        return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
    return str(value)


def _plain(number: float | None) -> str:
    return str(int(number)) if number is not None and number == int(number) else str(number)


def _violation(value: str, path: str, text: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {text}"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
