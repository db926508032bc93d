"""A store in memory with the handlers of item operations over it, called as clients call them.

Requests pass the check of shapes and answers are JSON, as through the wire, but without HTTP. All
runs on one loop of its own and a clock that stands still until told, so tests are plain functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from headwater.api import shapes
from headwater.api.batches import Batches
from headwater.api.item_services import ItemServices
from headwater.api.items import Items
from headwater.api.operation import Call, Handler
from headwater.api.queries import Queries
from headwater.api.statement_groups import StatementGroups
from headwater.api.statements import Statements
from headwater.api.transactions import Transactions
from headwater.clock import ManualClock, SeededChance
from headwater.limits import item_collection_bytes_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View, Wakeups
from headwater.storage.engine import Span
from headwater.storage.keyspace import IndexId, TableId
from headwater.storage.memory import MemoryEngine
from headwater.streams.shard import Opening
from headwater.streams.window import ViewType
from headwater.tables import partitions, schema
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.metering import Meters
from headwater.tables.schema import (
    Index,
    KeyAttribute,
    KeySchema,
    ProjectionType,
    Table,
    TableStatus,
    Units,
)
from headwater.tables.write import Writer, WriteWork

REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Step:
    """Work from a function."""

    reads: Sequence[bytes]
    step: Callable[[View], Any]

    def run(self, view: View) -> Any:
        return self.step(view)


class ItemStore:
    """The engine, its committer, and `call`."""

    def __init__(
        self, engine: MemoryEngine | None = None, *, enforces_throughput: bool = False
    ) -> None:
        self.engine = engine or MemoryEngine()
        self.clock = ManualClock()
        self.chance = SeededChance(1)
        self.committer = Committer(self.engine, Wakeups())
        settings = CatalogSettings(ACCOUNT)
        self.catalog = Catalog(self.engine, self.committer, self.clock, self.chance, settings)
        meters = Meters(self.clock, ACCOUNT) if enforces_throughput else None
        work = WriteWork if meters is None else meters.work
        self.writer = Writer(self.committer, self.catalog, work)
        services = ItemServices(self.catalog, self.engine, self.writer, self.clock, meters)
        self._handlers: dict[tuple[str, str], Handler] = {}
        self.serve(Items(services).handlers())
        self.serve(Queries(services).handlers())
        self.serve(Batches(services).handlers())
        self.serve(Transactions(services).handlers())
        self.serve(Statements(services).handlers())
        self.serve(StatementGroups(services).handlers())
        self._runner = asyncio.Runner()

    def serve(self, handlers: Mapping[tuple[str, str], Handler]) -> None:
        """Answer operations by these handlers."""
        self._handlers.update(handlers)

    @contextmanager
    def running(self) -> Iterator[ItemStore]:
        loop = self._runner.get_loop()
        commits = loop.create_task(self.committer.run())
        try:
            yield self
        finally:
            self.committer.close()
            loop.run_until_complete(commits)
            self._runner.close()

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def call(self, operation: str, **request: Any) -> Any:
        """The answer's JSON; raises what the handler raises."""
        return orjson.loads(self.run(self.answer(operation, **request)))

    async def answer(self, operation: str, **request: Any) -> bytes:
        raw = orjson.dumps(request)
        checked = shapes.load("dynamodb").operations[operation].check(orjson.loads(raw))
        call = Call("dynamodb", operation, REGION, None, checked, "REQUEST", raw)
        return (await self._handlers["dynamodb", operation](call)).body

    def work(self, reads: Sequence[bytes], step: Callable[[View], Any]) -> Any:
        """Run a step in a commit of its own."""

        async def submit() -> Any:
            return await self.committer.submit(Step(reads, step))

        return self.run(submit())

    def entries(self, span: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """All that is stored in a span."""
        rows: list[tuple[bytes, bytes]] = self.run(self.engine.scan(Span(*span, 1_000_000)))
        return rows

    def add_table(self, table: Table) -> Table:
        self.work([], lambda view: view.put(table.key, schema.encode(table)))
        return table

    def change_table(
        self, table: Table, reads: Sequence[bytes], step: Callable[[View, Table], Table]
    ) -> Table:
        """Store what a step makes of the table as stored; the catalog is not told."""

        def change(view: View) -> Table:
            stored = view.get(table.key)
            assert stored is not None
            changed = step(view, schema.decode(stored))
            view.put(table.key, schema.encode(changed))
            return changed

        changed: Table = self.work([table.key, *reads], change)
        return changed

    def switch_stream(self, table: Table, label: str | None) -> Table:
        """Switch the table's log on under a label, or off."""
        now_us = int(self.clock.now() * 1e6)
        if label is None:
            assert table.stream is not None
            stream_key = partitions.open_shard_keys(table)
            stream_key += [_stream_key(table)]
            return self.change_table(
                table, stream_key, lambda view, now: partitions.switch_off(view, now, now_us)
            )
        opening = Opening(label, now_us, self.chance)
        view_type = ViewType.NEW_AND_OLD_IMAGES
        return self.change_table(
            table, [], lambda view, now: partitions.switch_on(view, now, opening, view_type)
        )


def _stream_key(table: Table) -> bytes:
    assert table.stream is not None
    return keyspace.stream(table.region, table.name, table.stream.label)


def new_table(
    name: str = "Music",
    keys: str = "artist song",
    indexes: Sequence[Index] = (),
    types: Mapping[str, str] | None = None,
    number: int = 1,
    collection_bytes_max: int = item_collection_bytes_max,
) -> Table:
    """A table that takes items. keys: names of partition and sort key; types: S but for these."""
    has_collections = any(not index.is_global for index in indexes)
    return Table(
        REGION,
        name,
        TableId(f"00000000-0000-0000-0000-{number:012d}"),
        TableStatus.ACTIVE,
        1_700_000_000.0,
        key_schema(keys, types),
        partitions.initial(Units(), 2),
        tuple(indexes),
        collection_bytes_max=collection_bytes_max if has_collections else None,
    )


def key_schema(names: str, types: Mapping[str, str] | None = None) -> KeySchema:
    """names: of the partition and the sort key's attribute; several of either joined by `+`."""
    keys = [
        tuple(KeyAttribute(name, (types or {}).get(name, "S")) for name in part.split("+"))
        for part in names.split()
    ]
    return KeySchema(*keys)


def new_index(
    name: str,
    keys: str,
    *,
    is_global: bool = True,
    projection: ProjectionType = ProjectionType.ALL,
    attributes: tuple[str, ...] = (),
    types: Mapping[str, str] | None = None,
) -> Index:
    index_id = IndexId(name.encode().hex().ljust(16, "0")[:16])
    return Index(name, index_id, is_global, key_schema(keys, types), projection, attributes)
