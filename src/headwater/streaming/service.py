"""All streaming destinations of a store: asked for by clients, and kept running as they are stored.

A destination stands in its table's record. Enabling switches the table's log on, if it is not, and
stores in the same commit that reading begins there: not one change after it is missed. The tables
that have destinations are marked, so that nobody looks at all others.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from headwater.arn import parse_data_stream
from headwater.clock import Chance, linger
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import CheckpointWork
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import (
    Behind,
    ShardsChanged,
    behind,
    latest_keys,
    start_at_latest,
)
from headwater.consumers.members import Members
from headwater.consumers.policy import PolicySettings
from headwater.consumers.upkeep import Rounds, Upkeep
from headwater.errors import ResourceNotFoundException, ServiceUnavailable
from headwater.limits import (
    data_stream_records_max,
    streaming_batch_bytes_max,
    streaming_poll_seconds,
    streaming_retry_seconds_max,
    write_plans_max,
)
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import ShardId, TableId
from headwater.streaming import states
from headwater.streaming.activity import StreamingActivities
from headwater.streaming.destination import DataStreamDestination
from headwater.streaming.target import NotPut, Target
from headwater.streams import listing
from headwater.streams.window import WholeLog
from headwater.tables import partitions, schema, stream_switch
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table, TableStatus
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus

TOPIC: Final = b"cf"  # woken when a destination has changed
_MISSING: Final = "The Kinesis data stream was not found."

_log = structlog.get_logger(__name__)

Running = tuple[Table, StreamingDestination]


class StreamingService:
    """The streaming destinations of a store. settle_seconds: how long states pass, at the least."""

    def __init__(
        self,
        services: Services,
        members: Members,
        tables: tuple[Catalog, Chance],
        outside: tuple[Target, StreamingActivities],
        durations: tuple[float, float],
    ) -> None:
        """durations: how long records of streams can be read, and how long states pass at least."""
        self._services = services
        self._catalog, self._chance = tables
        self._target, self._activities = outside
        self._retention_seconds, self._settle_seconds = durations
        self._passing: set[bytes] = set()
        self._upkeep = Upkeep[Running](
            services, members, self._retention_seconds, Rounds(TOPIC, streaming_poll_seconds)
        )

    async def enable(self, table: Table, stream_arn: str, precision: str | None) -> None:
        """Have a table's changes go to a data stream, from this commit on.

        Raises ValidationException, ResourceNotFoundException.
        """
        log = _log_of(table)
        for _ in range(write_plans_max):
            latest = await latest_keys(self._services.engine, log)

            def step(view: View, present: Table) -> Table:
                destination = states.enabled(present, stream_arn, precision)
                start_at_latest(view, _name(present, destination), log, latest)  # noqa: B023
                if not present.has_log:
                    opening = stream_switch.hidden(self._services.clock.now(), self._chance)
                    present = partitions.log_on(view, present, opening)
                view.put(keyspace.streaming(present.key), b"")
                return _put(view, present, destination)

            heads = [head_key for _, head_key in latest]
            try:
                await self._catalog.change(table, step, lambda _: heads)  # noqa: B023
            except ShardsChanged:
                continue
            return
        raise ServiceUnavailable

    async def disable(self, table: Table, stream_arn: str) -> None:
        """Raises ValidationException, ResourceNotFoundException."""
        await self._change(table, lambda present: states.disabled(present, stream_arn))

    async def update(self, table: Table, stream_arn: str, precision: str) -> None:
        """Raises ValidationException, ResourceNotFoundException."""
        await self._change(table, lambda present: states.updated(present, stream_arn, precision))

    async def behind(
        self, written: Mapping[TableId, Mapping[ShardId, int]]
    ) -> Mapping[str, Behind]:
        """The active destinations that have not passed these numbers, and where they are."""
        laggards: dict[str, Behind] = {}
        for table, destination in await self._stored():
            if _is_read(destination) and table.table_id in written:
                name, numbers = _name(table, destination), written[table.table_id]
                place = await behind(self._services.engine, name, _log_of(table), numbers)
                if place is not None:
                    laggards[f"{table.name} to {_stream_name(destination)}"] = place
        return laggards

    async def run(self) -> None:
        """Keep the destinations running until `stop`; returns when all have come to a stop."""
        await self._upkeep.run(self._compare)

    def stop(self) -> None:
        """Take no more; `run` returns when what is delivered now is done and stored."""
        self._upkeep.stop()

    async def _change(self, table: Table, changed: Callable[[Table], StreamingDestination]) -> None:
        await self._catalog.change(table, lambda view, each: _put(view, each, changed(each)))

    async def _compare(self, tasks: asyncio.TaskGroup) -> None:
        stored = {_key(table, each): (table, each) for table, each in await self._stored()}
        self._activities.keep({key for key, (_, each) in stored.items() if not each.status.is_off})

        def is_wanted(key: bytes, running: Running) -> bool:
            found = stored.get(key)
            return found is not None and _is_read(found[1]) and found[1] == running[1]

        self._upkeep.keep(is_wanted)
        if self._upkeep.is_stopping:
            return
        for key, (table, destination) in stored.items():
            if self._upkeep.find(key) is not None or key in self._passing:
                continue  # its end wakes us
            if _is_read(destination):
                self._start(tasks, table, destination)
            elif not destination.status.is_off:
                self._passing.add(key)
                tasks.create_task(self._pass(key, table, destination))

    def _start(
        self, tasks: asyncio.TaskGroup, table: Table, destination: StreamingDestination
    ) -> None:
        self._upkeep.start(
            tasks,
            (_key(table, destination), (table, destination)),
            self._consumer(table, destination),
            lambda: self._forget_if_gone(table, destination),
        )

    async def _pass(self, key: bytes, table: Table, destination: StreamingDestination) -> None:
        """Bring a destination that does not run to rest; what goes wrong is tried again."""
        try:
            await linger(self._services.clock, self._settle_seconds)
            match destination.status:
                case StreamingStatus.ENABLING:
                    await self._settle(table, destination, await self._found(table, destination))
                case StreamingStatus.UPDATING:
                    await self._settle(table, destination, StreamingStatus.ACTIVE)
                case _:
                    await self._settle(table, destination, StreamingStatus.DISABLED)
                    await self._forget(table, destination)
        except Unavailable as error:
            _log.warning("store_unavailable", error=str(error))
        finally:
            self._passing.discard(key)
            self._upkeep.wake()

    async def _found(
        self, table: Table, destination: StreamingDestination
    ) -> StreamingStatus | None:
        """The state that enabling ends in; None while nobody can say."""
        try:
            is_there = await self._target.has(table.region, _stream_name(destination))
        except NotPut:
            return None
        return StreamingStatus.ACTIVE if is_there else StreamingStatus.ENABLE_FAILED

    async def _settle(
        self, table: Table, destination: StreamingDestination, status: StreamingStatus | None
    ) -> None:
        """Bring a destination to rest, unless it has changed since; the log goes off unneeded."""
        if status is None:
            return
        now_us = int(self._services.clock.now() * 1e6)
        reason = _MISSING if status is StreamingStatus.ENABLE_FAILED else ""

        def step(view: View, present: Table) -> Table:
            if states.find(present, destination.stream_arn) != destination:
                return present
            settled = _put(view, present, replace(destination, status=status, reason=reason))
            if status.is_off and settled.stream is None and not settled.needs_log:
                settled = partitions.log_off(view, settled, now_us)
            return settled

        try:
            await self._catalog.change(table, step, partitions.open_shard_keys)
        except ResourceNotFoundException:
            return

    def _consumer(self, table: Table, destination: StreamingDestination) -> Consumer:
        settings = PolicySettings(
            batch_records_max=data_stream_records_max,
            batch_bytes_max=streaming_batch_bytes_max,
            window_seconds=0,
            retries_max=None,
            age_seconds_max=self._retention_seconds,
            retry_seconds_max=streaming_retry_seconds_max,
        )
        stream = _stream_name(destination)
        labels = table.region, table.name, stream
        activity = self._activities.of(_key(table, destination), labels)
        return Consumer(
            _name(table, destination),
            _log_of(table),
            settings,
            DataStreamDestination(table, destination, stream, self._target, activity),
            observer=activity,
        )

    async def _stored(self) -> list[Running]:
        """Every destination of the tables that are marked; marks of tables that are gone go."""
        engine = self._services.engine
        marks = [key async for key, _ in listing.entries(engine, keyspace.every_streaming_span())]
        found: list[Running] = []
        tables = await engine.get([keyspace.table_of_streaming(mark) for mark in marks])
        for mark, stored in zip(marks, tables, strict=True):
            table = None if stored is None else schema.decode(stored)
            if table is None or not table.streaming:
                await self._services.committer.submit(checkpoints.forget([mark]))
            elif table.status is not TableStatus.DELETING:
                found += ((table, each) for each in table.streaming)
        return found

    async def _forget_if_gone(self, table: Table, destination: StreamingDestination) -> None:
        (stored,) = await self._services.engine.get([table.key])
        present = None if stored is None else schema.decode(stored)
        if present is None or present.table_id != table.table_id:
            await self._forget(table, destination)

    async def _forget(self, table: Table, destination: StreamingDestination) -> None:
        """Remove the positions of a destination that is not read any more."""
        name = _name(table, destination)
        stored = await checkpoints.load(self._services.engine, name)
        keys: Sequence[bytes] = [delivery_keys.checkpoint(name, *shard) for shard in stored]
        work: CheckpointWork = checkpoints.forget(keys)
        await self._services.committer.submit(work)


def _put(view: View, table: Table, destination: StreamingDestination) -> Table:
    view.wake(TOPIC)
    return states.put(table, destination)


def _is_read(destination: StreamingDestination) -> bool:
    return destination.status is StreamingStatus.ACTIVE


def _key(table: Table, destination: StreamingDestination) -> bytes:
    return _name(table, destination).encode()


def _name(table: Table, destination: StreamingDestination) -> str:
    """What the positions of a destination are stored under; another each time it is enabled."""
    digest = hashlib.blake2b(destination.stream_arn.encode(), digest_size=8).hexdigest()
    return f"streaming/{table.table_id}/{digest}/{destination.turn}"


def _log_of(table: Table) -> WholeLog:
    return WholeLog(table.region, table.table_id, table.name, table.keys.names())


def _stream_name(destination: StreamingDestination) -> str:
    name = parse_data_stream(destination.stream_arn)
    assert name is not None, "a destination's stream was checked when it was enabled"
    return name.stream
