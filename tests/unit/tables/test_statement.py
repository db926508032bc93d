from __future__ import annotations

import pytest

from headwater.expressions.partiql.literals import Values
from headwater.expressions.partiql.parser import parse
from headwater.expressions.partiql.syntax import Select
from headwater.expressions.syntax import Comparison, PathNode
from headwater.tables import read
from headwater.tables.statement import ReadPlan, full_key, read_plan
from tests.item_store import new_index, new_table

TABLE = new_table(indexes=[new_index("ByYear", "year", types={"year": "N"})])


def plan(clauses: str, index: str | None = None) -> ReadPlan:
    source = "Music" if index is None else f'"Music"."{index}"'
    statement = parse(f"SELECT * FROM {source} {clauses}")
    assert isinstance(statement.body, Select)
    return read_plan(statement.body, read.source(TABLE, index), Values(statement, ()))


def compared(node: object) -> str | int | None:
    """The first name of the path that a comparison is about."""
    assert isinstance(node, Comparison)
    assert isinstance(node.left, PathNode)
    return node.left.steps[0]


@pytest.mark.parametrize(
    "clauses",
    [
        "",
        "WHERE song = 'a'",
        "WHERE artist > 'a'",
        "WHERE artist <> 'a'",
        "WHERE artist = song",
        "WHERE artist = 'a' OR year = 1",
        "WHERE artist IN ['a', song]",
        "WHERE NOT artist = 'a'",
        "WHERE artist.name = 'a'",
        "WHERE begins_with(artist, 'a')",
    ],
)
def test_scan_where_no_partition_is_fixed(clauses: str) -> None:
    found = plan(clauses)

    assert found.stretches == (read.segment_stretch(read.source(TABLE, None), 0, 1),)
    assert (found.filter is None) == (clauses == "")
    assert not found.is_of_items


@pytest.mark.parametrize(
    ("clauses", "count"),
    [
        ("WHERE artist = 'a'", 1),
        ("WHERE artist IN ['a', 'b', 'a']", 2),
        ("WHERE artist = 'a' OR artist IN ['b', 'c']", 3),
    ],
)
def test_partitions_that_are_fixed_need_no_filter(clauses: str, count: int) -> None:
    found = plan(clauses)

    assert len(found.stretches) == count
    assert found.filter is None


def test_range_of_sort_keys_needs_no_filter() -> None:
    found = plan("WHERE song >= 'a' AND artist = 'a' AND song < 'c'")

    assert compared(found.filter) == "song"
    assert found.stretches[0] != plan("WHERE artist = 'a'").stretches[0]


def test_alternatives_about_more_than_partitions_stay_a_filter() -> None:
    where = "WHERE artist = 'a' AND song = 'x' OR artist = 'b'"

    found = plan(where)

    assert len(found.stretches) == 2
    assert found.filter is not None


def test_whole_keys_are_single_items() -> None:
    assert plan("WHERE artist IN ['a', 'b'] AND song = 'x'").is_of_items
    assert not plan("WHERE artist = 'a' AND song > 'x'").is_of_items
    assert not plan("WHERE year = 1", "ByYear").is_of_items


def test_order_turns_partitions_and_sort_keys() -> None:
    ascending = plan("WHERE artist IN ['b', 'a'] ORDER BY artist")
    descending = plan("WHERE artist IN ['a', 'b'] ORDER BY artist DESC, song DESC")

    assert [stretch.reverse for stretch in descending.stretches] == [True, True]
    assert [stretch.start for stretch in ascending.stretches] == [
        stretch.start for stretch in reversed(descending.stretches)
    ]


def test_what_is_left_after_a_position() -> None:
    found = plan("WHERE artist IN ['a', 'b']")
    position = found.stretches[0].start

    assert found.after(position) == (found.stretches[0].after(position), found.stretches[1])
    assert found.after(b"elsewhere") is None


def test_nothing_is_left_after_the_last_item() -> None:
    found = plan("WHERE artist = 'a' AND song = 'x'")

    assert found.after(found.stretches[0].start) == ()


@pytest.mark.parametrize(
    ("where", "rest"),
    [
        ("artist = 'a' AND song = 'b'", None),
        ("(year = 1 AND song = 'b') AND 'a' = artist", "year"),
        ("artist = 'a' AND song = 'b' AND song = 'c'", "song"),
    ],
)
def test_key_and_what_else_is_asked(where: str, rest: str | None) -> None:
    statement = parse(f"SELECT * FROM Music WHERE {where}")
    assert isinstance(statement.body, Select)

    found = full_key(statement.body.where, TABLE.keys, Values(statement, ()))

    assert found is not None
    key, condition = found
    assert key == {"artist": {"S": "a"}, "song": {"S": "b"}}
    assert (None if condition is None else compared(condition)) == rest


@pytest.mark.parametrize("where", ["artist = 'a'", "artist = 'a' AND song > 'b'"])
def test_no_key(where: str) -> None:
    statement = parse(f"SELECT * FROM Music WHERE {where}")
    assert isinstance(statement.body, Select)

    assert full_key(statement.body.where, TABLE.keys, Values(statement, ())) is None
