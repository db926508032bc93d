"""Update expressions against a plain model.

Random actions over random items, once through the text and the engine, once through an evaluator
that makes each change by itself on a copy, as slow and plain as it can be. Where an update is
refused, both refuse it, and with one action for the same reason.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ValidationException
from headwater.expressions import update
from headwater.expressions.bind import Placeholders
from headwater.values import item
from tests.model.test_expressions import items, numbers, scalars, sets, values

EXAMPLES = settings().max_examples
KEY = {"pk": {"S": "key"}}
SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")

Path = tuple[str | int, ...]
Value = dict[str, Any]


# --- updates: a section and its actions, each a path and a source (none for REMOVE)

paths: st.SearchStrategy[Path] = st.builds(
    lambda name, rest: (name, *rest),
    st.sampled_from("abcd"),
    st.one_of(
        st.just(()), st.just(()), st.lists(st.sampled_from(["k", "m", 0, 1, 5, 6]), max_size=2)
    ),
)
constants = st.builds(lambda value: ("value", value), values)
lists = st.builds(lambda all_: {"L": all_}, st.lists(scalars, max_size=2))
read = st.one_of(st.builds(lambda path: ("path", path), paths), constants)
some_numbers = st.builds(lambda text: ("value", {"N": text}), numbers)
some_lists = st.builds(lambda value: ("value", value), lists)
operands = st.one_of(
    read, st.builds(lambda path, other: ("if_not_exists", path, other), paths, read)
)
sources = st.one_of(
    operands,
    st.tuples(st.sampled_from("+-"), st.one_of(operands, some_numbers), some_numbers),
    st.tuples(st.sampled_from("+-"), some_numbers, operands),
    st.tuples(st.just("list_append"), operands, some_lists),
    st.tuples(st.just("list_append"), some_lists, operands),
)
some_sets = st.builds(lambda value: ("value", value), sets)
actions = st.one_of(
    st.tuples(st.just("SET"), paths, constants),
    st.tuples(st.just("SET"), paths, sources),
    st.tuples(st.just("REMOVE"), paths, st.none()),
    st.tuples(st.just("ADD"), paths, st.one_of(some_numbers, some_sets)),
    st.tuples(st.just("DELETE"), paths, some_sets),
    st.tuples(st.sampled_from(["ADD", "DELETE"]), paths, constants),
)
# Less often refused than any actions are.
apart = st.lists(actions, min_size=1, max_size=4, unique_by=lambda action: action[1][:2])
old_items = st.one_of(
    st.none(), items, st.builds(lambda found, value: {**found, "a": value}, items, lists)
)


class Writer:
    """Writes actions as an expression."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def write(self, chosen: list[tuple[str, Path, Any]]) -> str:
        clauses = []
        for section in SECTIONS:
            written = [self.action(*each) for each in chosen if each[0] == section]
            if written:
                clauses.append(f"{section} {', '.join(written)}")
        return " ".join(clauses)

    def action(self, section: str, path: Path, source: Any) -> str:
        if source is None:
            return self.path(path)
        sign = " = " if section == "SET" else " "
        return f"{self.path(path)}{sign}{self.source(source)}"

    def source(self, source: Any) -> str:
        kind, *rest = source
        if kind == "value":
            placeholder = f":v{len(self.values)}"
            self.values[placeholder] = rest[0]
            return placeholder
        if kind == "path":
            return self.path(rest[0])
        if kind == "if_not_exists":
            return f"if_not_exists({self.path(rest[0])}, {self.source(rest[1])})"
        left, right = (self.source(each) for each in rest)
        return (
            f"list_append({left}, {right})" if kind == "list_append" else f"{left} {kind} {right}"
        )

    def path(self, path: Path) -> str:
        written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return written[1:]


# --- the model


class RefusedError(Exception):
    """The update cannot be; the text begins as DynamoDB's does, after the expression's name."""


WRONG = "An operand in the update expression has an incorrect data type"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
INVALID = "The document path provided in the update expression is invalid for update"
OPERAND = "Incorrect operand type for operator or function; "


def kind_of(value: Value) -> str:
    (kind,) = value
    return kind


def check(chosen: list[tuple[str, Path, Any]]) -> None:
    """What can be said without an item."""
    for section, _, source in chosen:
        if section == "ADD" and kind_of(source[1]) not in ("N", "SS", "NS", "BS"):
            raise RefusedError(OPERAND)
        if section == "DELETE" and kind_of(source[1]) not in ("SS", "NS", "BS"):
            raise RefusedError(OPERAND)
        if section == "SET" and source[0] in ("+", "-", "list_append"):
            wanted = "L" if source[0] == "list_append" else "N"
            for kind, first, *_ in source[1:]:
                if kind == "value" and kind_of(first) != wanted:
                    raise RefusedError(OPERAND)
    for (_, one, _), (_, two, _) in combinations(chosen, 2):
        for here, there in zip(one, two, strict=False):
            if here != there:
                if type(here) is not type(there):
                    raise RefusedError("Two document paths conflict")
                break
        else:
            raise RefusedError("Two document paths overlap")


