"""Projections against a plain model, which copies an item and leaves out what no path leads to."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ValidationException
from headwater.expressions import projection
from headwater.expressions.bind import Placeholders
from headwater.values import item
from tests.model.test_expressions import items

EXAMPLES = settings().max_examples
Path = tuple[str | int, ...]
ALIASES = {"#a": "a", "#k": "k"}

# Elements in any order and of any number, so that lists close up; the last often leads nowhere.
paths: st.SearchStrategy[Path] = st.builds(
    lambda name, rest: (name, *rest),
    st.sampled_from(["a", "b", "c", "d", "absent"]),
    st.lists(st.sampled_from(["k", "m", 0, 1, 2, 7]), max_size=3),
)
# Values deep enough that paths lead into them.
deep: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.sampled_from([{"S": "x"}, {"N": "1"}, {"NULL": True}, {"SS": ["a"]}]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda elements: {"L": elements}),
        st.dictionaries(st.sampled_from(["k", "m"]), inner, max_size=2).map(
            lambda members: {"M": members}
        ),
    ),
    max_leaves=12,
)
deep_items = st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", deep))


def written(path: Path, *, is_aliased: bool) -> str:
    aliases = {full: alias for alias, full in ALIASES.items()} if is_aliased else {}
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{aliases.get(step, step)}" for step in path
    )[1:]


def kept(value: dict[str, Any], wanted: list[Path]) -> dict[str, Any] | None:
    """What of a value is at these paths; None for nothing."""
    if () in wanted:
        return value
    ((kind, inner),) = value.items()
    if kind == "M":
        members = {name: kept(each, led(wanted, name)) for name, each in inner.items()}
        members = {name: each for name, each in members.items() if each is not None}
        return {"M": members} if members else None
    if kind == "L":
        elements = [kept(each, led(wanted, index)) for index, each in enumerate(inner)]
        elements = [each for each in elements if each is not None]
        return {"L": elements} if elements else None
    return None


def led(wanted: list[Path], step: str | int) -> list[Path]:
    return [path[1:] for path in wanted if path and path[0] == step]


def clash(wanted: list[Path]) -> str | None:
    """What is wrong with two paths, as a pattern: one within the other, or steps of two kinds."""
    found = set()
    for one, two in combinations(wanted, 2):
        for here, there in zip(one, two, strict=False):
            if here != there:
                if type(here) is not type(there):
                    found.add("conflict")
                break
        else:
            found.add("overlap")
    return "|".join(sorted(found)) or None


@settings(max_examples=10 * EXAMPLES)
@given(st.one_of(items, deep_items), st.lists(paths, min_size=1, max_size=4), st.booleans())
def test_a_projection_keeps_of_an_item_what_the_model_keeps(
    found: dict[str, Any], wanted: list[Path], is_aliased: bool
) -> None:
    check_projection(found, wanted, is_aliased=is_aliased)


def check_projection(found: dict[str, Any], wanted: list[Path], *, is_aliased: bool) -> None:
    text = ", ".join(written(path, is_aliased=is_aliased) for path in wanted)
    placeholders = Placeholders(ALIASES, None)
    refusal = clash(wanted)
    canonical = item.normalise(found)[0]

    if refusal is not None:
        with pytest.raises(ValidationException, match=refusal):
            projection.parse(text, placeholders)
        return
    got = projection.parse(text, placeholders).apply(canonical)

    model = kept({"M": canonical}, wanted)
    assert got == (model["M"] if model else {}), text
