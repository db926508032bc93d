"""A table among the replicas of a global table: what changes in all of them, and who leaves.

Steps of a commit's work: the replicas of one store are changed in the commit that changes the table
a client names, so they never disagree about who they are or about a setting they share. All read
`keys_of` beside the table. Replicas on other servers are told later, by `replication/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from headwater.errors import ValidationException
from headwater.limits import departed_replicas_max, replica_source_seconds
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.keyspace import TableId
from headwater.tables import schema, unsettled
from headwater.tables.overriding import settled
from headwater.tables.schema import Replica, ReplicaStatus, Table
from headwater.tables.sharing import stamped

Change: TypeAlias = Callable[[Table], Table]

_TOPIC = delivery_keys.every_link_span()[0]


def keys_of(table: Table) -> list[bytes]:
    """Where the table's other replicas are stored."""
    return [keyspace.table(replica.region, table.name) for replica in table.replicas]


def follow(view: View, table: Table, change: Change) -> None:
    """Change the table's other replicas, those that are there; wakes who looks after links."""
    if not table.replicas:
        return
    for replica in table.replicas:
        key = keyspace.table(replica.region, table.name)
        stored = view.get(key)
        other = None if stored is None else schema.decode(stored)
        if other is not None and other.table_id == replica.table_id:
            changed = stamped(other, change(other))
            if changed is not other:
                view.put(key, schema.encode(changed))
                unsettled.mark(view, key, changed)
    view.wake(_TOPIC)


def leave(view: View, table: Table) -> None:
    """Have the others know that the table is being deleted."""
    follow(view, table, lambda other: marked(other, table.region, ReplicaStatus.DELETING))


def check_source(table: Table, now: float) -> None:
    """Raises ValidationException if a replica was filled from this one within a day."""
    if not table.replicas or table.source_at is None:
        return
    if now < table.source_at + replica_source_seconds:
        raise ValidationException(
            "Replica cannot be deleted because it has acted as a source region for new replica(s) "
            "being added to the table in the last 24 hours."
        )


def marked(table: Table, region: str, status: ReplicaStatus) -> Table:
    """The table with another status of a region's replica."""
    return table.changed(replicas=tuple(_marked(each, region, status) for each in table.replicas))


def without(table: Table, gone: Replica) -> Table:
    """The table without a replica that is there no more."""
    left = tuple(each for each in table.replicas if each.table_id != gone.table_id)
    others = {name: each for name, each in table.overrides.items() if name != gone.region}
    if not left:
        table, others = settled(table), {}
    return table.changed(replicas=left, departed=departed(table, [gone.table_id]), overrides=others)


def departed(table: Table, gone: Iterable[TableId]) -> tuple[TableId, ...]:
    """All that have left the table's group, the latest of them: others hear of it within days."""
    known = dict.fromkeys((*table.departed, *gone))
    return tuple(known)[-departed_replicas_max:]


def _marked(replica: Replica, region: str, status: ReplicaStatus) -> Replica:
    return replace(replica, status=status) if replica.region == region else replica
