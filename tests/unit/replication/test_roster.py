from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from headwater.replication.link import End
from headwater.replication.message import Address
from headwater.replication.roster import members_of, merged
from headwater.replication.state import Member, State
from headwater.storage.keyspace import TableId
from headwater.tables.schema import (
    KeyAttribute,
    KeySchema,
    Partition,
    Replica,
    ReplicaStatus,
    Table,
    TableStatus,
)

EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "ap-south-1"
PEERS = (WEST, SOUTH)
CREATING, ACTIVE, DELETING = (
    ReplicaStatus.CREATING,
    ReplicaStatus.ACTIVE,
    ReplicaStatus.DELETING,
)


def id_of(region: str) -> TableId:
    return TableId(f"id of {region}")


def table(**statuses: ReplicaStatus) -> Table:
    """The table of the east, with the replicas that are named `west` and `south`."""
    regions = {"west": WEST, "south": SOUTH}
    return Table(
        EAST,
        "music",
        id_of(EAST),
        TableStatus.ACTIVE,
        0.0,
        KeySchema((KeyAttribute("k", "S"),)),
        (Partition(0),),
        replicas=tuple(
            Replica(regions[name], id_of(regions[name]), status, is_remote=True)
            for name, status in statuses.items()
        ),
    )


def told(departed: tuple[str, ...] = (), **statuses: ReplicaStatus) -> State:
    """What the west tells of those that are named."""
    regions = {"east": EAST, "west": WEST, "south": SOUTH, "own": "us-west-2"}
    members = [
        Member(regions[name], id_of(regions[name]), status) for name, status in statuses.items()
    ]
    address = Address("music", End(WEST, id_of(WEST)), End(EAST, id_of(EAST)))
    gone = tuple(id_of(region) for region in departed)
    return State(address, members, gone, {}, None, {}, has_filled=True, sound_us=None)


def statuses_of(known: Table) -> dict[str, ReplicaStatus]:
    return {each.region: each.status for each in known.replicas}


def test_what_is_known_changes_nothing() -> None:
    known = table(west=ACTIVE, south=CREATING)

    assert merged(known, told(east=ACTIVE, west=ACTIVE, south=CREATING), PEERS) is known


def test_the_furthest_status_stays() -> None:
    known = table(west=CREATING, south=DELETING)

    after = merged(known, told(west=ACTIVE, south=ACTIVE), PEERS)

    assert statuses_of(after) == {WEST: ACTIVE, SOUTH: DELETING}


def test_a_new_member_of_a_peers_region_is_taken_up() -> None:
    after = merged(table(west=ACTIVE), told(west=ACTIVE, south=CREATING), PEERS)

    assert statuses_of(after) == {WEST: ACTIVE, SOUTH: CREATING}
    assert after.replicas[1].is_remote


@pytest.mark.parametrize("state", [told(south=DELETING), told(own=ACTIVE)])
def test_who_goes_and_who_is_of_no_peer_is_not_taken_up(state: State) -> None:
    known = table(west=ACTIVE)

    assert merged(known, state, PEERS) is known


def test_a_table_being_deleted_hears_of_nobody_new() -> None:
    known = replace(table(west=ACTIVE), status=TableStatus.DELETING)

    assert merged(known, told(west=ACTIVE, south=CREATING), PEERS) is known


def test_who_has_departed_never_comes_back() -> None:
    gone = merged(table(west=ACTIVE, south=ACTIVE), told((SOUTH,), west=ACTIVE), PEERS)

    again = merged(gone, told(west=ACTIVE, south=ACTIVE), PEERS)

    assert statuses_of(again) == statuses_of(gone) == {WEST: ACTIVE}


def test_a_table_that_is_told_it_has_departed_leaves() -> None:
    after = merged(table(west=ACTIVE, south=ACTIVE), told((EAST,)), PEERS)

    assert after.replicas == ()


def test_the_order_of_what_is_told_does_not_matter() -> None:
    states = [
        told(west=ACTIVE, south=CREATING),
        told(west=ACTIVE, south=ACTIVE),
        told((SOUTH,), west=ACTIVE),
        told(west=DELETING, south=DELETING),
    ]

    ends = set()
    for order in itertools.permutations(states):
        known = table(west=CREATING)
        for state in order:
            known = merged(known, state, PEERS)
        ends.add((tuple(sorted(statuses_of(known).items())), known.departed))

    assert ends == {(((WEST, DELETING),), (id_of(SOUTH),))}


def test_members_begin_with_the_table_itself() -> None:
    known = replace(table(west=ACTIVE), status=TableStatus.UPDATING)

    assert [(each.region, each.status) for each in members_of(known)] == [
        (EAST, ACTIVE),
        (WEST, ACTIVE),
    ]
