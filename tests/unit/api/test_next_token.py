from __future__ import annotations

from typing import Any

import pytest

from tests.item_store import ItemStore
from tests.unit.api.music import add_music, names
from tests.unit.api.partiql import OF_A, refusal, run


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def walk(store: ItemStore, statement: str, limit: int | None, **more: Any) -> list[list[str]]:
    """The songs of every page until there is no token."""
    if limit is not None:
        more["Limit"] = limit
    pages = []
    while True:
        answer = run(store, statement, **more)
        pages.append(names(answer))
        assert ("NextToken" in answer) == ("LastEvaluatedKey" in answer)
        if "NextToken" not in answer:
            return pages
        more["NextToken"] = answer["NextToken"]


@pytest.mark.parametrize(
    ("statement", "limit", "expected"),
    [
        ("SELECT * FROM Music WHERE artist = 'Nina'", 3, [["a", "ab", "b"], ["c"]]),
        ("SELECT * FROM Music WHERE artist = 'Nina'", 2, [["a", "ab"], ["b", "c"], []]),
        (
            "SELECT * FROM Music WHERE artist = 'Nina' ORDER BY song DESC",
            3,
            [["c", "b", "ab"], ["a"]],
        ),
        ("SELECT * FROM Music WHERE artist = 'Nina' AND genre = 'soul'", 2, [[], ["b"], []]),
        (f"SELECT * FROM Music WHERE {OF_A}", 1, [["a"]]),
        (
            "SELECT * FROM Music WHERE artist IN ['Miles', 'Nina']",
            3,
            [["z", "a", "ab"], ["b", "c"]],
        ),
        (
            "SELECT * FROM Music WHERE artist IN ['Miles', 'X', 'Nina'] AND song IN ['z', 'c']",
            2,
            [["z"], [], ["c"]],
        ),
        (
            "SELECT * FROM Music WHERE artist IN ['Billie', 'X', 'Nina'] AND song = 'a'",
            1,
            [["a"], ["a"]],
        ),
        (
            """SELECT song FROM "Music"."ByGenre" WHERE genre = 'jazz' ORDER BY year DESC""",
            2,
            [["c", "ab"], ["a", "z"], ["a"]],
        ),
    ],
)
def test_pages_follow_each_other(
    store: ItemStore, statement: str, limit: int, expected: list[list[str]]
) -> None:
    assert walk(store, statement, limit) == expected


def test_page_of_several_partitions_holds_ten_items(store: ItemStore) -> None:
    for number in range(12):
        run(store, f"INSERT INTO Music VALUE {{'artist': 'X', 'song': '{number:02}'}}")

    pages = walk(store, "SELECT * FROM Music WHERE artist IN ['X', 'Miles']", None)

    assert list(map(len, pages)) == [10, 3]


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT song FROM Music WHERE artist = ?", [{"S": "Nina"}]),
        ("SELECT * FROM Music WHERE artist = ?", [{"S": "Miles"}]),
    ],
)
def test_token_belongs_to_its_statement_and_parameters(
    store: ItemStore, statement: str, parameters: list[Any]
) -> None:
    first = run(store, "SELECT * FROM Music WHERE artist = ?", {"S": "Nina"}, Limit=1)

    message = refusal(store, statement, *parameters, NextToken=first["NextToken"])

    assert message == "NextToken does not match request"


@pytest.mark.parametrize("token", ["x", "é", "AAAA", "AQ==" * 20])
def test_token_that_is_none_is_refused(store: ItemStore, token: str) -> None:
    assert refusal(store, "SELECT * FROM Music", NextToken=token) in (
        "Invalid NextToken",
        "NextToken does not match request",
    )
