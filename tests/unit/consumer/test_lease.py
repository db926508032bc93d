"""Who should have which lease."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.consumer.lease import Lease, Plan, Sightings, plan
from headwater.consumer.position import SHARD_END, TRIM_HORIZON

NONE: frozenset[str] = frozenset()


def lease(name: str, owner: str | None = None, **more: object) -> Lease:
    return replace(Lease(name, None, TRIM_HORIZON, 1, owner), **more)  # type: ignore[arg-type]


def names(leases: object) -> list[str]:
    assert isinstance(leases, list | tuple)
    return [each.shard_id for each in leases]


def planned(
    leases: list[Lease], held: set[str] | None = None, expired: set[str] | None = None
) -> Plan:
    return plan(leases, "me", held or NONE, expired or NONE)


def test_alone_takes_all_that_are_free() -> None:
    assert names(planned([lease("a"), lease("b")]).take) == ["a", "b"]


def test_takes_its_share_only() -> None:
    found = planned([lease("a"), lease("b"), lease("c"), lease("d", "other")])

    assert names(found.take) == ["a", "b"]
    assert not found.ask


def test_expired_is_free_and_its_owner_does_not_count() -> None:
    leases = [lease("a", "dead"), lease("b", "dead")]

    assert names(planned(leases, expired={"a", "b"}).take) == ["a", "b"]


def test_own_of_an_earlier_life_comes_first() -> None:
    leases = [lease("a"), lease("b", "me"), lease("c", "other"), lease("d", "other")]

    assert names(planned(leases).take) == ["b", "a"]


def test_finished_is_never_taken() -> None:
    assert planned([lease("a", position=SHARD_END)]) == Plan([], [])


def test_child_waits_for_its_parent() -> None:
    child = lease("b", parent="a")

    assert names(planned([lease("a"), child]).take) == ["a"]
    assert names(planned([lease("a", position=SHARD_END), child]).take) == ["b"]
    assert names(planned([child]).take) == ["b"], "a parent that is trimmed away holds up nobody"


def test_asks_the_one_that_has_most_for_half_of_the_difference() -> None:
    leases = [lease(name, "rich") for name in "abcde"] + [lease("f", "poor")]

    found = planned(leases)

    assert not found.take
    assert names(found.ask) == ["a", "b"]


def test_does_not_ask_for_what_would_only_change_places() -> None:
    leases = [lease("a", "other"), lease("b", "other"), lease("c", "me")]

    assert planned(leases, held={"c"}) == Plan([], [])


def test_promised_counts_for_whom_it_is_promised_to() -> None:
    leases = [lease("a", "rich", promised="me"), lease("b", "rich"), lease("c", "rich")]

    assert not planned(leases).ask
    assert not planned([lease("a", "rich", promised="third"), lease("b", "rich")]).ask


def test_free_ones_come_before_asking() -> None:
    leases = [lease(name, "rich") for name in "abcd"] + [lease("e")]

    found = planned(leases)

    assert names(found.take) == ["e"]
    assert not found.ask


@pytest.mark.parametrize(("owners", "shards"), [(2, 5), (3, 7), (4, 4), (5, 3)])
def test_owners_that_follow_their_plans_end_up_even(owners: int, shards: int) -> None:
    """Every plan carried out in turn, with asked leases handed over, as long as any changes."""
    held = {f"s{number}": "o0" for number in range(shards)}
    for _ in range(20):
        for number in range(owners):
            me = f"o{number}"
            leases = [lease(name, owner) for name, owner in held.items()]
            mine = {name for name, owner in held.items() if owner == me}
            for each in plan(leases, me, mine, NONE).ask:
                held[each.shard_id] = me

    counts = [list(held.values()).count(f"o{number}") for number in range(owners)]
    assert max(counts) - min(counts) <= 1


def test_lease_is_expired_once_it_has_stood_still() -> None:
    sightings = Sightings()
    sightings.note([lease("a", "x"), lease("b", "x")], 0.0)
    sightings.note([lease("a", "x"), lease("b", "x", counter=2)], 6.0)

    assert sightings.expired(9.9, 10) == set()
    assert sightings.expired(10.0, 10) == {"a"}
    assert sightings.expired(16.0, 10) == {"a", "b"}


def test_lease_that_changes_hands_starts_anew() -> None:
    sightings = Sightings()
    sightings.note([lease("a", "x")], 0.0)
    sightings.note([lease("a", "y")], 9.0)

    assert sightings.expired(12.0, 10) == set()
