"""Filter criteria: which records a mapping's function, or a sink, is to see. Pure.

A pattern is a JSON object that a record is held against, member by member:

    pattern   = {} | object                              {} matches every record
    object    = { name: object | leaf, ... , "$or": [object, ...] }    all members must match
    leaf      = [ rule, ... ]                            any of the rules
    rule      = text | number | true | false | null      the same value
              | {"anything-but": text | number | [texts] | [numbers] | {text rule}}
              | {"numeric": [comparison, number, comparison, number]}  or the first pair alone
              | {"exists": true | false}
              | {text rule}
    text rule = "prefix": text | "suffix": text | "equals-ignore-case": text
              | "prefix" or "suffix": {"equals-ignore-case": text}

Rules look at leaves: a member that is an object has none, one that is an array has each of its
elements and matches if any of them does. A member that is not there matches `exists: false` alone.
DynamoDB's numbers are texts, so `numeric` never matches an attribute of type N.

Sources: Lambda Developer Guide, "Control which events Lambda sends to your function"; EventBridge
User Guide, "Comparison operators for use in event patterns". Rules that Lambda does not list
(`wildcard`, `cidr`) are refused; `anything-but` of a text rule, which buses have, is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from headwater.limits import filter_depth_max

_ABSENT: Final = object()
_NUMBER_MAX: Final = 5e9

Test: TypeAlias = Callable[[Any], bool]


class InvalidPattern(Exception):
    """A pattern that says nothing a record could be held against."""


class RecordFilter:
    """One or more patterns; a record that matches any of them is let through."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile patterns, at least one. Raises InvalidPattern."""
        assert patterns, "no pattern is no filter"
        self._tests = [_compiled(pattern) for pattern in patterns]

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a record, as a function's event holds it, is let through."""
        return any(test(record) for test in self._tests)


def _compiled(pattern: str) -> Test:
    try:
        tree = orjson.loads(pattern)
    except orjson.JSONDecodeError as error:
        raise InvalidPattern(str(error)) from error
    if not isinstance(tree, dict):
        raise InvalidPattern("a pattern is an object")
    return _object(tree, 1) if tree else lambda _: True


def _object(tree: Mapping[str, Any], depth: int) -> Test:
    """The test of a member that is to be an object like this one."""
    if not tree:
        raise InvalidPattern("an object inside a pattern is not empty")
    if depth > filter_depth_max:
        raise InvalidPattern("the pattern is nested too deeply")
    members = [(name, _member(value, depth)) for name, value in tree.items() if name != "$or"]
    choices = _choices(tree["$or"], depth) if "$or" in tree else None

    def test_fields(fields: Mapping[str, Any]) -> bool:
        for name, test in members:
            if not test(fields.get(name, _ABSENT)):
                return False
        return choices is None or any(choice(fields) for choice in choices)

    def test(value: Any) -> bool:
        if isinstance(value, dict):
            return test_fields(value)
        inner = [each for each in _flat(value) if isinstance(each, dict)]
        # All that is asked of what has no members is that they are not there.
        return any(map(test_fields, inner)) if inner else test_fields({})

    return test


def _choices(value: Any, depth: int) -> list[Test]:
    if not isinstance(value, list) or not value:
        raise InvalidPattern("$or has a list of objects")
    return [_object(_of_type(each, dict), depth + 1) for each in value]


def _member(value: Any, depth: int) -> Test:
    if isinstance(value, dict):
        return _object(value, depth + 1)
    return _leaf(_of_type(value, list))


def _leaf(rules: Sequence[Any]) -> Test:
    """The test of a member that is to have a value which keeps any of these rules."""
    if not rules:
        raise InvalidPattern("a list of rules is not empty")
    tests = [_rule(rule) for rule in rules]

    def test(value: Any) -> bool:
        if isinstance(value, list | dict):
            leaves = [each for each in _flat(value) if not isinstance(each, dict)]
        else:
            leaves = [value]
        return any(test(leaf) for leaf in leaves or [_ABSENT] for test in tests)

    return test


