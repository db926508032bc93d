"""The names and values a request gives to its expressions: looked up, and counted as used.

One `Placeholders` serves all expressions of a request, since each placeholder must be used in at
least one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from headwater.errors import ValidationException
from headwater.expressions.syntax import PathNode
from headwater.expressions.tokens import invalid
from headwater.limits import (
    expression_placeholder_bytes_max,
    expression_placeholders_bytes_max,
)
from headwater.values import attribute
from headwater.values.attribute import AttributeValue
from headwater.values.item import Path

_NAMES: Final = "ExpressionAttributeNames"
_VALUES: Final = "ExpressionAttributeValues"
_NAME_KEY = re.compile(r"#[0-9a-zA-Z_]+")
_VALUE_KEY = re.compile(r":[0-9a-zA-Z_]+")


class Bindings(Protocol):
    """What the names and values of a tree stand for; expression: the parameter's name, for errors.

    Raises ValidationException for what stands for nothing.
    """

    def value(self, placeholder: str, expression: str) -> AttributeValue:
        """The canonical value of a `ValueNode`."""

    def path(self, node: PathNode, expression: str) -> Path:
        """The document path of a `PathNode`."""


class Placeholders:
    """The placeholders of one request; values are canonical from here on."""

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, Any] | None) -> None:
        """Check both maps; raises ValidationException with DynamoDB's text."""
        self._names = names
        self._values: dict[str, AttributeValue] | None = None
        self._used: set[str] = set()
        total = 0
        if names is not None:
            total += _checked_names(names)
        if values is not None:
            self._values, size = _checked_values(values)
            total += size
        if total > expression_placeholders_bytes_max:
            raise ValidationException(
                f"{_NAMES} and {_VALUES} exceed the maximum allowed size; size: {total}"
            )

    def check_expressions(self, *, present: bool) -> None:
        """Refuse placeholders in a request without any expression."""
        for given, parameter in ((self._names, _NAMES), (self._values, _VALUES)):
            if given is not None and not present:
                raise ValidationException(
                    f"{parameter} can only be specified when using expressions"
                )

    def check_all_used(self) -> None:
        """Refuse placeholders that no expression bound so far has used."""
        for given, parameter in ((self._names, _NAMES), (self._values, _VALUES)):
            if given and not given.keys() <= self._used:
                unused = given.keys() - self._used
                raise ValidationException(
                    f"Value provided in {parameter} unused in expressions: "
                    f"keys: {{{', '.join(sorted(unused))}}}"
                )

    def name(self, alias: str, expression: str) -> str:
        """The attribute name behind `#alias`; expression: the parameter's name, for errors."""
        name = self._names.get(alias) if self._names else None
        if name is None:
            raise invalid(
                expression,
                "An expression attribute name used in the document path is not defined; "
                f"attribute name: {alias}",
            )
        self._used.add(alias)
        return name

    def value(self, placeholder: str, expression: str) -> AttributeValue:
        """The canonical value behind `:placeholder`."""
        value = self._values.get(placeholder) if self._values else None
        if value is None:
            raise invalid(
                expression,
                "An expression attribute value used in expression is not defined; "
                f"attribute value: {placeholder}",
            )
        self._used.add(placeholder)
        return value

    def path(self, node: PathNode, expression: str) -> Path:
        """The document path with its aliases replaced."""
        if not node.aliased:
            return node.steps
        return tuple(
            self.name(step, expression) if isinstance(step, str) and step[0] == "#" else step
            for step in node.steps
        )


def _checked_names(names: Mapping[str, str]) -> int:
    if not names:
        raise ValidationException(f"{_NAMES} must not be empty")
    total = 0
    for alias, name in names.items():
        _check_key(_NAMES, _NAME_KEY, alias)
        try:
            total += len(alias) + attribute.name_bytes(name)
        except ValidationException as error:
            raise _invalid_value(_NAMES, alias, error) from error
    return total


def _checked_values(values: Mapping[str, Any]) -> tuple[dict[str, AttributeValue], int]:
    if not values:
        raise ValidationException(f"{_VALUES} must not be empty")
    canonical = {}
    total = 0
    for placeholder, value in values.items():
        _check_key(_VALUES, _VALUE_KEY, placeholder)
        try:
            canonical[placeholder], size = attribute.normalise(value)
        except ValidationException as error:
            raise _invalid_value(_VALUES, placeholder, error) from error
        total += len(placeholder) + size
    return canonical, total


def _check_key(parameter: str, pattern: re.Pattern[str], key: str) -> None:
    if not pattern.fullmatch(key):
        raise ValidationException(f'{parameter} contains invalid key: Syntax error; key: "{key}"')
    if len(key) > expression_placeholder_bytes_max:
        raise ValidationException(
            f"{parameter} contains invalid key: The key exceeds the maximum allowed size of "
            f'{expression_placeholder_bytes_max} bytes; key: "{key}"'
        )


def _invalid_value(parameter: str, key: str, error: ValidationException) -> ValidationException:
    return ValidationException(f"{parameter} contains invalid value: {error.message} for key {key}")
