"""Actions of a bulk request, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.limits import search_id_bytes_max
from headwater.sinks.kind import Rejected
from headwater.sinks.search_bulk import (
    Action,
    Fate,
    actions,
    document_id,
    fate,
    leading,
    outcome,
    reason,
)
from headwater.values.item import Item
from tests.sink_writing import change

ACTIONS = [Action(index, b"x" * size) for index, size in enumerate([10, 20, 30])]


def test_action_bears_the_version_of_its_change() -> None:
    made = actions(("k",), [change("a", 7, "x"), change("b", 8, None)])

    assert [action.index for action in made] == [0, 1]
    lines = [json.loads(line) for action in made for line in action.lines.splitlines()]
    assert lines == [
        {"index": {"_id": "a", "version": 7, "version_type": "external_gte"}},
        {"k": "a", "v": "x"},
        {"delete": {"_id": "b", "version": 8, "version_type": "external_gte"}},
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"p": {"S": "a"}, "s": {"N": "-1.50"}}, "a|-1.5"),
        ({"p": {"S": "a"}, "s": {"N": "12345678901234567890"}}, "a|12345678901234567890"),
        ({"p": {"S": "a|b"}, "s": {"B": "AAE="}}, "a%7Cb|AAE="),
        ({"p": {"S": "a%7Cb"}, "s": {"S": "ä ~"}}, "a%257Cb|ä %7E"),
    ],
)
def test_id_is_the_key_in_the_order_of_its_names(key: Item, expected: str) -> None:
    assert document_id(("p", "s"), dict(reversed(key.items()))) == expected


def test_id_of_a_long_key_is_a_digest_that_no_other_key_has() -> None:
    longest = "x" * search_id_bytes_max
    assert document_id(("p",), {"p": {"S": longest}}) == longest

    made = document_id(("p",), {"p": {"S": longest + "x"}})

    assert made.startswith("~")
    assert len(made) == 65
    assert document_id(("p",), {"p": {"S": made}}) != made
    assert document_id(("p",), {"p": {"S": longest + "y"}}) != made
    assert document_id(("p",), {"p": {"S": "ä" * 257}}).startswith("~")


@pytest.mark.parametrize(("bytes_max", "count"), [(5, 1), (10, 1), (29, 1), (30, 2), (60, 3)])
def test_requests_are_as_large_as_they_may_be(bytes_max: int, count: int) -> None:
    assert leading(ACTIONS, bytes_max) == count


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (200, None, Fate.DONE),
        (201, None, Fate.DONE),
        (404, None, Fate.DONE),
        (409, "version_conflict_engine_exception", Fate.DONE),
        (400, "mapper_parsing_exception", Fate.REFUSED),
        (400, "document_parsing_exception", Fate.REFUSED),
        (400, "strict_dynamic_mapping_exception", Fate.REFUSED),
        (400, "illegal_argument_exception", Fate.REFUSED),
        (429, "es_rejected_execution_exception", Fate.BUSY),
        (429, "circuit_breaking_exception", Fate.BUSY),
        (503, "unavailable_shards_exception", Fate.BUSY),
        (500, "i_o_exception", Fate.BUSY),
        (403, "cluster_block_exception", Fate.BUSY),
        (403, "security_exception", Fate.HOPELESS),
        (400, "index_closed_exception", Fate.HOPELESS),
        (404, "index_not_found_exception", Fate.HOPELESS),
    ],
)
def test_fate_of_an_action(status: int, kind: str | None, expected: Fate) -> None:
    error = None if kind is None else {"type": kind, "reason": "so"}

    assert fate(status, error) is expected


def test_outcome_tells_each_by_its_place_in_the_batch() -> None:
    def item(status: int, kind: str | None = None) -> dict[str, Any]:
        error = {} if kind is None else {"error": {"type": kind, "reason": "so"}}
        return {"index": {"status": status, **error}}

    answer = [item(400, "mapper_parsing_exception"), item(429, "full"), item(200)]

    found = outcome(ACTIONS[::-1], answer)

    assert found.rejected == [Rejected(2, "mapper_parsing_exception: so")]
    assert found.busy == [ACTIONS[1]]
    assert (found.busy_reason, found.hopeless_reason) == ("full: so", "")


def test_reason_tells_what_caused_it_and_not_without_end() -> None:
    cause = {"type": "illegal_argument_exception", "reason": "no number"}
    error = {"type": "mapper_parsing_exception", "reason": "v", "caused_by": cause}

    assert reason(error) == "mapper_parsing_exception: v; illegal_argument_exception: no number"
    assert reason("plain") == "plain"
    assert len(reason("x" * 1000)) == 500
