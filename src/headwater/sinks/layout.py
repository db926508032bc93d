"""The tables of a warehouse and their columns; how they are made, and how rows are put into them.

Of each sink: the items as they are, and the history of their changes, with a column for each of the
schema's and these:

    items    _hw_key (it is known by that), _hw_round, _hw_keys, _hw_version, _hw_time, _hw_rest
    history  _hw_key, _hw_round, what is told of a change (`schema.META`), _hw_rest

Of all sinks that write to a schema of the database:

    _hw_sinks      the round of each, and its tables
    _hw_positions  how far each has come in each origin
    _hw_removed    items that are not there any more, with their versions
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from headwater.sinks.change import dumps
from headwater.sinks.database import Dialect, Session, quoted
from headwater.sinks.schema import META, REST, Schema

Columns: TypeAlias = Mapping[str, str]
"""Names of columns, with their types."""

SINKS: Final = "_hw_sinks"
POSITIONS: Final = "_hw_positions"
REMOVED: Final = "_hw_removed"
_OF_SINKS: Final = {
    "sink_id": "text",
    "round": "bigint",
    "items": "text",
    "history": "text",
    "writes": "bigint",
}
_OF_POSITIONS: Final = {"sink_id": "text", "round": "bigint", "origin": "text", "number": "bigint"}
_KEYS: Final = {
    SINKS: ("sink_id",),
    POSITIONS: ("sink_id", "round", "origin"),
    REMOVED: ("sink_id", "_hw_key"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a sink writes. items, history: names of tables; None if it keeps none."""

    dialect: Dialect
    schema: str
    items: str | None
    history: str | None

    @property
    def own(self) -> list[str]:
        """The tables of the sink itself."""
        return [name for name in (self.items, self.history) if name is not None]

    def table(self, name: str) -> str:
        """A table, as statements name it."""
        return f"{quoted(self.schema)}.{quoted(name)}"

    def columns(self, name: str, schema: Schema) -> Columns:
        """The columns of a table."""
        json, moment = self.dialect.json, self.dialect.moment
        if name == SINKS:
            return _OF_SINKS
        if name == POSITIONS:
            return _OF_POSITIONS
        if name == REMOVED:
            key = {"sink_id": "text", "_hw_key": "uuid"}
            return {**key, "_hw_version": "bigint", "_hw_time": moment}
        told: dict[str, str]
        if name == self.items:
            told = {"_hw_keys": json, "_hw_version": "bigint", "_hw_time": moment}
        else:
            types = {"_hw_time": moment, "_hw_held": "boolean", "_hw_keys": json, "_hw_old": json}
            told = {each: types.get(each, "text") for each in META}
        values = {self.dialect.name(each.name): each.type for each in schema.columns}
        types = {each: self.dialect.types[kind] for each, kind in values.items()}
        return {"_hw_key": "uuid", "_hw_round": "bigint", **told, **types, REST: json}

    def make_schema(self, session: Session) -> None:
        """Make the schema if it is not there."""
        found = "SELECT schema_name FROM information_schema.schemata WHERE schema_name = $1"
        if not session.rows(found, self.schema):
            session.run(f"CREATE SCHEMA {quoted(self.schema)}")

    def there(self, session: Session) -> dict[str, set[str]]:
        """The tables that are there, of those that the sink writes to, with their columns."""
        found: dict[str, set[str]] = {}
        wanted = [SINKS, POSITIONS, REMOVED, *self.own]
        for table, column in session.rows(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = $1 AND table_name IN (SELECT unnest($2::text[]))",
            self.schema,
            wanted,
        ):
            found.setdefault(table, set()).add(column)
        return found

    def make(self, session: Session, name: str, columns: Columns, there: Collection[str]) -> None:
        """Make a table, or the columns that it lacks. there: those it has; none if it is not."""
        if there:
            for column, kind in columns.items():
                if column not in there:
                    session.run(
                        f"ALTER TABLE {self.table(name)} ADD COLUMN {quoted(column)} {kind}"
                    )
            return
        made = [f"{quoted(column)} {kind}" for column, kind in columns.items()]
        key = _KEYS.get(name, ())
        if name == self.items and self.dialect.has_keys:
            key = ("_hw_key",)
        if key:
            made.append(f"PRIMARY KEY ({', '.join(key)})")
        session.run(f"CREATE TABLE {self.table(name)} ({', '.join(made)})")

    def insert(
        self, session: Session, name: str, columns: Columns, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Insert rows, given by columns as texts, numbers and truths."""
        if not rows:
            return
        given = frozenset().union(*rows)
        used = {column: kind for column, kind in columns.items() if column in given}
        names = ", ".join(map(quoted, used))
        values = ", ".join(f"CAST(listed.{quoted(each)} AS {used[each]})" for each in used)
        session.run(
            f"INSERT INTO {self.table(name)} ({names}) SELECT {values} "
            f"FROM {self.dialect.listed(list(used))}",
            dumps(rows).decode(),
        )
