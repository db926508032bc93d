"""The tables there are: found, listed, created, altered, deleted.

Every change is work for the committer: planned from the table as loaded, it runs only if the table
is still what it was planned from, and else is planned again. So control operations that meet do not
clash, and a table, its shards and its stream change in one commit.

Item operations find tables in a cache, which holds those that take them as this process last saw
them; it is emptied when another process of the store has changed any. For writes it is a hint: a
write reads the stored table in its own commit, and keys never change while a table keeps its
identity.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from headwater.arn import parse_table
from headwater.clock import Chance, Clock
from headwater.errors import (
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ServiceUnavailable,
    TableAlreadyExistsException,
    TableInUseException,
    ValidationException,
)
from headwater.limits import write_plans_max
from headwater.storage import keyspace
from headwater.storage.board import Counter
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.storage.keyspace import IndexId, TableId
from headwater.streams.window import ViewType
from headwater.tables import altering, membership, schema, stream_switch
from headwater.tables.alteration import Alteration
from headwater.tables.creation import AS_ON_AWS, TableDefaults, new_table
from headwater.tables.definition import Definition
from headwater.tables.deletion import check_deletable
from headwater.tables.open_tables import OpenTables, takes_items
from headwater.tables.schema import Restoration, Table, TableStatus
from headwater.tables.stream_switch import NO_SWITCH, LabelTaken, Switch
from headwater.tables.table_change import Outrun, Step, TableChange

Check = Callable[[Table], None]
"""Raises if a table may not be changed so."""

_Plan = Callable[[Table], Awaitable[tuple[Sequence[bytes], Step]]]


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """account: id in ARNs. changes: of tables in all the processes of the store, if several."""

    account: str
    defaults: TableDefaults = AS_ON_AWS
    changes: Counter | None = None


class Source(Protocol):
    """What a table is restored from, as far as the commit that creates the table minds it.

    reads: what `hold` reads. hold: notes in the view that the new table needs the source, so that
    it stays; raises ServiceError if it cannot be had.
    """

    @property
    def reads(self) -> Sequence[bytes]: ...

    def hold(self, view: View, restored: TableId, /) -> None: ...


class Catalog:
    """Tables by region and name; see the module."""

    def __init__(
        self,
        engine: Engine,
        committer: Committer,
        clock: Clock,
        chance: Chance,
        settings: CatalogSettings,
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._chance = chance
        self._settings = settings
        self._open = OpenTables(settings.changes)

    @property
    def account(self) -> str:
        return self._settings.account

    async def table(self, region: str, name_or_arn: str) -> Table:
        """The table for an item operation.

        Raises ResourceNotFoundException if there is none, or none that takes items yet or still;
        ValidationException for an ARN that is no table's.
        """
        found = self._open.get(region, name_or_arn)
        if found is not None:
            return found
        name = self.name_of(region, name_or_arn)
        table = self._open.get(region, name) or await self._load(region, name)
        if table is None or not takes_items(table):
            raise ResourceNotFoundException
        return table

    def cached(self, region: str, name: str) -> Table | None:
        """The table as last seen, if it takes items and is at hand."""
        return self._open.get(region, name)

    async def known(self, region: str, name_or_arn: str) -> Table:
        """The table as last seen, whatever its state; it is loaded only if it is not at hand.

        Raises what `describe` does.
        """
        found = self.cached(region, self.name_of(region, name_or_arn))
        return found or await self.describe(region, name_or_arn)

    async def reload(self, table: Table) -> Table:
        """The table as stored now.

        Raises ResourceNotFoundException if it is gone or another has its name.
        """
        found = await self._load(table.region, table.name)
        if found is None or found.table_id != table.table_id:
            raise ResourceNotFoundException
        return found

    async def describe(self, region: str, name_or_arn: str) -> Table:
        """The table for a control operation, whatever its state.

        Raises ResourceNotFoundException if there is none.
        """
        name = self.name_of(region, name_or_arn)
        table = await self._load(region, name)
        if table is None:
            raise _not_found(name)
        return table

    async def names(self, region: str, start: str, limit: int) -> tuple[list[str], bool]:
        """Names of tables after `start`, in the order of their bytes, and whether more follow."""
        first, stop = keyspace.tables_span(region, start)
        rows = await self._engine.scan(Span(first, stop, limit + 1))
        names = [schema.decode(stored).name for _, stored in rows]
        return names[:limit], len(names) > limit

    async def every(self) -> list[Table]:
        """All tables of all regions."""
        start, stop = keyspace.every_table_span()
        tables: list[Table] = []
        while rows := await self._engine.scan(Span(start, stop, 1000)):
            tables += (schema.decode(stored) for _, stored in rows)
            start = rows[-1][0] + b"\x00"
        return tables

    async def create(
        self,
        region: str,
        definition: Definition,
        beside: Switch = NO_SWITCH,
        table_id: TableId | None = None,
    ) -> Table:
        """Create a table in the state CREATING, its log on if a stream is asked for.

        beside: what the same commit does besides. table_id: where it is chosen already. Raises
        ResourceInUseException if the name is taken, and what `beside` raises.
        """
        table = self._new(region, definition)
        if table_id is not None:
            table = replace(table, table_id=table_id)
        for _ in range(write_plans_max):
            switch = NO_SWITCH
            if definition.view is not None:
                switch = await self._on(table, definition.view)
            both = switch.then(beside)
            change = TableChange(table.key, None, table, both.reads, both.run)
            try:
                created = await self._committer.submit(change)
            except LabelTaken:
                continue
            except Outrun:
                raise ResourceInUseException(f"Table already exists: {table.name}") from None
            assert created is not None, "a creation leaves a table"
            self._open.note(created)
            return created
        raise ServiceUnavailable

    async def restore(
        self, region: str, definition: Definition, restoration: Restoration, source: Source
    ) -> Table:
        """Create a table whose items are to come from a source, in the state CREATING.

        Raises TableAlreadyExistsException or TableInUseException if the name is taken, and what the
        source raises.
        """
        table = self._new(region, definition).changed(restoration=restoration)

        def step(view: View, new: Table) -> Table:
            source.hold(view, new.table_id)
            return new

        for _ in range(write_plans_max):
            (stored,) = await self._engine.get([table.key])
            if stored is not None:
                raise _taken(schema.decode(stored))
            change = TableChange(table.key, None, table, source.reads, step)
            try:
                created = _present(await self._committer.submit(change))
            except Outrun:
                continue
            self._open.note(created)
            return created
        raise ServiceUnavailable

    async def update(self, region: str, name_or_arn: str, alteration: Alteration) -> Table:
        """Alter a table; it is UPDATING then.

        Raises ServiceError as `altering.altered` does, ResourceNotFoundException if it is gone.
        """
        now = self._clock.now()
        index_id = IndexId(self._chance.token(8).hex())
        shared = alteration.shared()

        async def plan(table: Table) -> tuple[Sequence[bytes], Step]:
            switch = await self._switch(table, alteration)

            def step(view: View, before: Table) -> Table:
                changed = switch.run(view, altering.altered(before, alteration, now, index_id))
                if shared is not None:
                    membership.follow(
                        view, before, lambda other: altering.altered(other, shared, now, index_id)
                    )
                return changed

            return (*switch.reads, *membership.keys_of(table)), step

        return _present(await self._change(region, self.name_of(region, name_or_arn), plan))

    async def delete(self, region: str, name_or_arn: str, check: Check | None = None) -> Table:
        """Begin a table's deletion: its stream is off at once, its items are erased in time.

        A table that is being deleted is left to it. check: whether it may be, instead of the check
        of a client's request, which raises ResourceInUseException if the table is busy,
        ValidationException if it is protected.
        """
        now = self._clock.now()
        now_us = int(now * 1e6)

        async def plan(table: Table) -> tuple[Sequence[bytes], Step]:
            switch = stream_switch.log_off(table, now_us)

            def step(view: View, before: Table) -> Table:
                if before.status is TableStatus.DELETING:
                    return before
                if check is None:
                    check_deletable(before, now)
                else:
                    check(before)
                membership.leave(view, before)
                closed = switch.run(view, before)
                return closed.changed(status=TableStatus.DELETING, recovery=None)

            return (*switch.reads, *membership.keys_of(table)), step

        return _present(await self._change(region, self.name_of(region, name_or_arn), plan))

    async def change(
        self, table: Table, step: Step, reads: Callable[[Table], Sequence[bytes]] | None = None
    ) -> Table | None:
        """Change a table that was read earlier; whoever changes a stored table does it by this.

        step: pure; what it raises is raised here. reads: keys it reads beside the table's own.
        Raises ResourceNotFoundException if the table is gone or another has its name.
        """

        def checked(view: View, present: Table) -> Table | None:
            if present.table_id != table.table_id:
                raise _not_found(table.name)
            return step(view, present)

        async def plan(present: Table) -> tuple[Sequence[bytes], Step]:
            return () if reads is None else reads(present), checked

        return await self._change(table.region, table.name, plan)

    def name_of(self, region: str, name_or_arn: str) -> str:
        """The name in a TableName, which may be an ARN.

        Raises ValidationException if it is no table's ARN, ResourceNotFoundException if it is of
        another account or region, whose tables are not here.
        """
        if not name_or_arn.startswith("arn:"):
            return name_or_arn
        parts = parse_table(name_or_arn)
        if parts is None:
            raise ValidationException(
                f"Invalid TableArn: Invalid ResourceArn provided as input {name_or_arn}"
            )
        if parts.region != region or parts.account != self._settings.account:
            raise _not_found(parts.table)
        return parts.table

    async def _change(self, region: str, name: str, plan: _Plan) -> Table | None:
        key = keyspace.table(region, name)
        for _ in range(write_plans_max):
            (stored,) = await self._engine.get([key])
            if stored is None:
                raise _not_found(name)
            table = schema.decode(stored)
            reads, step = await plan(table)
            change = TableChange(key, stored, table, reads, step)
            try:
                changed = await self._committer.submit(change)
            except (Outrun, LabelTaken):
                continue
            if changed is None:
                self._open.forget(table)
            else:
                self._open.note(changed)
            return changed
        raise ServiceUnavailable

    async def _load(self, region: str, name: str) -> Table | None:
        """The table as stored; the cache then agrees with it."""
        key = keyspace.table(region, name)
        while True:
            seen = self._open.state()
            (stored,) = await self._engine.get([key])
            if seen == self._open.state():  # else it may be older than what is cached
                break
        table = None if stored is None else schema.decode(stored)
        self._open.see(region, name, table)
        return table

    def _new(self, region: str, definition: Definition) -> Table:
        defaults = self._settings.defaults
        return new_table(region, definition, self._clock.now(), self._chance, defaults)

    async def _switch(self, table: Table, alteration: Alteration) -> Switch:
        if alteration.stream is None:
            return NO_SWITCH
        if alteration.stream.view is None:
            opening = stream_switch.hidden(self._clock.now(), self._chance)
            return stream_switch.off(table, opening)
        return await self._on(table, alteration.stream.view)

    async def _on(self, table: Table, view_type: ViewType) -> Switch:
        now = self._clock.now()
        opening = await stream_switch.opening(self._engine, table, now, self._chance)
        return stream_switch.on(table, opening, view_type)


def _present(table: Table | None) -> Table:
    assert table is not None, "only the last step of a deletion removes a table"
    return table


def _taken(table: Table) -> ServiceError:
    """Why nothing can be restored under a table's name."""
    if table.status is TableStatus.CREATING:
        return TableInUseException(f"Table is being created: {table.name}")
    if table.status is TableStatus.DELETING:
        return TableInUseException(f"Table is being deleted: {table.name}")
    return TableAlreadyExistsException(f"Table already exists: {table.name}")


def _not_found(name: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
