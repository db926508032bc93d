"""Tables that take items, as this process last saw them.

They are at hand for item operations, and forgotten when another process of the store has changed
any table.
"""

from __future__ import annotations

from headwater.storage.board import Counter, OwnCounter
from headwater.tables.schema import Table, TableStatus

_TAKING_ITEMS = (TableStatus.ACTIVE, TableStatus.UPDATING)


def takes_items(table: Table) -> bool:
    return table.status in _TAKING_ITEMS


class OpenTables:
    """See the module. changes: of tables in all the processes of the store, if several."""

    def __init__(self, changes: Counter | None) -> None:
        self._tables: dict[tuple[str, str], Table] = {}
        self._is_shared = changes is not None
        self._changes = changes or OwnCounter()
        self._seen = self._changes.state()

    def get(self, region: str, name: str) -> Table | None:
        """The table, if it is at hand."""
        if self._is_shared and self._changes.state() != self._seen:
            self._tables.clear()
            self._seen = self._changes.state()
        return self._tables.get((region, name))

    def state(self) -> object:
        """Compared with one from before, it says whether anybody has changed a table since."""
        return self._changes.state()

    def see(self, region: str, name: str, table: Table | None) -> None:
        """Take notice of what is stored under a name."""
        if table is not None and takes_items(table):
            self._tables[region, name] = table
        else:
            self._tables.pop((region, name), None)

    def note(self, table: Table) -> None:
        """Take notice of a table that this process has changed, and tell the others."""
        self._changes.count()
        for replica in table.replicas:  # may have changed with it
            self._tables.pop((replica.region, table.name), None)
        self.see(table.region, table.name, table)

    def forget(self, table: Table) -> None:
        """Take notice that this process has removed a table, and tell the others."""
        self._changes.count()
        self._tables.pop((table.region, table.name), None)
