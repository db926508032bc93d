"""PartiQL against plain models.

A SELECT is planned by what its WHERE says of keys; whatever the plan, its pages must hold what a
Scan gives that is filtered by the same condition. And any text is a statement or is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headwater.errors import ServiceError, ValidationException
from headwater.expressions.partiql import parser
from tests.item_store import ItemStore, new_index, new_table

PARTITIONS = ["a", "b", "c"]
SORTS = ["", "x", "xy", "y"]
# What follows an operator on each attribute, so that types fit.
OPERANDS = {"pk": PARTITIONS, "sk": SORTS[1:], "g": PARTITIONS}

strings = st.sampled_from(["pk", "sk", "g"]).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(OPERANDS[name]))
)
leaves = st.one_of(
    st.builds(
        lambda pair, operator: f"{pair[0]} {operator} '{pair[1]}'",
        strings,
        st.sampled_from(["=", "=", "=", "<", "<=", ">", ">=", "<>"]),
    ),
    st.builds(
        lambda name, chosen: f"{name} IN ({', '.join(map(repr, chosen))})",
        st.sampled_from(["pk", "g"]),
        st.lists(st.sampled_from(PARTITIONS), min_size=1, max_size=3),
    ),
    st.builds(lambda pair: f"begins_with({pair[0]}, '{pair[1]}')", strings),
    st.builds(
        lambda pair: f"sk BETWEEN '{min(pair)}' AND '{max(pair)}'",
        st.tuples(st.sampled_from(SORTS[1:]), st.sampled_from(SORTS[1:])),
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one, two: f"({one}) AND ({two})", inner, inner),
        st.builds(lambda one, two: f"({one}) OR ({two})", inner, inner),
        st.builds(lambda one: f"NOT ({one})", inner),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def filled() -> Iterator[ItemStore]:
    """A table of every key, some of its items in an index too."""
    with ItemStore().running() as store:
        index = new_index("ByG", "g sk")
        store.add_table(new_table("Keys", keys="pk sk", indexes=[index]))
        for number, (pk, sk) in enumerate((pk, sk) for pk in PARTITIONS for sk in SORTS[1:]):
            item = {"pk": {"S": pk}, "sk": {"S": sk}}
            if number % 4:
                item["g"] = {"S": PARTITIONS[number % 3]}
            store.call("PutItem", TableName="Keys", Item=item)
        yield store


def scanned(store: ItemStore, condition: str, index: str | None) -> list[Any]:
    """What a Scan gives; quoted strings become placeholders."""
    parts = condition.split("'")
    literals, text = parts[1::2], parts[0]
    for number, rest in enumerate(parts[2::2]):
        text += f":v{number}" + rest
    request: dict[str, Any] = {
        "TableName": "Keys",
        "FilterExpression": text,
        "ExpressionAttributeValues": {
            f":v{number}": {"S": literal} for number, literal in enumerate(literals)
        },
    }
    if index is not None:
        request["IndexName"] = index
    items: list[Any] = store.call("Scan", **request)["Items"]
    return items


def selected(store: ItemStore, condition: str, index: str | None, limit: int | None) -> list[Any]:
    """What a SELECT gives, page by page."""
    source = "Keys" if index is None else f'"Keys"."{index}"'
    request: dict[str, Any] = {"Statement": f"SELECT * FROM {source} WHERE {condition}"}
    if limit is not None:
        request["Limit"] = limit
    items: list[Any] = []
    while True:
        answer = store.call("ExecuteStatement", **request)
        items += answer["Items"]
        if "NextToken" not in answer:
            return items
        request["NextToken"] = answer["NextToken"]


@given(conditions, st.sampled_from([None, "ByG"]), st.sampled_from([None, 1, 2, 5]))
@example("pk = 'a' AND sk = 'x'", None, 1)
@example("pk IN ('c', 'a') AND sk = 'x'", None, 1)
@example("(pk = 'a' AND sk = 'x') OR (pk = 'b')", None, 2)
def test_select_gives_what_a_filtered_scan_gives(
    filled: ItemStore, condition: str, index: str | None, limit: int | None
) -> None:
    try:
        expected = scanned(filled, condition, index)
    except ValidationException:  # redundant parentheses and the like
        return

    found = selected(filled, condition, index, limit)

    assert sorted(map(str, found)) == sorted(map(str, expected))


WORDS = (
    "SELECT FROM WHERE UPDATE SET REMOVE INSERT INTO VALUE DELETE RETURNING ALL OLD * EXISTS ORDER "
    "BY AND OR NOT IN IS MISSING NULL BETWEEN a t \"q\" 's' 1 -2 ? ( ) [ ] { } << >> , . : ; = <> "
    "!= < >= + - contains( size( set_add( list_append( #"
)


@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=20).map(" ".join))
def test_any_words_are_taken_or_refused(text: str) -> None:
    with contextlib.suppress(ServiceError):
        parser.parse(text)


@given(st.text(max_size=60), st.sampled_from(["", "SELECT * FROM t WHERE a = ", "UPDATE t SET "]))
def test_any_text_is_taken_or_refused(text: str, start: str) -> None:
    with contextlib.suppress(ServiceError):
        parser.parse(start + text)
