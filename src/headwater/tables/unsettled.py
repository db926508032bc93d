"""Tables in states that pass: which they are, and how they are found.

A table that is left in such a state is marked in the same commit, so that whoever carries tables on
finds it, in whichever process that is, without looking at all the others.
"""

from __future__ import annotations

from typing import Final

from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.tables.schema import IndexStatus, Table, TableStatus, TimeToLiveStatus

TOPIC: Final = keyspace.unsettled_span()[0]
"""Woken when a table is marked."""


def mark(view: View, table_key: bytes, table: Table | None) -> None:
    """Mark a table as it is stored in this commit, or take its mark away."""
    marker = keyspace.unsettled(table_key)
    if table is None or is_settled(table):
        view.delete(marker)
    else:
        view.put(marker, b"")
        view.wake(TOPIC)


def is_settled(table: Table) -> bool:
    """Whether table, indexes and time to live are in states that last, or others' to change.

    An import's table is the import's, one that joins a global table is replication's.
    """
    return (
        table.importing is not None
        or table.is_regrouping
        or (
            table.status is TableStatus.ACTIVE
            and has_settled_indexes(table)
            and (
                table.time_to_live is None or table.time_to_live.status is TimeToLiveStatus.ENABLED
            )
        )
    )


def has_settled_indexes(table: Table) -> bool:
    return all(index.status is IndexStatus.ACTIVE for index in table.indexes)
