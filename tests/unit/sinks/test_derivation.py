from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.sinks.change import Change, Event, plain
from headwater.sinks.derivation import (
    Form,
    Kept,
    Plan,
    Rules,
    Trail,
    added,
    decode,
    derived,
    encode,
    places,
    plan,
    trail_name,
    typed,
)
from headwater.tables.schema import KeyAttribute, KeySchema

KEYS = KeySchema((KeyAttribute("who", "S"),))
COUNTS = Rules(Form.counts, KEYS, (("who", "v"),), (), "count", (), is_typed=True)
ITEMS = Rules(Form.items, KEYS, (("who", "v"),), (), "count", (), is_typed=True)
ANN, BOB = b'{"who":{"S":"ann"}}', b'{"who":{"S":"bob"}}'


def change(key: str, version: int, value: Any) -> Change:
    """A change of an item; without a value it is removed."""
    new = None if value is None else {"k": {"S": key}, "v": value}
    document = None if new is None else plain(new)
    event = Event.REMOVE if new is None else Event.MODIFY
    keys = {"k": {"S": key}}
    return Change(event, "id", version, 0, keys, new, None, is_by_service=False, document=document)


def planned(rules: Rules, *changes: Change, kept: Kept | None = None) -> Plan:
    made = [derived(rules, each) for each in changes]
    trails = {each.name: None for each in made} | (kept.trails if kept else {})
    owners: dict[str, str | None] = dict.fromkeys(places(made, trails))
    return plan(rules, changes, made, Kept(trails, owners | (kept.owners if kept else {})))


def test_a_change_that_is_not_newer_changes_nothing() -> None:
    first = planned(COUNTS, change("a", 5, {"S": "ann"}))

    again = planned(
        COUNTS,
        change("a", 5, {"S": "ann"}),
        change("a", 4, {"S": "bob"}),
        change("a", 3, None),
        kept=first.kept,
    )

    assert first.shares == {ANN: {"count": "1"}}
    assert (again.shares, again.puts, again.kept.trails) == ({}, {}, first.kept.trails)


def test_a_share_moves_from_one_count_to_another() -> None:
    first = planned(COUNTS, change("a", 1, {"S": "ann"}))

    moved = planned(COUNTS, change("a", 2, {"S": "bob"}), kept=first.kept)
    gone = planned(COUNTS, change("a", 3, None), kept=moved.kept)

    assert moved.shares == {ANN: {"count": "-1"}, BOB: {"count": "1"}}
    assert gone.shares == {BOB: {"count": "-1"}}
    assert gone.kept.trails == {trail_name(change("a", 1, None)): None}


def test_who_leaves_a_place_takes_away_only_what_is_its_own() -> None:
    first = planned(ITEMS, change("a", 1, {"S": "ann"}))
    taken = planned(ITEMS, change("b", 2, {"S": "ann"}), kept=first.kept)

    left = planned(ITEMS, change("a", 3, {"S": "bob"}), kept=taken.kept)

    assert left.puts == {BOB: {"k": {"S": "a"}, "v": {"S": "bob"}, "who": {"S": "bob"}}}


def test_an_item_with_a_key_of_another_type_is_refused_and_its_place_is_left() -> None:
    first = planned(ITEMS, change("a", 1, {"S": "ann"}))

    refused = planned(ITEMS, change("a", 2, {"N": "1"}), kept=first.kept)

    assert refused.puts == {ANN: None}
    (rejected,) = refused.rejected
    assert "who is not of the type S" in rejected.reason


def test_a_count_goes_with_its_last_share() -> None:
    key = {"who": {"S": "ann"}}

    one = added(None, key, {"count": "1", "sum": "2.5"}, "count")
    two = added({**(one or {}), "note": {"S": "x"}}, key, {"count": "1", "sum": "-1"}, "count")

    assert two == {**key, "count": {"N": "2"}, "sum": {"N": "1.5"}, "note": {"S": "x"}}
    assert added(one, key, {"count": "-1", "sum": "-2.5"}, "count") is None


def test_a_sum_of_too_many_digits_is_no_number() -> None:
    with pytest.raises(ValidationException):
        added({"sum": {"N": "1" * 38}}, {}, {"sum": "0.1"}, "count")


def test_plain_values_become_typed_ones() -> None:
    assert typed({"a": [None, True, "x", 1, 0.5]}) == {
        "M": {"a": {"L": [{"NULL": True}, {"BOOL": True}, {"S": "x"}, {"N": "1"}, {"N": "0.5"}]}}
    }


def test_a_trail_is_stored_and_read() -> None:
    trail = Trail(7, {"who": {"S": "ann"}}, {"count": "1"})

    assert decode(encode(trail)) == trail
    assert decode(encode(None)) is None
