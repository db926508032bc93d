"""Who is in a global table's group, as servers tell each other. Pure.

A replica goes from CREATING to ACTIVE to DELETING and is then departed, never back; each member
keeps for each other the furthest it has heard of. So all come to the same, in whatever order and
however often they are told.

    told of a replica        known here            then
    -----------------------  --------------------  ----------------------------------------------
    departed                 any                   it is dropped, and remembered as departed
    a status                 as departed           nothing: who says so has not heard yet
    a status                 with one less far     the status told
    CREATING or ACTIVE       not, on a peer        it is a new member
    CREATING or ACTIVE       not, of this server   nothing: what is here is known
    CREATING or ACTIVE       not, by one deleted   nothing: it hears of nobody new
    the table itself as departed                   it leaves: it is an ordinary table from now on
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from headwater.replication.state import Member, State
from headwater.storage.keyspace import TableId
from headwater.tables import membership
from headwater.tables.schema import Replica, ReplicaStatus, Table, TableStatus

_COURSE: Final = (ReplicaStatus.CREATING, ReplicaStatus.ACTIVE, ReplicaStatus.DELETING)
_OWN: Final = {
    TableStatus.CREATING: ReplicaStatus.CREATING,
    TableStatus.DELETING: ReplicaStatus.DELETING,
}


def members_of(table: Table) -> tuple[Member, ...]:
    """The group as a table knows it, itself first."""
    own = Member(table.region, table.table_id, _OWN.get(table.status, ReplicaStatus.ACTIVE))
    others = (Member(each.region, each.table_id, each.status) for each in table.replicas)
    return (own, *others)


def merged(table: Table, state: State, peers: Collection[str]) -> Table:
    """A table after it was told; the same if it knew.

    peers: regions of other servers.
    """
    if table.table_id in state.departed:
        return table.changed(replicas=()) if table.replicas else table
    departed = membership.departed(table, state.departed)
    told = {each.table_id: each for each in state.members if each.table_id != table.table_id}
    known = {each.table_id for each in table.replicas}
    new = [member for each, member in told.items() if each not in (*known, *departed)]
    if table.status is TableStatus.DELETING:
        new = []
    replicas = (
        *(_furthest(each, told) for each in table.replicas if each.table_id not in departed),
        *_new(new, peers),
    )
    if replicas == table.replicas and departed == table.departed:
        return table
    return table.changed(replicas=replicas, departed=departed)


def _furthest(replica: Replica, told: Mapping[TableId, Member]) -> Replica:
    member = told.get(replica.table_id)
    if member is None or _COURSE.index(member.status) <= _COURSE.index(replica.status):
        return replica
    return replace(replica, status=member.status)


def _new(told: Sequence[Member], peers: Collection[str]) -> list[Replica]:
    return [
        Replica(each.region, each.table_id, each.status, is_remote=True)
        for each in sorted(told, key=lambda each: each.region)
        if each.region in peers and each.status is not ReplicaStatus.DELETING
    ]
