"""The kind `warehouse`: tables of a database that analysts ask.

A batch is one transaction: its items merged, its changes added to the history, and how far that is
(`merging.py`, `ledger.py`). So each change is there exactly once in a round, whatever crashes; a
replay adds its changes to the history anew, under the next round.

What the database refuses for the sake of one value, it refuses for the whole batch. Then the batch
is halved until that value is alone; its change is rejected, and the others are there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from headwater.limits import (
    warehouse_answer_seconds_max,
    warehouse_forget_seconds,
    warehouse_removed_seconds,
)
from headwater.sinks import duckdb_file, postgres
from headwater.sinks.change import plain
from headwater.sinks.columns import Columns
from headwater.sinks.database import Database, Session, TablesChanged, Unfit
from headwater.sinks.duckdb_file import DuckDBFile
from headwater.sinks.holdings import Holdings
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.layout import Layout
from headwater.sinks.ledger import Ledger
from headwater.sinks.merging import Key, comes_again, keyed, merged, new_changes, number_after
from headwater.sinks.postgres import Postgres
from headwater.sinks.schema import Schema
from headwater.sinks.settings import means
from headwater.sinks.verification import Comparison, Verdict, without_null
from headwater.storage.objects import DirectoryObjects, UnusableName

T = TypeVar("T")
_FILE: Final = re.compile(r"file:(?P<folder>[^/]+)/(?P<name>.+)")
_ADDRESSES: Final = ("postgresql://", "postgres://")
_BEGUN: Final = "begun"
_OURS: Final = "_hw_"


class Keep(StrEnum):
    both = "both"
    items = "items"
    history = "history"


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """Settings of a warehouse."""

    database: str = field(
        default="file:warehouse/warehouse.duckdb",
        metadata=means(
            "`file:FOLDER/NAME` for a file of DuckDB, needs `headwater[duckdb]`; "
            "`postgresql://USER@HOST:PORT/DATABASE` for PostgreSQL, needs `headwater[postgres]`."
        ),
    )
    password: str | None = field(
        default=None,
        metadata=means(
            "Of PostgreSQL's user; if not given, what libpq finds in the server's environment.",
            is_secret=True,
        ),
    )
    schema: str = field(
        default="",
        metadata=means(
            "The database's schema, made if it is not there; if not given, `public` or `main`."
        ),
    )
    keep: Keep = field(
        default=Keep.both,
        metadata=means("items: as they are; history: of their changes; both: a table of each."),
    )
    table: str = field(
        default="", metadata=means("The table of items; if not given, named as the sink's table.")
    )
    history_table: str = field(
        default="",
        metadata=means("The table of the history; if not given, TABLE`_history`."),
    )

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.database) and not self.database.startswith(_ADDRESSES):
            raise InvalidSettings(
                f"database: {self.database!r} is not file:FOLDER/NAME or postgresql://..."
            )
        if self.is_file and self.password is not None:
            raise InvalidSettings("a file has no password")
        if self.keep is Keep.items and self.history_table:
            raise InvalidSettings("history_table is given, but no history is kept")
        for name in (self.table, self.history_table):
            if name.lower().startswith(_OURS) or "\x00" in name:
                raise InvalidSettings(f"{name!r} cannot be the name of a table")
        if self.table and self.table == self.history_table:
            raise InvalidSettings("table and history_table are the same")

    @property
    def is_file(self) -> bool:
        return not self.database.startswith(_ADDRESSES)


class Warehouse:
    """A sink's tables in its database, worked on by one thread."""

    def __init__(self, opening: Opening, database: Database) -> None:
        """Raises SinkBroken if its tables cannot have their names."""
        sink = opening.sink
        self.columns = Columns(opening.notes, opening.warn, database.dialect.columns_max)
        self._layout = _layout(opening, database)
        self.ledger = Ledger(self._layout, sink.sink_id, sink.round)
        self.holdings = Holdings(self._layout, sink.sink_id, sink.round)
        self._notes = opening.notes
        self._round = str(sink.round).encode()
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")
        self._turn = asyncio.Lock()
        self._prepared: Schema | None = None

    async def transact(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction, when it is its turn. Raises what `Database.transact` does.

        What is cancelled may still come to its end.
        """
        async with self._turn:
            return await self._transact(work)

    async def _transact(self, work: Callable[[Session], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(warehouse_answer_seconds_max):
                return await loop.run_in_executor(self._thread, self._database.transact, work)
        except TablesChanged:
            self._prepared = None
            raise
        except asyncio.CancelledError:
            self._database.abandon()
            raise
        except TimeoutError as error:
            self._database.abandon()
            raise SinkUnavailable("The database does not answer.") from error

    async def prepare(self, schema: Schema) -> None:
        """Have all tables there, with the columns of a schema."""
        if self._prepared == schema:
            return
        is_begun = await self._notes.get(_BEGUN) == self._round
        try:
            await self.transact(
                lambda session: self.ledger.prepare(session, schema, is_begun=is_begun)
            )
        except Unfit as error:
            raise SinkUnavailable(str(error)) from error
        if not is_begun:
            await self._notes.put(_BEGUN, self._round)
        self._prepared = schema

    def close(self) -> None:
        self._thread.submit(self._database.close)
        self._thread.shutdown(wait=False)


class WarehouseWriter:
    """`Writer` of a warehouse."""

    def __init__(self, warehouse: Warehouse, opening: Opening) -> None:
        self._warehouse = warehouse
        self._clock = opening.around.clock
        self._forgotten_at = 0.0

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        schema = await self._warehouse.columns.fit(
            change.document for change in batch.changes if change.document is not None
        )
        await self._warehouse.prepare(schema)
        return await self._write(batch, schema, 0)

    async def close(self) -> None:
        self._warehouse.close()

    async def _write(self, batch: ChangeBatch, schema: Schema, first: int) -> list[Rejected]:
        """Write a batch, or a part of one that begins with the change of an index."""
        try:
            await self._warehouse.transact(lambda session: self._transact(session, batch, schema))
        except Unfit as error:
            if len(batch.changes) == 1:
                return [Rejected(first, str(error))]
            half = len(batch.changes) // 2
            front = replace(batch, changes=batch.changes[:half])
            back = replace(batch, changes=batch.changes[half:])
            return [
                *await self._write(front, schema, first),
                *await self._write(back, schema, first + half),
            ]
        return []

    def _transact(self, session: Session, batch: ChangeBatch, schema: Schema) -> None:
        self._warehouse.ledger.claim(session)
        self._merge(session, batch, schema)
        now = self._clock.now()
        if now - self._forgotten_at >= warehouse_forget_seconds:
            before_us = int((now - warehouse_removed_seconds) * 1e6)
            self._warehouse.holdings.forget(session, before_us)
            self._forgotten_at = now

    def _merge(self, session: Session, batch: ChangeBatch, schema: Schema) -> None:
        ledger, holdings = self._warehouse.ledger, self._warehouse.holdings
        number, changes = ledger.number(session, batch.origin), keyed(batch)
        keys = list(dict.fromkeys(key for key, _ in changes))
        known = holdings.snapshots(session, keys) if comes_again(batch, number) else ()
        changes = new_changes(batch, changes, number, known)
        if not changes:
            return
        rows, versions = holdings.rows(schema, changes), holdings.versions(session, keys)
        holdings.merge(session, rows, merged(changes, versions), versions)
        holdings.append(session, rows, changes)
        ledger.move(session, batch.origin, number_after(batch))


def _layout(opening: Opening, database: Database) -> Layout:
    settings: WarehouseSettings = opening.settings
    items = settings.table or opening.sink.table_name
    history = settings.history_table or f"{items}_history"
    room = database.dialect.name_bytes_max
    for name in (items, history):
        if room is not None and len(name.encode()) > room:
            raise SinkBroken(f"{name} is too long a name for a table of the database.")
    return Layout(
        database.dialect,
        settings.schema or ("main" if settings.is_file else "public"),
        None if settings.keep is Keep.history else items,
        None if settings.keep is Keep.items else history,
    )


def _database(settings: WarehouseSettings, around: Surroundings) -> Database:
    """Raises InvalidSettings."""
    if not settings.is_file:
        return Postgres(settings.database, settings.password)
    return DuckDBFile(_path(settings, around))


def _path(settings: WarehouseSettings, around: Surroundings) -> Path:
    match = _FILE.fullmatch(settings.database)
    assert match is not None, "the settings were checked"
    try:
        DirectoryObjects(around.files, around.chance).check(match["folder"], match["name"])
    except UnusableName as error:
        raise InvalidSettings(f"database: {error}") from error
    return around.files / match["folder"] / match["name"]


async def _opened(opening: Opening) -> Warehouse:
    database = await asyncio.to_thread(_database, opening.settings, opening.around)
    warehouse = Warehouse(opening, database)
    await warehouse.columns.load()
    return warehouse


async def _open(opening: Opening) -> Writer:
    return WarehouseWriter(await _opened(opening), opening)


async def _filled(opening: Opening) -> None:
    warehouse = await _opened(opening)
    try:
        await warehouse.prepare(await warehouse.columns.load())

        def sweep(session: Session) -> None:
            warehouse.ledger.claim(session)
            warehouse.holdings.sweep(session)

        await warehouse.transact(sweep)
    finally:
        warehouse.close()


async def _verify(opening: Opening, expected: AsyncIterator[Sequence[Any]]) -> Verdict:
    comparison = Comparison()
    async for changes in expected:
        for change in changes:
            if change.document is not None:
                comparison.expect(plain(change.keys), without_null(change.document))
    warehouse = await _opened(opening)
    try:
        schema = await warehouse.columns.load()
        await warehouse.prepare(schema)

        return await comparison.verdict(_held(warehouse, schema))
    finally:
        warehouse.close()


async def _held(warehouse: Warehouse, schema: Schema) -> AsyncIterator[tuple[Any, Any]]:
    """Everything that is held, page by page: keys and documents."""
    after: Key | None = str(UUID(int=0))
    while after is not None:
        read = partial(warehouse.holdings.held, schema=schema, after=after)
        page = await warehouse.transact(read)
        for _, keys, document in page:
            yield keys, document
        after = page[-1][0] if page else None


async def _check(settings: WarehouseSettings, around: Surroundings) -> None:
    if settings.is_file:
        _path(settings, around)
        await asyncio.to_thread(duckdb_file.library)
    else:
        await asyncio.to_thread(postgres.check, settings.database)


KIND: Final = Kind(
    "warehouse",
    "Tables of a database: the items as they are, and the history of their changes.",
    WarehouseSettings,
    _open,
    Pace(batch_records=5_000, window_seconds=1.0),
    _check,
    _verify,
    _filled,
)
