"""Lambda's REST form: a path to its operation, and a request to one input.

`Router` knows every path of the model. `gathered` puts together what REST scatters: members from
the path, the query, the headers and the JSON body, or the body itself where it is the payload. The
result has the model's names and still has to pass the operation's check.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson

from headwater.api.message import Request
from headwater.api.model import Shape
from headwater.api.shapes import Input, Operation
from headwater.errors import InvalidRequestContentException, SerializationException

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
_JAVA_NAMES: Final = {"integer": "Integer", "long": "Long", "boolean": "Boolean"}


@dataclass(frozen=True, slots=True)
class _Path:
    """One operation's path: literal segments, and None with its name where a parameter stands."""

    segments: tuple[str | None, ...]
    names: tuple[tuple[int, str], ...]
    query: frozenset[tuple[str, str]]
    operation: Operation

    def matches(self, segments: list[str], query: frozenset[tuple[str, str]]) -> bool:
        return self.query <= query and all(
            literal is None or literal == segment
            for literal, segment in zip(self.segments, segments, strict=True)
        )


class Router:
    """Which operation a method and a path call."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._paths: dict[tuple[str, int], list[_Path]] = defaultdict(list)
        for operation in operations:
            path = _path(operation)
            self._paths[operation.method, len(path.segments)].append(path)
        for paths in self._paths.values():  # the more a path says, the sooner it is tried
            paths.sort(key=lambda path: (len(path.names), -len(path.query)))

    def match(
        self, method: str, path: str, query: str = ""
    ) -> tuple[Operation, dict[str, str]] | None:
        """The operation and its path's parameters, decoded; a trailing slash does not matter.

        path, query: as sent, still percent-encoded.
        """
        segments = path.removesuffix("/").split("/")[1:]
        choices = self._paths.get((method, len(segments)))
        if not choices:
            return None
        said = frozenset(parse_qsl(query)) if query else frozenset()
        for choice in choices:
            if choice.matches(segments, said):
                return choice.operation, {
                    name: unquote(segments[index]) for index, name in choice.names
                }
        return None


def _path(operation: Operation) -> _Path:
    uri, _, query = operation.uri.partition("?")
    segments = uri.split("/")[1:]
    names = tuple(
        (index, segment.strip("{}+"))
        for index, segment in enumerate(segments)
        if segment.startswith("{")
    )
    literals = tuple(None if segment.startswith("{") else segment for segment in segments)
    return _Path(literals, names, frozenset(parse_qsl(query)), operation)


def gathered(operation: Operation, parameters: Mapping[str, str], request: Request) -> Input:
    """All that a REST request says, under the model's names.

    parameters: of the path, decoded, by their names there.
    Raises InvalidRequestContentException for a body that is not JSON, SerializationException for
    text that is not of its member's type.
    """
    members = operation.members
    found = _from_body(operation, request.body)
    queried = _queried(request.query)
    for name, member in members.items():
        shape = operation.shape_of(name)
        if member.location == "uri":
            if member.wire_name in parameters:
                found[name] = _from_text(shape, parameters[member.wire_name])
        elif member.location == "querystring":
            values = queried.get(member.wire_name)
            if values and shape.type == "list":
                element = operation.element_of(shape)
                found[name] = [_from_text(element, value) for value in values]
            elif values:
                found[name] = _from_text(shape, values[-1])
        elif member.location == "header":
            text = request.headers.get(member.wire_name.lower())
            if text:
                found[name] = _from_text(shape, text)
    return found


def _from_body(operation: Operation, body: bytes) -> Input:
    if not body:
        return {}
    if operation.payload is not None:
        return {operation.payload: body}
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: {error}"
        ) from error
    if not isinstance(content, dict):
        raise InvalidRequestContentException(
            "Could not parse request body into json: not an object"
        )
    members = operation.members
    return {
        name: value
        for name, value in content.items()
        if name in members and members[name].location is None
    }


def _queried(query: str) -> dict[str, list[str]]:
    """The query's values by name; empty ones count as not given."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(query):
        found[name].append(value)
    return found


def _from_text(shape: Shape, text: str) -> Any:
    """A value that travelled as text, in its member's type."""
    if shape.type in ("integer", "long"):
        if _INTEGER.fullmatch(text):
            return int(text)
    elif shape.type == "boolean":
        if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
    else:
        return text
    raise SerializationException(f"STRING_VALUE cannot be converted to {_JAVA_NAMES[shape.type]}")
