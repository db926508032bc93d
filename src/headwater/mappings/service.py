"""The mappings of a store: asked for by clients, and kept running as they are stored.

Readers start, those whose mapping has changed stop (they finish what they deliver first) and start
again with the new settings, and each mapping is brought to rest (see `consumers.upkeep`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Claim
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import (
    Behind,
    ShardsChanged,
    behind,
    latest_keys,
    positions_at,
    start_at_latest,
    start_behind,
)
from headwater.consumers.members import Members
from headwater.consumers.progress import ShardProgress, progress
from headwater.consumers.selection import FilteredRecords
from headwater.consumers.upkeep import Rounds, Upkeep
from headwater.errors import InvalidParameterValueException, ServiceUnavailable
from headwater.limits import mapping_poll_seconds, write_plans_max
from headwater.mappings import changes
from headwater.mappings import mapping as mappings
from headwater.mappings.audience import Audience
from headwater.mappings.event import Changes, Events, Records
from headwater.mappings.invoke import FunctionDestination, Outside
from headwater.mappings.mapping import (
    EventSourceMapping,
    Manner,
    MappingState,
    StartingPosition,
)
from headwater.mappings.record_event import DataRecords
from headwater.mappings.source import Source, find_source, retention_seconds_of
from headwater.storage import delivery_keys
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams import listing
from headwater.streams.window import Stream

STREAM_MISSING = "PROBLEM: Stream not found"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """What mappings are told of their server.

    account: of every ARN. retention_seconds: how long a stream's records can be read.
    audience: who is told what happens. refusal: why nothing can be sent to an ARN.
    """

    account: str
    retention_seconds: float
    audience: Audience
    refusal: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class NewMapping:
    """What a client asks to be created."""

    region: str
    stream_arn: str
    starting_position: StartingPosition
    manner: Manner
    tags: Mapping[str, str] = field(default_factory=dict)
    starting_at: float | None = None


class MappingService:
    """All event source mappings of a store."""

    def __init__(
        self,
        services: Services,
        outside: Outside,
        members: Members,
        settings: MappingSettings,
    ) -> None:
        self._services = services
        self._outside = outside
        self._members = members
        self._settings = settings
        self._retentions: dict[bytes, float] = {}  # with which streams were begun with
        self._upkeep = Upkeep[EventSourceMapping](
            services,
            members,
            settings.retention_seconds,
            Rounds(changes.TOPIC, mapping_poll_seconds),
        )

    def now(self) -> float:
        """The time of day of streams, in epoch seconds."""
        return self._services.clock.now()

    async def create(self, new: NewMapping) -> EventSourceMapping:
        """Store a mapping; its readers start at once.

        With LATEST, everything written after this returns is read.
        Raises InvalidParameterValueException for a stream or function that is not there,
        ResourceConflictException if the two are joined already.
        """
        mapping = EventSourceMapping(
            new.region,
            self._settings.account,
            self._outside.chance.uuid(),
            new.stream_arn,
            new.starting_position,
            new.manner,
            MappingState.CREATING,
            self._services.clock.now(),
            tags=dict(new.tags),
            starting_at=new.starting_at,
        )
        stream = await self._find_stream(mapping)
        if stream is None:
            raise changes.stream_missing(new.stream_arn)
        await self._check(mapping)
        for _ in range(write_plans_max):
            begin, heads = await self._beginning(mapping, stream)
            work = changes.create(mapping, stream, begin, heads)
            try:
                await self._services.committer.submit(work)
            except ShardsChanged:
                continue
            return mapping
        raise ServiceUnavailable

    async def _beginning(
        self, mapping: EventSourceMapping, stream: Source
    ) -> tuple[changes.Begin, list[bytes]]:
        """What stores where a new mapping begins, and what it reads. Raises ShardsChanged, run."""
        engine, consumer = self._services.engine, mapping.consumer
        if mapping.starting_position is StartingPosition.LATEST:
            latest = await latest_keys(engine, stream)
            heads = [head_key for _, head_key in latest]
            return lambda view: start_at_latest(view, consumer, stream, latest), heads
        positions: Mapping[ShardId, SequenceNumber] = {}
        if mapping.starting_at is not None:
            horizon = self._horizon_of(stream)
            moment_us = int(mapping.starting_at * 1e6)
            positions = await positions_at(engine, stream, moment_us, horizon)
        return lambda view: start_behind(view, consumer, stream, positions), []

    async def get(self, region: str, uuid: str) -> EventSourceMapping:
        """A mapping by its id. Raises ResourceNotFoundException."""
        (stored,) = await self._services.engine.get([delivery_keys.mapping(region, uuid)])
        if stored is None:
            raise changes.mapping_missing()
        return mappings.decode(stored)

    async def page(
        self, region: str, after: str, limit: int, of: Mapping[str, str]
    ) -> tuple[list[EventSourceMapping], bool]:
        """Mappings in the order of their ids from behind one on, and whether there are more.

        of: the `stream_arn` and the `function_name` they are to have, as far as given.
        """
        page: list[EventSourceMapping] = []
        span = delivery_keys.mappings_span(region, after)
        async for _, stored in listing.entries(self._services.engine, span):
            mapping = mappings.decode(stored)
            has = {
                "stream_arn": mapping.stream_arn,
                "function_name": mapping.manner.function_name,
            }
            if of.items() <= has.items():
                if len(page) == limit:
                    return page, True
                page.append(mapping)
        return page, False

    async def change(self, mapping: EventSourceMapping, manner: Manner) -> EventSourceMapping:
        """Give a mapping, as it was read, another manner.

        Readers finish what they deliver and go on with the new manner behind it.
        Raises ResourceInUseException, ResourceConflictException, InvalidParameterValueException.
        """
        now = self._services.clock.now()
        before = mapping.manner
        if (manner.function_name, manner.failure_destination) != (
            before.function_name,
            before.failure_destination,
        ):
            await self._check(mapping.changed(manner, now))
        changed: EventSourceMapping = await self._services.committer.submit(
            changes.change(mapping, manner, now)
        )
        return changed

    async def retag(
        self, mapping: EventSourceMapping, retagged: Callable[[dict[str, str]], dict[str, str]]
    ) -> None:
        """Change a mapping's tags, at any time; its readers go on."""
        await self._services.committer.submit(changes.retag(mapping, retagged))

    async def delete(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """Have a mapping, as it was read, deleted: it goes once its readers have stopped.

        Raises ResourceInUseException, ResourceNotFoundException.
        """
        now = self._services.clock.now()
        deleted: EventSourceMapping = await self._services.committer.submit(
            changes.delete(mapping, now)
        )
        return deleted

    async def behind(
        self, written: Mapping[TableId, Mapping[ShardId, int]]
    ) -> Mapping[str, Behind]:
        """The ids of the enabled mappings that have not passed these numbers, and where."""
        laggards: dict[str, Behind] = {}
        for mapping in await self._stored():
            stream = await self._find_stream(mapping) if mapping.is_reading else None
            if stream is not None and stream.table_id in written:
                numbers = written[stream.table_id]
                place = await behind(self._services.engine, mapping.consumer, stream, numbers)
                if place is not None:
                    laggards[mapping.uuid] = place
        return laggards

    async def progress(self, mapping: EventSourceMapping) -> list[ShardProgress]:
        """Where a mapping stands in each shard; nowhere if its stream is gone."""
        stream = await self._find_stream(mapping)
        if stream is None:
            return []
        shown = self._horizon_of(stream)
        return await progress(self._services.engine, mapping.consumer, stream, shown)

    async def run(self) -> None:
        """Keep the mappings running until `stop`; returns when all have come to a stop."""
        await self._upkeep.run(self._compare)

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""
        self._upkeep.stop()

    async def _compare(self, tasks: asyncio.TaskGroup) -> None:
        stored = {mapping.key: mapping for mapping in await self._stored()}
        self._settings.audience.keep({mapping.uuid for mapping in stored.values()})
        gone = await self._gone_streams()

        def is_current(key: bytes, running: EventSourceMapping) -> bool:
            mapping = stored.get(key)
            is_as_stored = mapping is not None and mapping.version == running.version
            return is_as_stored and running.stream_key not in gone

        self._upkeep.keep(is_current)
        if not self._upkeep.is_stopping:
            for mapping in stored.values():
                await self._bring_about(mapping, tasks)

    async def _bring_about(self, mapping: EventSourceMapping, tasks: asyncio.TaskGroup) -> None:
        """Take the next step towards what a mapping says."""
        running = self._upkeep.find(mapping.key)
        if running is not None and running.version != mapping.version:
            return  # its end wakes us
        if not mapping.is_reading and await self._is_read_elsewhere(mapping):
            return  # so does its end there
        if mapping.state is MappingState.DELETING:
            await self._remove(mapping)
            return
        if running is None and mapping.is_reading:
            await self._start(mapping, tasks)
        if not mapping.state.is_at_rest:
            now = self._services.clock.now()
            await self._services.committer.submit(changes.settle(mapping, now))

    async def _start(self, mapping: EventSourceMapping, tasks: asyncio.TaskGroup) -> None:
        stream = await self._find_stream(mapping)
        if stream is None:
            await self._report(mapping, STREAM_MISSING)
            return
        self._retentions[mapping.stream_key] = self._retention_of(stream)
        self._upkeep.start(
            tasks,
            (mapping.key, mapping),
            self._consumer(mapping, stream),
            lambda: self._forget_if_gone(mapping),
        )

    def _consumer(self, mapping: EventSourceMapping, stream: Source) -> Consumer:
        records = self._records(mapping, stream)
        events = Events(records, mapping.stream_arn)
        retention_seconds = self._retention_of(stream)
        patterns = mapping.manner.patterns
        return Consumer(
            mapping.consumer,
            stream,
            mapping.policy(retention_seconds),
            FunctionDestination(
                mapping, events, self._outside, lambda result: self._report(mapping, result)
            ),
            FilteredRecords(records.seen, patterns) if patterns else None,
            self._settings.audience.observer(mapping.uuid, mapping.consumer),
            retention_seconds,
        )

    def _records(self, mapping: EventSourceMapping, stream: Source) -> Records:
        if isinstance(stream, Stream):
            return Changes(stream, mapping.stream_arn)
        role = f"arn:aws:iam::{self._settings.account}:role/headwater"
        return DataRecords(mapping.region, mapping.stream_arn, role)

    def _retention_of(self, stream: Source) -> float:
        return retention_seconds_of(stream, self._settings.retention_seconds)

    def _horizon_of(self, stream: Source) -> int:
        return listing.horizon_us(self._services.clock.now(), self._retention_of(stream))

    async def _is_read_elsewhere(self, mapping: EventSourceMapping) -> bool:
        """Whether another process has still to finish what it delivers."""
        members, now = self._members, self._services.clock.now()
        if members.is_alone:
            return False
        claim = Claim(members.owner, now, now, members.is_dead)
        stored = await checkpoints.load(self._services.engine, mapping.consumer)
        holders = {
            checkpoints.holder(each, claim) for each in stored.values() if not each.is_finished
        }
        return not holders <= {None, members.owner}

    async def _forget_if_gone(self, mapping: EventSourceMapping) -> None:
        """Remove what this process has stored for a mapping after another had removed it."""
        (stored,) = await self._services.engine.get([mapping.key])
        if stored is None:
            await self._remove(mapping)

    async def _remove(self, mapping: EventSourceMapping) -> None:
        stored = await checkpoints.load(self._services.engine, mapping.consumer)
        keys = [delivery_keys.checkpoint(mapping.consumer, *shard) for shard in stored]
        await self._services.committer.submit(changes.remove(mapping, keys))

    async def _report(self, mapping: EventSourceMapping, result: str) -> None:
        """Store a LastProcessingResult when it is another than the last."""
        try:
            (stored,) = await self._services.engine.get([mapping.key])
            if stored is not None and mappings.decode(stored).last_result != result:
                await self._services.committer.submit(changes.report(mapping, result))
        except Unavailable as error:
            _log.warning("result_not_stored", mapping=mapping.uuid, error=str(error))

    async def _stored(self) -> list[EventSourceMapping]:
        found = listing.entries(self._services.engine, delivery_keys.every_mapping_span())
        return [mappings.decode(stored) async for _, stored in found]

    async def _find_stream(self, mapping: EventSourceMapping) -> Source | None:
        now = self._services.clock.now()
        horizon = listing.horizon_us(now, self._settings.retention_seconds)
        engine, arn = self._services.engine, mapping.stream_arn
        return await find_source(engine, mapping.region, arn, horizon)

    async def _gone_streams(self) -> set[bytes]:
        """The keys of the streams that are read and are there no more, or are kept for another time
        than when they were begun with; many read the same."""
        read = {running.stream_key: running for running in self._upkeep.running()}
        return {key for key, one in read.items() if not await self._is_as_it_was(one)}

    async def _is_as_it_was(self, mapping: EventSourceMapping) -> bool:
        stream = await self._find_stream(mapping)
        if stream is None:
            return False
        return self._retention_of(stream) == self._retentions[mapping.stream_key]

    async def _check(self, mapping: EventSourceMapping) -> None:
        """Refuse a function that is not there, and a destination that cannot be reached."""
        invoker = self._outside.invoker
        if not await invoker.exists(mapping.region, mapping.manner.function):
            raise InvalidParameterValueException("Function does not exist")
        destination = mapping.manner.failure_destination
        refusal = self._settings.refusal(destination) if destination else None
        if refusal is not None:
            raise InvalidParameterValueException(f"Invalid on-failure destination: {refusal}")
