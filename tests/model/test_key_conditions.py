"""Key conditions against a sorted, filtered list, through Query: every type of sort key, pages."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ValidationException
from tests.item_store import ItemStore, new_table

EXAMPLES = settings().max_examples
HELD: dict[str, list[str]] = {
    "S": ["a", "a\x00", "a\x00b", "aa", "ab", "b", "é", "\uffff", "\U00010000"],
    "N": ["-1e125", "-10", "-9", "-0.1", "0", "1e-130", "0.5", "9", "10", "100", "1e125"],
    "B": [
        b64encode(raw).decode()
        for raw in (
            b"\x00",
            b"\x00\x00",
            b"\x00\xff",
            b"\x01",
            b"\x7f",
            b"\x80",
            b"\xff",
            b"\xff\xff",
        )
    ],
}
# What is asked for is held, or lies between, before or behind it.
ASKED = {
    "S": [*HELD["S"], "A", "a\x00a", "z", "\U0010ffff"],
    "N": [*HELD["N"], "-2e124", "1e0", "10.0", "99.999"],
    "B": [*HELD["B"], b64encode(b"\x00\x01").decode(), b64encode(b"\xfe").decode()],
}
OPERATORS = ("=", "<", "<=", ">", ">=")
FORMS = ("pk = :p AND {}", "{} AND pk = :p", "(pk = :p) AND ({})")

kinds = st.sampled_from(sorted(HELD))
wanted = kinds.flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.one_of(
            st.just(None),
            st.tuples(st.sampled_from(OPERATORS), st.sampled_from(ASKED[kind])),
            st.tuples(
                st.just("BETWEEN"), st.sampled_from(ASKED[kind]), st.sampled_from(ASKED[kind])
            ),
            st.tuples(st.just("begins_with"), st.sampled_from(ASKED[kind])),
        ),
    )
)


def plain(kind: str, text: str) -> Any:
    match kind:
        case "S":
            return text.encode()
        case "N":
            return Decimal(text)
    return b64decode(text)


@pytest.fixture(scope="module")
def filled() -> Iterator[ItemStore]:
    with filled_store() as store:
        yield store


@contextmanager
def filled_store() -> Iterator[ItemStore]:
    """A table for each type of sort key, each with two partitions."""
    with ItemStore().running() as store:
        for number, (kind, held) in enumerate(HELD.items(), 1):
            types = {"sk": kind}
            store.add_table(new_table(kind * 3, keys="pk sk", types=types, number=number))
            for pk in "xy":
                for text in held:
                    item = {"pk": {"S": pk}, "sk": {kind: text}}
                    store.call("PutItem", TableName=kind * 3, Item=item)
        yield store


def matches(held: Any, condition: tuple[str, ...] | None, kind: str) -> bool:
    if condition is None:
        return True
    operator, *texts = condition
    first, *second = (plain(kind, text) for text in texts)
    if operator == "BETWEEN":
        return bool(first <= held <= second[0])
    if operator == "begins_with":
        return bool(held.startswith(first))
    return bool(
        {
            "=": held == first,
            "<": held < first,
            "<=": held <= first,
            ">": held > first,
            ">=": held >= first,
        }[operator]
    )


def is_refused(condition: tuple[str, ...] | None, kind: str) -> bool:
    if condition is None:
        return False
    operator, *texts = condition
    if operator == "begins_with":
        return kind == "N"
    return operator == "BETWEEN" and plain(kind, texts[0]) > plain(kind, texts[1])


@settings(max_examples=10 * EXAMPLES)
@given(wanted, st.sampled_from(FORMS), st.booleans(), st.sampled_from([None, 1, 3]))
def test_a_query_finds_what_the_model_finds(
    filled: ItemStore,
    wanted: tuple[str, tuple[str, ...] | None],
    form: str,
    is_forward: bool,
    limit: int | None,
) -> None:
    check_query(filled, wanted, form, {"ScanIndexForward": is_forward, "Limit": limit})


def check_query(
    filled: ItemStore,
    wanted: tuple[str, tuple[str, ...] | None],
    form: str,
    options: dict[str, Any],
) -> None:
    """options: of the Query; None is left out."""
    kind, condition = wanted
    request: dict[str, Any] = {
        "TableName": kind * 3,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "x"}},
        **{name: value for name, value in options.items() if value is not None},
    }
    if condition is not None:
        operator, *texts = condition
        values = {f":v{number}": {kind: text} for number, text in enumerate(texts)}
        text = {
            "BETWEEN": "sk BETWEEN :v0 AND :v1",
            "begins_with": "begins_with(sk, :v0)",
        }.get(operator, f"sk {operator} :v0")
        request["KeyConditionExpression"] = form.format(text)
        request["ExpressionAttributeValues"] |= values

    if is_refused(condition, kind):
        with pytest.raises(ValidationException):
            filled.call("Query", **request)
        return
    found = all_pages(filled, request)

    expected = sorted(each for each in (plain(kind, text) for text in HELD[kind]))
    expected = [each for each in expected if matches(each, condition, kind)]
    assert found == (expected if options["ScanIndexForward"] else expected[::-1])


def all_pages(store: ItemStore, request: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    while True:
        answer = store.call("Query", **request)
        for item in answer["Items"]:
            assert item["pk"] == {"S": "x"}
            ((kind, text),) = item["sk"].items()
            found.append(plain(kind, text))
        if "LastEvaluatedKey" not in answer:
            return found
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
