"""How far a sink has come in its warehouse; kept there, in the transactions of what is written."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.sinks.database import Session
from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.layout import POSITIONS, REMOVED, SINKS, Layout
from headwater.sinks.schema import Schema


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of one round of a sink. Everything happens in the session that is given."""

    layout: Layout
    sink_id: str
    round: int

    def prepare(self, session: Session, schema: Schema, *, is_begun: bool) -> None:
        """Have all tables and columns made. is_begun: the round has been prepared before.

        Raises SinkBroken if tables are another's, or what was written is gone; SinkUnavailable if
        the sink has begun anew.
        """
        self.layout.make_schema(session)
        there = self.layout.there(session)
        for name in (SINKS, POSITIONS, REMOVED):
            self._make(session, name, schema, there)
        known = self._known_round(session)
        self._refuse_others(session, there)
        if is_begun and (known is None or not all(name in there for name in self.layout.own)):
            raise SinkBroken(
                f"What was written to {' and '.join(self.layout.own)} is not there any more: a "
                "replay of the sink writes it anew."
            )
        for name in self.layout.own:
            self._make(session, name, schema, there)
        self._note(session, known)

    def claim(self, session: Session) -> None:
        """Have all others that write for the sink wait until the transaction is over.

        Raises SinkUnavailable if the sink has begun anew.
        """
        if not session.rows(
            f"UPDATE {self.layout.table(SINKS)} SET writes = writes + 1 "
            "WHERE sink_id = $1 AND round = $2 RETURNING round",
            self.sink_id,
            self.round,
        ):
            raise SinkUnavailable("The sink has begun anew.")

    def number(self, session: Session, origin: str) -> int | None:
        """The number that the warehouse has come to, of an origin."""
        found = session.rows(
            f"SELECT number FROM {self.layout.table(POSITIONS)} "
            "WHERE sink_id = $1 AND round = $2 AND origin = $3",
            self.sink_id,
            self.round,
            origin,
        )
        return found[0][0] if found else None

    def move(self, session: Session, origin: str, number: int) -> None:
        """Note the number that the warehouse has come to, of an origin."""
        session.run(
            f"INSERT INTO {self.layout.table(POSITIONS)} (sink_id, round, origin, number) "
            "VALUES ($1, $2, $3, $4) ON CONFLICT (sink_id, round, origin) "
            "DO UPDATE SET number = excluded.number",
            self.sink_id,
            self.round,
            origin,
            number,
        )

    def _make(
        self, session: Session, name: str, schema: Schema, there: dict[str, set[str]]
    ) -> None:
        columns = self.layout.columns(name, schema)
        self.layout.make(session, name, columns, there.get(name, set()))

    def _known_round(self, session: Session) -> int | None:
        found = session.rows(
            f"SELECT round FROM {self.layout.table(SINKS)} WHERE sink_id = $1", self.sink_id
        )
        if found and found[0][0] > self.round:
            raise SinkUnavailable("The sink has begun anew.")
        return found[0][0] if found else None

    def _refuse_others(self, session: Session, there: dict[str, set[str]]) -> None:
        owners = session.rows(f"SELECT sink_id, items, history FROM {self.layout.table(SINKS)}")
        owner = {name: sink_id for sink_id, *names in owners for name in names}
        for name in self.layout.own:
            if name in there and owner.get(name) != self.sink_id:
                raise SinkBroken(
                    f"Table {name} is there already, and not of this sink: drop it, or name "
                    "another in the sink's settings."
                )

    def _note(self, session: Session, known: int | None) -> None:
        table, layout = self.layout.table(SINKS), self.layout
        if known is None:
            session.run(
                f"INSERT INTO {table} (sink_id, round, items, history, writes) "
                "VALUES ($1, $2, $3, $4, 0)",
                self.sink_id,
                self.round,
                layout.items,
                layout.history,
            )
            return
        session.run(
            f"UPDATE {table} SET round = $2, items = $3, history = $4 WHERE sink_id = $1",
            self.sink_id,
            self.round,
            layout.items,
            layout.history,
        )
        session.run(
            f"DELETE FROM {self.layout.table(POSITIONS)} WHERE sink_id = $1 AND round < $2",
            self.sink_id,
            self.round,
        )
