"""The conditions of a policy's statement: operators over what is known of a request.

Pure. A condition names an operator, a key and values: it holds if the key's value matches one of
them, or none of them for a negated operator. `...IfExists` holds also without a value;
`ForAnyValue:` and `ForAllValues:` say how the many values of a key such as
`dynamodb:LeadingKeys` are taken (IAM User Guide, "IAM JSON policy elements: Condition operators").
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias

Context: TypeAlias = Callable[[str], "tuple[str, ...] | None"]
"""The values of a condition key, named in lower case; None if the request has none."""

_FOR_ALL: Final = "forallvalues:"
_FOR_ANY: Final = "foranyvalue:"
_IF_EXISTS: Final = "ifexists"
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_LITERALS: Final = {"*": "[*]", "?": "[?]", "$": "$"}


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\[\*\]|\[\?\]|\*|\?)", text)
    wild = {"*": ".*", "?": ".", "[*]": r"\*", "[?]": r"\?"}
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts), re.DOTALL)


def is_like(value: str, pattern: str) -> bool:
    """Whether a text matches a pattern, in which `*` is any text and `?` any character."""
    return _pattern(pattern).fullmatch(value) is not None


def filled(text: str, context: Context) -> str | None:
    """A text with the values of its variables (`${aws:username}`), or None if one has none."""
    if "${" not in text:
        return text
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, _, default = found[1].partition(",")
        if name.strip() in _LITERALS:
            return _LITERALS[name.strip()]
        values = context(name.strip().lower())
        if values is not None and len(values) == 1:
            return values[0].replace("*", "[*]").replace("?", "[?]")
        if default:
            return default.strip().strip("'")
        missing = True
        return ""

    text = _VARIABLE.sub(value, text)
    return None if missing else text


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise InvalidOperation
    return number


def _moment(text: str) -> datetime:
    if re.fullmatch(r"\d{1,15}(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_within(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def _is_same_arn(value: str, wanted: str) -> bool:
    """Each of an ARN's six parts is matched by itself."""
    value_parts, wanted_parts = value.split(":", 5), wanted.split(":", 5)
    return len(value_parts) == len(wanted_parts) and all(map(is_like, value_parts, wanted_parts))


_Test: TypeAlias = Callable[[str, str], bool]
# What each operator asks of a value of the request and one of the policy; whether it is negated.
_OPERATORS: Final[Mapping[str, tuple[_Test, bool]]] = {
    "stringequals": (lambda value, wanted: value == wanted, False),
    "stringnotequals": (lambda value, wanted: value == wanted, True),
    "stringequalsignorecase": (lambda value, wanted: value.lower() == wanted.lower(), False),
    "stringnotequalsignorecase": (lambda value, wanted: value.lower() == wanted.lower(), True),
    "stringlike": (is_like, False),
    "stringnotlike": (is_like, True),
    "numericequals": (lambda value, wanted: _number(value) == _number(wanted), False),
    "numericnotequals": (lambda value, wanted: _number(value) == _number(wanted), True),
    "numericlessthan": (lambda value, wanted: _number(value) < _number(wanted), False),
    "numericlessthanequals": (lambda value, wanted: _number(value) <= _number(wanted), False),
    "numericgreaterthan": (lambda value, wanted: _number(value) > _number(wanted), False),
    "numericgreaterthanequals": (lambda value, wanted: _number(value) >= _number(wanted), False),
    "dateequals": (lambda value, wanted: _moment(value) == _moment(wanted), False),
    "datenotequals": (lambda value, wanted: _moment(value) == _moment(wanted), True),
    "datelessthan": (lambda value, wanted: _moment(value) < _moment(wanted), False),
    "datelessthanequals": (lambda value, wanted: _moment(value) <= _moment(wanted), False),
    "dategreaterthan": (lambda value, wanted: _moment(value) > _moment(wanted), False),
    "dategreaterthanequals": (lambda value, wanted: _moment(value) >= _moment(wanted), False),
    "bool": (lambda value, wanted: value.lower() == wanted.lower(), False),
    "binaryequals": (lambda value, wanted: b64decode(value) == b64decode(wanted), False),
    "ipaddress": (_is_within, False),
    "notipaddress": (_is_within, True),
    "arnequals": (_is_same_arn, False),
    "arnlike": (_is_same_arn, False),
    "arnnotequals": (_is_same_arn, True),
    "arnnotlike": (_is_same_arn, True),
}
_UNFIT: Final = (ValueError, InvalidOperation, NotBase64, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, read once.

    key: in lower case. test: None for the operator Null. for_all: None takes the key as having one
    value; else whether all of the request's values must match, or any.
    """

    key: str
    values: tuple[str, ...]
    test: _Test | None
    is_negated: bool
    if_exists: bool
    for_all: bool | None

    def holds(self, context: Context) -> bool:
        found = context(self.key)
        if self.test is None:
            return all((found is None) == (value.lower() == "true") for value in self.values)
        if not found:
            return (
                self.if_exists or self.for_all is True or (self.is_negated and self.for_all is None)
            )
        matches = [self._matches(value, self.test, context) for value in found]
        asks_all = self.is_negated if self.for_all is None else self.for_all
        return all(matches) if asks_all else any(matches)

    def _matches(self, value: str, test: _Test, context: Context) -> bool:
        """Whether one value of the request is as the operator wants it."""
        wanted = (filled(each, context) for each in self.values)
        is_one = any(each is not None and _holds(test, value, each) for each in wanted)
        return is_one is not self.is_negated


def _holds(test: _Test, value: str, wanted: str) -> bool:
    try:
        return test(value, wanted)
    except _UNFIT:  # the request's value is not of the operator's type
        return False


def conditions(block: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a statement's Condition.

    Raises ValueError, with a text for whoever wrote the policy, if it is malformed.
    """
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, dict) or not keys:
            raise ValueError(f"the condition {operator} must name keys and their values")
        for key, given in keys.items():
            values = given if isinstance(given, list) else [given]
            if not values or not all(isinstance(each, str | int | float) for each in values):
                raise ValueError(f"the condition {operator} of {key} needs texts as its values")
            found.append(_condition(operator, key, values))
    return tuple(found)


def _condition(operator: str, key: str, values: Iterable[Any]) -> Condition:
    name = operator.lower()
    for_all = None
    if name.startswith((_FOR_ALL, _FOR_ANY)):
        for_all = name.startswith(_FOR_ALL)
        name = name.partition(":")[2]
    if_exists = name.endswith(_IF_EXISTS)
    name = name.removesuffix(_IF_EXISTS)
    texts = tuple(_text(value) for value in values)
    if name == "null":
        return Condition(key.lower(), texts, None, is_negated=False, if_exists=False, for_all=None)
    if name not in _OPERATORS:
        raise ValueError(f"the condition operator {operator} is not known")
    test, is_negated = _OPERATORS[name]
    for text in texts:
        if "${" not in text:
            _check_value(test, text, operator)
    return Condition(key.lower(), texts, test, is_negated, if_exists, for_all)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_value(test: _Test, text: str, operator: str) -> None:
    """Refuse a value that is none of the operator's type, whatever a request brings."""
    sample = text.partition("/")[0] if test is _is_within else text
    try:
        test(sample, text)
    except _UNFIT:
        raise ValueError(f"the value {text} does not suit the operator {operator}") from None
