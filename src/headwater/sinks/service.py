"""The sinks of a store: asked for by clients, and kept running as they are stored.

They run in every process of a store (`consumers.upkeep`); those that begin with the items are first
filled by the one that leads (`filler.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import (
    Behind,
    ShardsChanged,
    behind,
    latest_keys,
    own_numbers,
    positions_at,
)
from headwater.consumers.members import Members
from headwater.consumers.observer import Observer, Observers
from headwater.consumers.policy import PolicySettings
from headwater.consumers.progress import ShardProgress, progress
from headwater.consumers.upkeep import Rounds, Upkeep
from headwater.errors import (
    ResourceNotFoundException,
    ServiceUnavailable,
    ValidationException,
)
from headwater.limits import sink_poll_seconds, sink_retry_seconds_max, write_plans_max
from headwater.sinks import alterations, settings
from headwater.sinks import sink as sinks
from headwater.sinks.alterations import Beginning, Progress, SinkWork, decode_progress
from headwater.sinks.destination import SinkDestination
from headwater.sinks.kind import InvalidSettings, SinkBroken, SinkUnavailable
from headwater.sinks.pipelines import Outside, Pipelines
from headwater.sinks.selection import selection_of
from headwater.sinks.sink import Manner, Sink, Start, State
from headwater.sinks.verification import Verdict
from headwater.storage import delivery_keys
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import listing
from headwater.streams.window import Stream
from headwater.tables.schema import Table

STREAM_GONE: Final = "Its stream is gone."


@dataclass(frozen=True, slots=True)
class NewSink:
    """What is to be created."""

    region: str
    name: str
    kind: str
    table_name: str
    start: Start
    manner: Manner
    is_configured: bool = False


class SinkService:
    """All sinks of a store."""

    def __init__(
        self,
        services: Services,
        members: Members,
        retention_seconds: float,
        outside: Outside,
    ) -> None:
        self._services = services
        self._retention_seconds = retention_seconds
        self._outside = outside
        self.pipelines = Pipelines(services.engine, services.committer, outside)
        self._upkeep = Upkeep[Sink](
            services, members, retention_seconds, Rounds(sinks.TOPIC, sink_poll_seconds)
        )

    async def create(self, new: NewSink) -> Sink:
        """Store a sink; it begins at once. What is given has been checked (`request.py`).

        Raises ResourceNotFoundException, ResourceInUseException, ValidationException.
        """
        await self._check(new.region, new.kind, new.manner)
        table, now = await self._table(new.region, new.table_name), self._services.clock.now()
        sink = Sink(
            new.region,
            new.name,
            self._outside.around.chance.uuid(),
            new.kind,
            table.name,
            table.table_id,
            _label(table),
            new.start,
            new.manner,
            State.RUNNING,
            new.start is Start.BACKFILL,
            now,
            now,
            is_configured=new.is_configured,
        )
        return await self._begin(
            sink, lambda stream, beginning: alterations.create(sink, stream, beginning)
        )

    async def replay(self, sink: Sink, start: Start, start_at: float | None = None) -> Sink:
        """Have a sink begin anew, with the stream that its table has now.

        start_at: the epoch second, of AT_TIMESTAMP.
        Raises ResourceNotFoundException, ResourceInUseException, ValidationException.
        """
        table, now = await self._table(sink.region, sink.table_name), self._services.clock.now()
        if start_at is not None and start_at > now:
            raise ValidationException("A sink cannot begin with what is written in the future")
        after = sink.changed(
            now,
            start=start,
            start_at=start_at,
            round=sink.round + 1,
            must_fill=start is Start.BACKFILL,
            state=State.RUNNING,
            reason="",
            table_id=table.table_id,
            label=_label(table),
        )
        return await self._begin(
            after, lambda stream, beginning: alterations.replay(sink, after, stream, beginning)
        )

    async def get(self, region: str, name: str) -> Sink:
        """A sink. Raises ResourceNotFoundException."""
        (stored,) = await self._services.engine.get([delivery_keys.sink(region, name)])
        if stored is None:
            raise ResourceNotFoundException(f"Sink not found: {name}")
        return sinks.decode(stored)

    async def of_region(self, region: str) -> list[Sink]:
        """All sinks of a region, in the order of their names."""
        found = listing.entries(self._services.engine, delivery_keys.sinks_span(region))
        return [sinks.decode(stored) async for _, stored in found]

    async def every(self) -> list[Sink]:
        return await sinks.every(self._services.engine)

    async def change(self, sink: Sink, manner: Manner, *, is_configured: bool) -> Sink:
        """Give a sink, as it was read, another manner; readers go on with it from where they are.

        Raises ResourceInUseException, ResourceNotFoundException, as do the following.
        """
        await self._check(sink.region, sink.kind, manner)
        now = self._services.clock.now()
        return await self._submit(
            alterations.change(sink, now, manner, is_configured=is_configured)
        )

    async def pause(self, sink: Sink) -> Sink:
        return await self._submit(alterations.pause(sink, self._services.clock.now()))

    async def resume(self, sink: Sink) -> Sink:
        """Have a sink that is paused or stopped go on."""
        return await self._submit(alterations.resume(sink, self._services.clock.now()))

    async def delete(self, sink: Sink) -> Sink:
        """Have a sink deleted; it goes once its readers here have stopped."""
        return await self._submit(alterations.delete(sink, self._services.clock.now()))

    async def stream_of(self, sink: Sink) -> Stream | None:
        """The stream that a sink reads, as long as it is there."""
        horizon = self._horizon()
        return await listing.find_stream(self._services.engine, sink.stream_key, horizon)

    async def progress(self, sink: Sink) -> list[ShardProgress]:
        """Where a sink stands in each shard; nowhere if its stream is gone."""
        stream = await self.stream_of(sink)
        if stream is None:
            return []
        return await progress(self._services.engine, sink.consumer, stream, self._horizon())

    async def filling(self, sink: Sink) -> Progress:
        """How far a sink's items are written."""
        (stored,) = await self._services.engine.get([sink.progress_key])
        return decode_progress(stored, sink)

    async def verify(self, sink: Sink) -> Verdict:
        """Compare what a sink's destination holds with its table.

        Raises ValidationException if it cannot be asked, ResourceNotFoundException if stream or
        table are gone, ServiceUnavailable if they cannot be asked now.
        """
        stream = await self.stream_of(sink)
        if stream is None:
            raise ResourceNotFoundException(STREAM_GONE)
        try:
            return await self.pipelines.verify(sink, stream)
        except (InvalidSettings, SinkBroken) as error:
            raise ValidationException(str(error)) from error
        except SinkUnavailable as error:
            raise ServiceUnavailable(str(error)) from error

    async def behind(
        self, written: Mapping[TableId, Mapping[ShardId, int]]
    ) -> Mapping[str, Behind]:
        """The names of the running sinks that have not passed these numbers, and where."""
        laggards: dict[str, Behind] = {}
        for sink in await self.every():
            numbers = written.get(sink.table_id)
            stream = await self.stream_of(sink) if sink.state is State.RUNNING else None
            if stream is None or numbers is None:
                continue
            if sink.must_fill:
                own = await own_numbers(self._services.engine, stream, numbers)
                places = (Behind(shard_id, None, number) for shard_id, number in own.items())
                place = next(places, None)
            else:
                place = await behind(self._services.engine, sink.consumer, stream, numbers)
            if place is not None:
                laggards[sink.name] = place
        return laggards

    async def run(self) -> None:
        """Keep the sinks running until `stop`; returns when all have come to a stop."""
        try:
            await self._upkeep.run(self._compare)
        finally:
            await self.pipelines.close()

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""
        self._upkeep.stop()

    async def _compare(self, tasks: asyncio.TaskGroup) -> None:
        stored = {sink.key: sink for sink in await self.every()}
        self._outside.activities.keep(stored)

        def is_current(key: bytes, running: Sink) -> bool:
            return key in stored and stored[key].version == running.version

        self._upkeep.keep(is_current)
        if self._upkeep.is_stopping:
            return
        for key, sink in stored.items():
            if self._upkeep.find(key) is None:
                await self._bring_about(sink, tasks)
        at_work = {key for key, sink in stored.items() if sink.state is State.RUNNING}
        await self.pipelines.keep(at_work | {sink.key for sink in self._upkeep.running()})

    async def _bring_about(self, sink: Sink, tasks: asyncio.TaskGroup) -> None:
        if sink.state is State.DELETING:
            await self._remove(sink)
        elif sink.is_reading:
            await self._start(sink, tasks)

    async def _start(self, sink: Sink, tasks: asyncio.TaskGroup) -> None:
        stream = await self.stream_of(sink)
        if stream is None:
            await self._stop(sink, STREAM_GONE)
            return
        consumer = Consumer(
            sink.consumer,
            stream,
            _policy(sink.manner),
            SinkDestination(
                lambda: self.pipelines.of(sink, stream),
                lambda reason: self._stop(sink, reason),
                self._services.clock,
            ),
            selection_of(sink, stream),
            self._observer(sink),
        )
        self._upkeep.start(tasks, (sink.key, sink), consumer, lambda: self._forget(sink))

    def _observer(self, sink: Sink) -> Observer:
        activity = self._outside.activities.of(sink.key, sink.labels)
        further = self._outside.further
        return Observers([activity] if further is None else [activity, further(sink.consumer)])

    async def _stop(self, sink: Sink, reason: str) -> None:
        await self._submit(alterations.stop(sink, self._services.clock.now(), reason))

    async def _forget(self, sink: Sink) -> None:
        """Forget the positions of a round that is over, or of a sink that is gone."""
        (stored,) = await self._services.engine.get([sink.key])
        found = None if stored is None else sinks.decode(stored)
        if found is None or (found.sink_id, found.round) != (sink.sink_id, sink.round):
            keys = await self._positions(sink.consumer)
            await self._services.committer.submit(checkpoints.forget(keys))

    async def _remove(self, sink: Sink) -> None:
        notes = listing.entries(self._services.engine, delivery_keys.sink_notes_span(sink.sink_id))
        keys = [key async for key, _ in notes]
        for number in range(1, sink.round + 1):
            keys += await self._positions(sink.consumer_of(number))
        await self._submit(alterations.remove(sink, keys))

    async def _positions(self, consumer: str) -> list[bytes]:
        stored = await checkpoints.load(self._services.engine, consumer)
        return [delivery_keys.checkpoint(consumer, *shard) for shard in stored]

    async def _begin(self, sink: Sink, work: _Work) -> Sink:
        for _ in range(write_plans_max):
            stream = await self.stream_of(sink)
            if stream is None:
                raise ResourceNotFoundException(f"Stream of table {sink.table_name} not found")
            try:
                return await self._submit(work(stream, await self._beginning(sink, stream)))
            except ShardsChanged:
                continue
        raise ServiceUnavailable

    async def _beginning(self, sink: Sink, stream: Stream) -> Beginning:
        engine = self._services.engine
        match sink.start:
            case Start.TRIM_HORIZON:
                return Beginning()
            case Start.AT_TIMESTAMP:
                assert sink.start_at is not None, "a round at a moment has one"
                moment_us = int(sink.start_at * 1e6)
                horizon = self._horizon()
                return Beginning(positions=await positions_at(engine, stream, moment_us, horizon))
            case _:
                return Beginning(await latest_keys(engine, stream))

    async def _table(self, region: str, name: str) -> Table:
        table = await self._outside.around.catalog.describe(region, name)
        if table.stream is None:
            raise ResourceNotFoundException(
                f"Table {name} has no stream; enable one, a sink reads it whatever it shows"
            )
        return table

    async def _check(self, region: str, name: str, manner: Manner) -> None:
        """Refuse what can be seen not to work. Raises ValidationException, FunctionNotFound."""
        outside = self._outside
        kind = outside.kind_of(name)
        if kind.check is not None:
            try:
                await kind.check(settings.parse(kind, manner.settings), outside.around)
            except InvalidSettings as error:
                raise ValidationException(str(error)) from error
        if manner.function:
            await outside.functions.check(region, manner.function)
        destination = manner.failure_destination
        refusal = outside.refusals.refusal(destination) if destination else None
        if refusal is not None:
            raise ValidationException(f"Invalid failure destination: {refusal}")

    async def _submit(self, work: SinkWork) -> Sink:
        return await self._services.committer.submit(work)

    def _horizon(self) -> int:
        return listing.horizon_us(self._services.clock.now(), self._retention_seconds)


_Work = Callable[[Stream, Beginning], SinkWork]


def _label(table: Table) -> str:
    assert table.stream is not None, "that was checked"
    return table.stream.label


def _policy(manner: Manner) -> PolicySettings:
    return PolicySettings(
        manner.batch_records_max,
        manner.batch_bytes_max,
        manner.window_seconds,
        retries_max=None,
        age_seconds_max=inf,
        retry_seconds_max=sink_retry_seconds_max,
    )
