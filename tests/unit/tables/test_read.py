from __future__ import annotations

import itertools
from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.expressions.key_condition import KeyCondition, SortRange
from headwater.tables import index as indexes
from headwater.tables import keys, read
from headwater.tables.read import Source, Stretch
from headwater.values.order import HASH_BYTES
from tests.item_store import new_index, new_table

LOCAL = new_index("ByYear", "artist year", is_global=False, types={"year": "N"})
TABLE = new_table(indexes=[LOCAL, new_index("ByGenre", "genre")])
PLACE = read.source(TABLE, None)
VALUES = ["\x00", "\x00\x00", "a", "a\x00", "a\x00\x00", "a\x01", "ab", "b", "é", "\U0001f600"]


def item(name: str, artist: str = "Nina") -> dict[str, Any]:
    return {"artist": {"S": artist}, "song": {"S": name}, "year": {"N": "1965"}}


def stored(name: str, artist: str = "Nina") -> bytes:
    key = item(name, artist)
    del key["year"]
    return keys.of_key(TABLE, key).stored


def stretch(operator: str, *bounds: str) -> Stretch:
    wanted = SortRange(operator, tuple({"S": bound} for bound in bounds))
    return read.query_stretch(PLACE, KeyCondition(({"S": "Nina"},), (wanted,)), reverse=False)


def entry_key(place: Source, of: dict[str, Any]) -> bytes:
    assert place.index is not None
    own = keys.of_item(TABLE, of).stored
    base = own[len(TABLE.items_prefix) + HASH_BYTES :]
    found = indexes.entry(TABLE, place.index, base, of)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("bound", VALUES)
@pytest.mark.parametrize("value", VALUES)
def test_a_range_holds_exactly_the_keys_it_names(value: str, bound: str) -> None:
    left, right = value.encode(), bound.encode()
    key = stored(value)

    assert stretch("=", bound).contains(key) == (left == right)
    assert stretch("<", bound).contains(key) == (left < right)
    assert stretch("<=", bound).contains(key) == (left <= right)
    assert stretch(">", bound).contains(key) == (left > right)
    assert stretch(">=", bound).contains(key) == (left >= right)
    assert stretch("begins_with", bound).contains(key) == left.startswith(right)
    assert stretch("BETWEEN", "a", bound).contains(key) == (b"a" <= left <= right)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_a_range_holds_no_key_of_another_partition(operator: str) -> None:
    other = stored("a", artist="Nin")

    assert not stretch(operator, "a").contains(other)


@pytest.mark.parametrize("reverse", [True, False])
def test_what_is_left_begins_next_to_what_was_read(reverse: bool) -> None:
    whole = Stretch(stored("a"), stored("z"), reverse)

    left = whole.after(stored("m"))

    assert not left.contains(stored("m"))
    assert left.contains(stored("l")) == reverse
    assert left.contains(stored("m\x00")) == (not reverse)


@pytest.mark.parametrize("total", [1, 2, 3, 10, 1_000_000])
def test_segments_join_and_cover_the_hash_space(total: int) -> None:
    count = min(total, 50)
    first = [read.segment_stretch(PLACE, segment, total) for segment in range(count)]
    last = read.segment_stretch(PLACE, total - 1, total)

    assert first[0].start == TABLE.items_prefix + bytes(HASH_BYTES)
    assert all(before.stop == after.start for before, after in itertools.pairwise(first))
    assert last.contains(TABLE.items_prefix + b"\xff" * 4000)
    assert not last.contains(stored("a")[: len(TABLE.items_prefix) - 1] + b"\xff")


def test_the_item_of_a_local_entry_is_found() -> None:
    place = read.source(TABLE, "ByYear")
    of = item("a\x00b", artist="Ni\x00na")

    found = place.item_key(entry_key(place, of))

    assert found == keys.of_item(TABLE, of).stored


@pytest.mark.parametrize("name", ["ByYear", "ByGenre"])
def test_the_position_of_a_starting_key_is_its_entry(name: str) -> None:
    place = read.source(TABLE, name)
    of = {**item("a"), "genre": {"S": "jazz"}}
    start_key = {name: of[name] for name in place.key_names()}

    assert read.start_position(place, start_key) == entry_key(place, of)


@pytest.mark.parametrize(
    ("index", "start_key", "message"),
    [
        (
            None,
            {"artist": {"S": "Nina"}},
            (
                "The provided starting key is invalid: "
                "The provided key element does not match the schema"
            ),
        ),
        (
            "ByGenre",
            {"artist": {"S": "Nina"}, "song": {"S": "a"}},
            "The provided starting key is invalid",
        ),
        (
            "ByGenre",
            {"artist": {"S": "Nina"}, "song": {"S": "a"}, "genre": {"N": "1"}},
            "The provided starting key is invalid",
        ),
    ],
)
def test_what_is_no_key_of_the_place_is_no_position(
    index: str | None, start_key: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationException) as raised:
        read.start_position(read.source(TABLE, index), start_key)

    assert raised.value.message == message