def _rule(rule: Any) -> Test:
    if not isinstance(rule, dict):
        return _equals(rule)
    if len(rule) != 1:
        raise InvalidPattern("a rule has one operator")
    ((operator, operand),) = rule.items()
    build = _RULES.get(operator)
    if build is None:
        raise InvalidPattern(f"there is no operator {operator!r}")
    return build(operand)


def _equals(wanted: Any) -> Test:
    if isinstance(wanted, list):
        raise InvalidPattern("a rule is no list")
    if _is_number(wanted):
        return lambda value: _is_number(value) and value == wanted
    # Not by ==, for which true is 1.
    return lambda value: type(value) is type(wanted) and value == wanted


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        test = _text_rule(operand)
        return lambda value: value is not _ABSENT and not test(value)
    unwanted = operand if isinstance(operand, list) else [operand]
    are_texts = all(isinstance(each, str) for each in unwanted)
    if not unwanted or not (are_texts or all(map(_is_number, unwanted))):
        raise InvalidPattern("anything-but has texts or numbers")
    tests = [_equals(each) for each in unwanted]
    return lambda value: value is not _ABSENT and not any(test(value) for test in tests)


def _text_rule(rule: Mapping[str, Any]) -> Test:
    """The rule of one operator for texts."""
    if len(rule) != 1 or rule.keys() - _TEXT_RULES.keys():
        raise InvalidPattern("anything-but takes a prefix, a suffix or equals-ignore-case")
    return _rule(rule)


def _numeric(operand: Any) -> Test:
    terms = _of_type(operand, list)
    if len(terms) not in (2, 4):
        raise InvalidPattern("numeric has one or two comparisons, each with a number")
    pairs = [(terms[at], _bounded(terms[at + 1])) for at in range(0, len(terms), 2)]
    for comparison, _ in pairs:
        if not isinstance(comparison, str) or comparison not in _COMPARISONS:
            raise InvalidPattern(f"there is no comparison {comparison!r}")
    if len(pairs) == 2:
        (lower, low), (upper, high) = pairs
        if not (lower.startswith(">") and upper.startswith("<") and low < high):
            raise InvalidPattern("a range has its lower bound first")
    tests = [(_COMPARISONS[comparison], bound) for comparison, bound in pairs]
    return lambda value: _is_number(value) and all(test(value, bound) for test, bound in tests)


def _bounded(number: Any) -> float:
    if not _is_number(number) or abs(number) > _NUMBER_MAX:
        raise InvalidPattern(f"numeric compares with numbers from {-_NUMBER_MAX} to {_NUMBER_MAX}")
    return float(number)


def _exists(operand: Any) -> Test:
    is_wanted = _of_type(operand, bool)
    return lambda value: (value is not _ABSENT) == is_wanted


def _prefix(operand: Any) -> Test:
    if isinstance(operand, dict):
        start = _without_case(operand)
        return lambda value: isinstance(value, str) and value.casefold().startswith(start)
    start = _of_type(operand, str)
    return lambda value: isinstance(value, str) and value.startswith(start)


def _suffix(operand: Any) -> Test:
    if isinstance(operand, dict):
        end = _without_case(operand)
        return lambda value: isinstance(value, str) and value.casefold().endswith(end)
    end = _of_type(operand, str)
    return lambda value: isinstance(value, str) and value.endswith(end)


def _equals_ignore_case(operand: Any) -> Test:
    wanted = _of_type(operand, str).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _without_case(operand: Mapping[str, Any]) -> str:
    if operand.keys() != {"equals-ignore-case"}:
        raise InvalidPattern("only equals-ignore-case stands inside prefix and suffix")
    text: str = _of_type(operand["equals-ignore-case"], str)
    return text.casefold()


def _flat(value: Any) -> Iterator[Any]:
    """What is in an array and the arrays inside it; anything else is its only element."""
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _of_type(value: Any, wanted: type) -> Any:
    if type(value) is not wanted:
        raise InvalidPattern(f"{value!r} stands where a {wanted.__name__} belongs")
    return value


_TEXT_RULES: Final[Mapping[str, Callable[[Any], Test]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
}
_RULES: Final[Mapping[str, Callable[[Any], Test]]] = {
    **_TEXT_RULES,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}
