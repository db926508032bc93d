"""Compiled filters against a plain reading of the same pattern, over random records."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from headwater.consumers.filter import InvalidPattern, RecordFilter

NAMES = st.sampled_from(["a", "b"])
texts = st.sampled_from(["", "x", "X", "xy", "Xy", "yx"])
numbers = st.sampled_from([0, 1, 1.0, 2.5, -3])
scalars = st.one_of(texts, numbers, st.booleans(), st.none())

records = st.recursive(
    st.dictionaries(NAMES, scalars, max_size=3),
    lambda inner: st.dictionaries(
        NAMES,
        st.one_of(inner, scalars, st.lists(inner), st.lists(st.one_of(scalars, st.lists(scalars)))),
        max_size=2,
    ),
    max_leaves=12,
)


def rule(operator: str, operand: Any) -> dict[str, Any]:
    return {operator: operand}


comparisons = st.sampled_from(["=", "<", "<=", ">", ">="])
text_rules = st.builds(rule, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), texts)
rules = st.one_of(
    scalars,
    text_rules,
    st.builds(
        lambda end, text: {end: {"equals-ignore-case": text}},
        st.sampled_from(["prefix", "suffix"]),
        texts,
    ),
    st.builds(rule, st.just("exists"), st.booleans()),
    st.builds(
        rule,
        st.just("anything-but"),
        st.one_of(
            texts,
            numbers,
            st.lists(texts, min_size=1),
            st.lists(numbers, min_size=1),
            text_rules,
        ),
    ),
    st.builds(lambda sign, bound: {"numeric": [sign, bound]}, comparisons, numbers),
    st.just({"numeric": [">", 0, "<=", 2.5]}),
)
leaves = st.lists(rules, min_size=1, max_size=3)
patterns = st.recursive(
    st.dictionaries(NAMES, leaves, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, st.one_of(inner, leaves), min_size=1, max_size=2),
        st.builds(
            lambda base, choices: {**base, "$or": choices},
            inner,
            st.lists(inner, min_size=1, max_size=2),
        ),
    ),
    max_leaves=6,
)


@st.composite
def patterns_near(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    """Patterns of a record's own form, which have a chance to match it."""
    pattern: dict[str, Any] = {}
    for name, value in record.items():
        inner = [each for each in spread(value) if isinstance(each, dict) and each]
        found = [each for each in spread(value) if not isinstance(each, dict)]
        if inner:
            pattern[name] = draw(patterns_near(draw(st.sampled_from(inner))))
        elif draw(st.booleans()) and found:
            pattern[name] = [draw(st.sampled_from(found))]
        else:
            pattern[name] = draw(leaves)
    return pattern


def pairs() -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    near = records.filter(bool).flatmap(
        lambda record: st.tuples(patterns_near(record), st.just(record))
    )
    return st.one_of(near, st.tuples(patterns, records))


def spread(value: Any) -> list[Any]:
    """What stands in arrays, however deep."""
    if isinstance(value, list):
        return list(itertools.chain.from_iterable(spread(each) for each in value))
    return [value]


def object_holds(pattern: dict[str, Any], values: list[Any]) -> bool:
    candidates = [value for value in values if isinstance(value, dict)] or [{}]
    return any(fields_hold(pattern, fields) for fields in candidates)


def fields_hold(pattern: dict[str, Any], fields: dict[str, Any]) -> bool:
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(fields_hold(choice, fields) for choice in wanted):
                return False
            continue
        values = spread(fields[name]) if name in fields else []
        if isinstance(wanted, dict):
            if not object_holds(wanted, values):
                return False
        else:
            found = [value for value in values if not isinstance(value, dict)]
            if not any(rule_holds(each, found) for each in wanted):
                return False
    return True


def rule_holds(wanted: Any, found: list[Any]) -> bool:
    if isinstance(wanted, dict) and "exists" in wanted:
        return bool(found) is wanted["exists"]
    return any(value_holds(wanted, value) for value in found)


def value_holds(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        is_number = type(value) in (int, float) and type(wanted) in (int, float)
        return (is_number or type(value) is type(wanted)) and value == wanted
    ((operator, operand),) = wanted.items()
    if operator == "anything-but":
        unwanted = operand if isinstance(operand, list) else [operand]
        return not any(value_holds(each, value) for each in unwanted)
    if operator == "numeric":
        if type(value) not in (int, float):
            return False
        # The comparisons are Python's own, but for equality.
        signs = ["==" if sign == "=" else sign for sign in operand[::2]]
        return all(
            eval(f"{value!r} {sign} {bound!r}")
            for sign, bound in zip(signs, operand[1::2], strict=True)
        )
    if not isinstance(value, str):
        return False
    if isinstance(operand, dict):
        operand = operand["equals-ignore-case"].lower()
        value = value.lower()
    if operator == "prefix":
        return bool(value[: len(operand)] == operand)
    if operator == "suffix":
        return bool(value[max(0, len(value) - len(operand)) :] == operand)
    return bool(value.lower() == operand.lower())


@given(pairs())
def test_a_compiled_filter_reads_a_pattern_as_plainly_as_it_is_written(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    pattern, record = pair
    compiled = RecordFilter([orjson.dumps(pattern).decode()])

    assert compiled.matches(record) is object_holds(pattern, [record])


@given(st.text(max_size=60) | st.builds(lambda tree: orjson.dumps(tree).decode(), records))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        RecordFilter([text])
    except InvalidPattern:
        return
    assert isinstance(orjson.loads(text), dict)
