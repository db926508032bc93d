"""A table among the replicas of a global table: what changes in all of them, and who leaves.

Steps of a commit's work: the replicas of one store are changed in the commit that changes the table
a client names, so they never disagree about who they are or about a setting they share. All read
`keys_of` beside the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from headwater.errors import ValidationException
from headwater.limits import replica_source_seconds
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.tables import schema, unsettled
from headwater.tables.schema import Replica, ReplicaStatus, Table

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
            changed = change(other)
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


def without(table: Table, region: str) -> Table:
    """The table without a region's replica."""
    return table.changed(replicas=others(table.replicas, region))


def others(replicas: Sequence[Replica], region: str) -> tuple[Replica, ...]:
    """All but the one of a region."""
    return tuple(each for each in replicas if each.region != region)


def _marked(replica: Replica, region: str, status: ReplicaStatus) -> Replica:
    return replace(replica, status=status) if replica.region == region else replica
