"""A region emptied: what a test leaves behind, gone before the next.

Each part is deleted as a client would; one that is busy is waited for, and left where it stays so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from headwater.clock import Clock
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.stream import DataStream, DataStreamStatus
from headwater.errors import (
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
)
from headwater.functions.function import Function
from headwater.functions.pool import Pool
from headwater.functions.registry import Registry
from headwater.mappings.mapping import EventSourceMapping, MappingState
from headwater.mappings.service import MappingService
from headwater.sinks.service import SinkService
from headwater.sinks.sink import Sink, State
from headwater.storage import keyspace
from headwater.storage.committer import Committer
from headwater.storage.engine import Engine
from headwater.storage.erase import erase
from headwater.tables.catalog import Catalog
from headwater.tables.deletion import check_idle
from headwater.tables.schema import Table, TableStatus

_PAGE: Final = 10_000  # more than a test makes
_ROUNDS_MAX: Final = 100
_ROUND_SECONDS: Final = 0.01

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What regions hold."""

    catalog: Catalog
    registry: Registry
    pool: Pool
    mappings: MappingService
    sinks: SinkService
    data_streams: DataStreams


class Eraser:
    """Empties regions. clock: the machine's."""

    def __init__(self, holdings: Holdings, stores: tuple[Engine, Committer], clock: Clock) -> None:
        self._engine, self._committer = stores
        self._catalog = holdings.catalog
        self._registry = holdings.registry
        self._pool = holdings.pool
        self._mappings = holdings.mappings
        self._sinks = holdings.sinks
        self._data_streams = holdings.data_streams
        self._clock = clock

    async def erase(self, region: str) -> None:
        """Delete all mappings, sinks, functions, tables and data streams of a region.

        They are gone, or going as those that a client deletes. What transactions have been made by
        a client token is forgotten.
        """
        await self._delete_all(lambda: self._mappings_of(region), self._mappings.delete)
        await self._delete_all(lambda: self._sinks_of(region), self._sinks.delete)
        await self._delete_all(
            lambda: self._registry.page(region, "", _PAGE),
            lambda function: self._delete_function(region, function),
        )
        await self._delete_all(
            lambda: self._tables_of(region), lambda table: self._delete_table(region, table)
        )
        await self._delete_all(
            lambda: self._data_streams_of(region),
            lambda stream: self._data_streams.delete(region, stream.name, with_consumers=True),
        )
        await erase(self._engine, self._committer, keyspace.transactions_span(region))

    async def _delete_all(
        self,
        find: Callable[[], Awaitable[Iterable[Part]]],
        delete: Callable[[Part], Awaitable[object]],
    ) -> None:
        """Delete what is found until nothing is, or as long as there is sense in it."""
        for _ in range(_ROUNDS_MAX):
            is_done = True
            for part in await find():
                is_done = False
                try:
                    await delete(part)
                except (ResourceInUseException, ResourceConflictException):
                    await self._clock.sleep(_ROUND_SECONDS)
                except ServiceError:
                    pass  # somebody else has deleted it
            if is_done:
                return

    async def _mappings_of(self, region: str) -> list[EventSourceMapping]:
        found, _ = await self._mappings.page(region, "", _PAGE, {})
        return [mapping for mapping in found if mapping.state is not MappingState.DELETING]

    async def _sinks_of(self, region: str) -> list[Sink]:
        found = await self._sinks.of_region(region)
        return [sink for sink in found if sink.state is not State.DELETING]

    async def _delete_function(self, region: str, function: Function) -> None:
        await self._registry.delete(region, function.name)
        self._pool.forget(function.arn)

    async def _data_streams_of(self, region: str) -> list[DataStream]:
        found, _ = await self._data_streams.page(region, "", _PAGE)
        return [each for each in found if each.status is not DataStreamStatus.DELETING]

    async def _tables_of(self, region: str) -> list[Table]:
        names, _ = await self._catalog.names(region, "", _PAGE)
        found = []
        for name in names:
            with suppress(ResourceNotFoundException):  # gone since
                table = await self._catalog.describe(region, name)
                if table.status is not TableStatus.DELETING:
                    found.append(table)
        return found

    async def _delete_table(self, region: str, table: Table) -> None:
        await self._catalog.delete(region, table.name, check_idle)
