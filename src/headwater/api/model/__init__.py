"""AWS's request shapes: the generated tables and the reading of them.

`tools/generate_shapes.py` writes one table per service from botocore's models: `dynamodb.json`,
`dynamodbstreams.json`, `kinesis.json`, `lambda.json`, `sqs.json`. Never edit them by hand. Reading
a table is cheap, and its shapes are unfolded as operations are first called: start-up pays for
none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

_FOLDER: Final = Path(__file__).parent

# Java's classes and surrogate ranges, which Python's expressions spell differently.
_SEPARATORS: Final = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIALECT: Final = (
    (r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff"),
    (r"\p{Print}", r"[\x20-\x7E]"),
    (r"\p{L}\p{Z}\p{N}", r"\w" + _SEPARATORS),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a structure: its shape, and where outside the body it travels, if it does.

    location: "uri", "querystring", "header", or None for the body.
    wire_name: its name there.
    """

    shape: str
    location: str | None
    wire_name: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a model. Parts are named by their shapes' names."""

    name: str
    type: str
    members: Mapping[str, Member]
    required: frozenset[str]
    minimum: float | None
    maximum: float | None
    enum: tuple[str, ...]
    pattern: str | None
    regex: re.Pattern[str] | None
    element: str
    key: str
    value: str
    payload: str | None


class Model:
    """One service's table."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.service: str = table["service"]
        self.protocol: str = table["protocol"]
        self.operations: Mapping[str, Mapping[str, Any]] = table["operations"]
        self.error_status: Mapping[str, int] = table["errors"]
        self.java_package = f"com.amazonaws.{self.service}.v{table['version'].replace('-', '')}"
        self._raw: Mapping[str, Mapping[str, Any]] = table["shapes"]
        self._shapes: dict[str, Shape] = {}

    def shape(self, name: str) -> Shape:
        """The shape of that name; a KeyError is our own mistake."""
        found = self._shapes.get(name)
        if found is None:
            found = self._shapes[name] = _shape(name, self._raw[name])
        return found


@functools.cache
def read(service: str) -> Model:
    """The table of a service: dynamodb, dynamodbstreams, lambda, sqs or kinesis."""
    return Model(orjson.loads((_FOLDER / f"{service}.json").read_bytes()))


def _shape(name: str, raw: Mapping[str, Any]) -> Shape:
    pattern = raw.get("pattern")
    return Shape(
        name=name,
        type=raw["type"],
        members={key: _member(key, entry) for key, entry in raw.get("members", {}).items()},
        required=frozenset(raw.get("required", ())),
        minimum=raw.get("min"),
        maximum=raw.get("max"),
        enum=tuple(raw.get("enum", ())),
        pattern=pattern,
        regex=None if pattern is None else compiled(pattern),
        element=raw.get("member", ""),
        key=raw.get("key", ""),
        value=raw.get("value", ""),
        payload=raw.get("payload"),
    )


def _member(name: str, entry: str | Mapping[str, Any]) -> Member:
    if isinstance(entry, str):
        return Member(entry, None, name)
    return Member(entry["shape"], entry.get("location"), entry.get("locationName", name))


def compiled(pattern: str) -> re.Pattern[str]:
    """A model's pattern, which is Java's, as one to be used with `fullmatch`."""
    flags = re.NOFLAG if r"\p{L}" in pattern else re.ASCII
    for java, python in _DIALECT:
        pattern = pattern.replace(java, python)
    return re.compile(pattern, flags)
