"""What of a batch is new to a warehouse, and what it leaves of items."""

from __future__ import annotations

import pytest

from headwater.sinks.change import Change
from headwater.sinks.kind import BACKFILL, ChangeBatch
from headwater.sinks.merging import (
    Keyed,
    comes_again,
    key_of,
    keyed,
    merged,
    new_changes,
    number_after,
)
from tests.sink_writing import SHARD, change


def numbers(changes: list[Keyed]) -> list[int]:
    return [each.version for _, each in changes]


def of(*changes: Change) -> list[Keyed]:
    return keyed(ChangeBatch(SHARD, 1, changes))


@pytest.mark.parametrize(
    ("number", "new"), [(None, [4, 5, 6]), (3, [4, 5, 6]), (4, [5, 6]), (6, []), (9, [])]
)
def test_of_a_shard_what_is_behind_its_number_is_new(number: int | None, new: list[int]) -> None:
    batch = ChangeBatch(SHARD, 4, [change("a", each, "x") for each in (4, 5, 6)])

    assert numbers(new_changes(batch, keyed(batch), number)) == new
    assert not comes_again(batch, number)
    assert number_after(batch) == 6


@pytest.mark.parametrize(
    ("number", "known", "new"),
    [(None, "", [4, 5]), (6, "", [4, 5]), (7, "a", [5]), (7, "", [4, 5]), (8, "", [])],
)
def test_of_a_step_what_it_has_not_brought_is_new(
    number: int | None, known: str, new: list[int]
) -> None:
    batch = ChangeBatch(BACKFILL, 7, [change("a", 4, "x"), change("b", 5, "x")])
    keys = {key_of({"k": {"S": each}}) for each in known}

    assert numbers(new_changes(batch, keyed(batch), number, keys)) == new
    assert comes_again(batch, number) == (number == 7)
    assert number_after(batch) == 7


def test_the_last_change_of_an_item_stays() -> None:
    merge = merged(of(change("a", 1, "x"), change("b", 2, "x"), change("a", 3, None)), {})

    assert [each.version for each in merge.held.values()] == [2]
    assert [each.version for each in merge.removed.values()] == [3]


@pytest.mark.parametrize(("version", "stays"), [(4, True), (5, True), (6, False)])
def test_nothing_older_than_what_is_known_stays(version: int, *, stays: bool) -> None:
    key = key_of({"k": {"S": "a"}})

    assert (key in merged(of(change("a", 5, "x")), {key: version}).held) == stays


def test_a_key_is_known_by_the_same_whatever_its_order() -> None:
    one = key_of({"pk": {"S": "a"}, "sk": {"N": "1"}})

    assert one == key_of({"sk": {"N": "1"}, "pk": {"S": "a"}})
    assert one != key_of({"pk": {"S": "a"}, "sk": {"S": "1"}})
    assert len(one) == 36
