"""What a sink holds in its warehouse: the items, those that were removed, and the history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from headwater.limits import warehouse_page_items_max
from headwater.sinks.change import Document, dumps, plain
from headwater.sinks.database import Row, Session, quoted
from headwater.sinks.layout import REMOVED, Layout
from headwater.sinks.merging import Key, Keyed, Merge
from headwater.sinks.schema import REST, ColumnType, Schema, document_of, meta, row
from headwater.sinks.transform import moment

_LISTED = "(SELECT unnest($1::uuid[]))"
_AS_THEY_ARE = (ColumnType.TEXT, ColumnType.NUMBER, ColumnType.TRUTH)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by the ids of their changes, with the columns of a schema."""

    schema: Schema
    made: Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Holdings:
    """Of one round of a sink. Everything happens in the session that is given."""

    layout: Layout
    sink_id: str
    round: int

    def snapshots(self, session: Session, keys: Sequence[Key]) -> set[Key]:
        """Those of items that the back-fill has brought to the history."""
        if self.layout.history is None:
            return set()
        found = session.rows(
            f"SELECT CAST(_hw_key AS text) FROM {self.layout.table(self.layout.history)} "
            f"WHERE _hw_round = $2 AND _hw_event = 'SNAPSHOT' AND _hw_key IN {_LISTED}",
            keys,
            self.round,
        )
        return {key for (key,) in found}

    def versions(self, session: Session, keys: Sequence[Key]) -> dict[Key, int]:
        """The versions of items that are held, and of those that were removed."""
        if self.layout.items is None:
            return {}
        held = session.rows(
            f"SELECT CAST(_hw_key AS text), _hw_version FROM {self.layout.table(self.layout.items)}"
            f" WHERE _hw_key IN {_LISTED}",
            keys,
        )
        removed = session.rows(
            f"SELECT CAST(_hw_key AS text), _hw_version FROM {self.layout.table(REMOVED)} "
            f"WHERE sink_id = $2 AND _hw_key IN {_LISTED}",
            keys,
            self.sink_id,
        )
        return dict([*held, *removed])

    def rows(self, schema: Schema, changes: Iterable[Keyed]) -> Rows:
        """Changes as rows of tables that have the columns of a schema."""
        fits, name = self.layout.dialect.fits, self.layout.dialect.name
        names = {each.name: name(each.name) for each in schema.columns} | {REST: REST}
        made = {}
        for key, change in changes:
            values = row(schema, change.document or {}, fits)
            made[change.id] = {
                **{names[column]: value for column, value in values.items()},
                "_hw_key": key,
                "_hw_version": change.version,
                "_hw_time": moment(change.time_us),
                "_hw_round": self.round,
                "_hw_keys": dumps(plain(change.keys)).decode(),
            }
        return Rows(schema, made)

    def merge(self, session: Session, rows: Rows, merge: Merge, known: Collection[Key]) -> None:
        """Bring items to what a batch leaves of them. known: those that have a version."""
        items = self.layout.items
        if items is None:
            return
        old = [key for key in (*merge.held, *merge.removed) if key in known]
        if old:
            session.run(f"DELETE FROM {self.layout.table(items)} WHERE _hw_key IN {_LISTED}", old)
            session.run(
                f"DELETE FROM {self.layout.table(REMOVED)} "
                f"WHERE sink_id = $2 AND _hw_key IN {_LISTED}",
                old,
                self.sink_id,
            )
        held = [rows.made[change.id] for change in merge.held.values()]
        self._insert(session, items, rows.schema, held)
        sink = {"sink_id": self.sink_id}
        removed = [rows.made[change.id] | sink for change in merge.removed.values()]
        self._insert(session, REMOVED, rows.schema, removed)

    def append(self, session: Session, rows: Rows, changes: Iterable[Keyed]) -> None:
        """Add changes to the history."""
        history = self.layout.history
        if history is not None:
            added = [meta(change) | rows.made[change.id] for _, change in changes]
            self._insert(session, history, rows.schema, added)

    def sweep(self, session: Session) -> None:
        """Remove the items that a whole back-fill has not brought: they are there no more."""
        if self.layout.items is not None:
            items = self.layout.table(self.layout.items)
            session.run(f"DELETE FROM {items} WHERE _hw_round < $1", self.round)

    def forget(self, session: Session, before_us: int) -> None:
        """Forget items that were removed before a moment, in microseconds since the epoch."""
        session.run(
            f"DELETE FROM {self.layout.table(REMOVED)} "
            f"WHERE sink_id = $1 AND _hw_time < CAST($2 AS {self.layout.dialect.moment})",
            self.sink_id,
            moment(before_us),
        )

    def held(
        self, session: Session, schema: Schema, after: Key
    ) -> list[tuple[Key, Document, Document]]:
        """Items that follow one, each with what it is known by, its key and its document.

        Without a table of items they are those that the history of this round ends with.
        """
        name = self.layout.dialect.name
        values = [
            quoted(name(each.name))
            if each.type in _AS_THEY_ARE
            else f"CAST({quoted(name(each.name))} AS text)"
            for each in schema.columns
        ]
        texts = [f"CAST({each} AS text)" for each in ("_hw_key", "_hw_keys", REST)]
        found = session.rows(
            f"SELECT {', '.join([*texts, *values])} FROM {self._present()} AS present "
            f"WHERE _hw_key > CAST($1 AS uuid) ORDER BY _hw_key LIMIT {warehouse_page_items_max}",
            after,
        )
        return [_held(schema, each) for each in found]

    def _present(self) -> str:
        if self.layout.items is not None:
            return self.layout.table(self.layout.items)
        assert self.layout.history is not None, "a sink keeps one of the two"
        return (
            "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY _hw_key "
            "ORDER BY _hw_sequence_number DESC) AS _hw_place "
            f"FROM {self.layout.table(self.layout.history)} WHERE _hw_round = {self.round}) "
            "AS ended WHERE _hw_place = 1 AND _hw_held)"
        )

    def _insert(
        self, session: Session, name: str, schema: Schema, rows: Sequence[dict[str, Any]]
    ) -> None:
        self.layout.insert(session, name, self.layout.columns(name, schema), rows)


def _held(schema: Schema, found: Row) -> tuple[Key, Document, Document]:
    key, keys, rest, *values = found
    names = [each.name for each in schema.columns]
    told = dict(zip(names, values, strict=True)) | {REST: rest}
    return key, orjson.loads(keys), document_of(schema, told)
