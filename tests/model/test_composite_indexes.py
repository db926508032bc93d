"""Queries of an index with keys of several attributes, against a sorted, filtered list."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.item_store import ItemStore, new_index, new_table

INDEX = new_index("Index", "a+b c+d", types={"b": "N", "c": "N"})
TEXTS = st.text("a\x00\xff", min_size=1, max_size=3).map(lambda text: {"S": text})
NUMBERS = st.integers(-12, 12).map(lambda number: {"N": str(number)})
KEYS = st.fixed_dictionaries({}, optional={"a": TEXTS, "b": NUMBERS, "c": NUMBERS, "d": TEXTS})


def number(value: dict[str, str]) -> int:
    return int(value["N"])


def order(item: dict[str, Any]) -> tuple[int, bytes]:
    return number(item["c"]), item["d"]["S"].encode()


@given(st.lists(KEYS, max_size=12), st.lists(KEYS, max_size=12), TEXTS, NUMBERS, NUMBERS, TEXTS)
def test_a_query_finds_what_matches_in_order(
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    a: dict[str, str],
    b: dict[str, str],
    c: dict[str, str],
    d: dict[str, str],
) -> None:
    stored: dict[int, dict[str, Any]] = {}
    with ItemStore().running() as store:
        store.add_table(new_table(keys="pk", indexes=[INDEX]))
        for written in (first, second):  # the second over the first, so that entries move
            for at, drawn in enumerate(written):
                stored[at] = {"a": a, "b": b, **drawn, "pk": {"S": str(at)}}
                store.call("PutItem", TableName="Music", Item=stored[at])

        def query(condition: str, **values: Any) -> list[dict[str, Any]]:
            answer = store.call(
                "Query",
                TableName="Music",
                IndexName="Index",
                KeyConditionExpression=f"a = :a AND b = :b{condition}",
                ExpressionAttributeValues={":a": a, ":b": b, **values},
            )
            items: list[dict[str, Any]] = answer["Items"]
            return items

        found = query("")
        above = query(" AND c > :c", **{":c": c})
        below = query(" AND c = :c AND d <= :d", **{":c": c, ":d": d})

    entries = [item for item in stored.values() if item["a"] == a and item["b"] == b]
    entries = [item for item in entries if "c" in item and "d" in item]
    assert [order(item) for item in found] == sorted(map(order, entries))
    assert {item["pk"]["S"] for item in found} == {item["pk"]["S"] for item in entries}
    assert above == [item for item in found if number(item["c"]) > number(c)]
    assert below == [
        item for item in found if item["c"] == c and item["d"]["S"].encode() <= d["S"].encode()
    ]