def at(path: Path, found: dict[str, Value]) -> Value | None:
    value: Value = {"M": found}
    for step in path:
        if isinstance(step, int):
            elements = value.get("L", [])
            if step >= len(elements):
                return None
            value = elements[step]
        else:
            if step not in value.get("M", {}):
                return None
            value = value["M"][step]
    return value


def computed(source: Any, old: dict[str, Value]) -> Value:
    kind, *rest = source
    if kind == "value":
        return dict(rest[0])
    if kind in ("path", "if_not_exists"):
        value = at(rest[0], old)
        if value is None and kind == "path":
            raise RefusedError(MISSING)
        return computed(rest[1], old) if value is None else value
    left, right = (computed(each, old) for each in rest)
    if kind == "list_append":
        if kind_of(left) != "L" or kind_of(right) != "L":
            raise RefusedError(WRONG)
        return {"L": left["L"] + right["L"]}
    if kind_of(left) != "N" or kind_of(right) != "N":
        raise RefusedError(WRONG)
    a, b = Decimal(left["N"]), Decimal(right["N"])
    return {"N": str(a + b if kind == "+" else a - b)}


def members(value: Value) -> list[str]:
    """A set's members, numbers in one form."""
    (kind,) = value
    if kind != "NS":
        return list(value[kind])
    return [str(Decimal(member).normalize() + 0) for member in value[kind]]  # + 0: no -0


def outcome(section: str, path: Path, source: Any, old: dict[str, Value]) -> Value | None:
    """What comes to the path; None if nothing is left there."""
    if section == "REMOVE":
        return None
    value, there = computed(source, old), at(path, old)
    if section == "SET":
        return value
    if there is None:
        return value if section == "ADD" else None
    kind = kind_of(value)
    if kind_of(there) != kind:
        raise RefusedError(WRONG)
    if kind == "N":
        return {"N": str(Decimal(there["N"]) + Decimal(value["N"]))}
    if section == "ADD":
        return {kind: sorted({*members(there), *members(value)})}
    left = [member for member in members(there) if member not in members(value)]
    return {kind: left} if left else None


GONE: Value = {"GONE": True}


def put(path: Path, value: Value | None, new: dict[str, Value], late: list[Any]) -> None:
    """Make one change. An element that goes leaves a mark, and one beyond the end comes later."""
    parent = at(path[:-1], new)
    step = path[-1]
    wanted = "L" if isinstance(step, int) else "M"
    if parent is None or wanted not in parent:
        raise RefusedError(INVALID)
    inside = parent[wanted]
    if not isinstance(step, int):
        if value is None:
            inside.pop(step, None)
        else:
            inside[step] = value
    elif step < len(inside):
        inside[step] = GONE if value is None else value
    elif value is not None:
        late.append((step, inside, value))


def without_marks(value: Value) -> Value:
    (kind,) = value
    if kind == "L":
        return {"L": [without_marks(each) for each in value["L"] if each is not GONE]}
    if kind == "M":
        return {"M": {name: without_marks(each) for name, each in value["M"].items()}}
    return value


def updated(
    chosen: list[tuple[str, Path, Any]], old: dict[str, Value] | None
) -> dict[str, Value] | None:
    check(chosen)
    found = old or {}
    changes = [(path, outcome(section, path, source, found)) for section, path, source in chosen]
    new: dict[str, Value] = copy.deepcopy(KEY if old is None else found)
    late: list[Any] = []
    for path, value in changes:
        put(path, copy.deepcopy(value), new, late)
    for _, inside, value in sorted(late, key=lambda each: each[0]):
        inside.append(value)
    if old is None and not any(section in ("SET", "ADD") for section, _, _ in chosen):
        return None
    whole: dict[str, Value] = without_marks({"M": new})["M"]
    return whole


@settings(max_examples=10 * EXAMPLES)
@given(old_items, st.one_of(apart, st.lists(actions, min_size=1, max_size=4)))
def test_an_update_makes_of_an_item_what_the_model_makes(old, chosen):
    check_update(old, chosen)


def check_update(old: dict[str, Value] | None, chosen: list[tuple[str, Path, Any]]) -> None:
    writer = Writer()
    chosen = sorted(chosen, key=lambda action: SECTIONS.index(action[0]))
    text = writer.write(chosen)
    expected: Any
    try:
        model = updated(chosen, old)
        expected = None if model is None else item.normalise(model)
    except RefusedError as error:
        expected = error

    got: Any
    try:
        placeholders = Placeholders(None, writer.values or None)
        bound = update.parse(text, placeholders)
        canonical = None if old is None else item.normalise(copy.deepcopy(old))[0]
        new = bound.apply(canonical, KEY).item
        got = None if new is None else item.normalise(new)
    except ValidationException as error:
        got = error

    if isinstance(expected, RefusedError):
        assert isinstance(got, ValidationException), (text, expected, got)
        reason = str(got).removeprefix("Invalid UpdateExpression: ")
        assert len(chosen) > 1 or reason.startswith(str(expected)), text
    else:
        assert got == expected, text
