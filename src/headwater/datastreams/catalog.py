"""All data streams of a store: created, found, changed and deleted.

A request that creates or changes a stream leaves it in a state that passes; `keeper.py` ends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from headwater.clock import Chance, Clock
from headwater.datastreams import errors, resharding
from headwater.datastreams import stream as streams
from headwater.datastreams.changes import Change, Create, Step, StreamChanged, StreamGone
from headwater.datastreams.consumer import has_consumers
from headwater.datastreams.stream import DataStream, DataStreamStatus, StreamMode
from headwater.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
    ServiceUnavailable,
)
from headwater.limits import (
    data_stream_on_demand_shards,
    data_stream_record_kib_default,
    data_stream_retention_hours_max,
    data_stream_retention_hours_min,
    data_stream_shards_max,
    data_streams_on_demand_max,
    write_plans_max,
)
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.streams import listing


@dataclass(frozen=True, slots=True)
class NewStream:
    """What a client asks to be created. shard_count: None is as many as the mode begins with."""

    region: str
    name: str
    mode: StreamMode
    shard_count: int | None = None
    record_kib_max: int = data_stream_record_kib_default
    tags: dict[str, str] = field(default_factory=dict)


class Plan(NamedTuple):
    """A change of a stream, and what it reads beside it."""

    step: Step
    further: Sequence[bytes] = ()


Planning: TypeAlias = Callable[[DataStream], Plan]
"""From a stream as it is to what is to be done with it; raises what the client is told."""


class Usage(NamedTuple):
    """What a region's streams have together."""

    open_shards: int
    on_demand_streams: int


class DataStreams:
    """The data streams of a store, for clients of one account."""

    def __init__(
        self, engine: Engine, committer: Committer, clock: Clock, chance: Chance, account: str
    ) -> None:
        self.account = account
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._chance = chance

    async def create(self, new: NewStream) -> DataStream:
        """Make a stream with its shards. Raises ResourceInUseException, LimitExceededException."""
        shard_count = new.shard_count or data_stream_on_demand_shards
        usage = await self.usage(new.region)
        self.check_shards(new.region, usage.open_shards, shard_count)
        if new.mode is StreamMode.ON_DEMAND:
            _check_on_demand(usage)
        now = self._clock.now()
        stream = DataStream(
            new.region,
            new.name,
            TableId(self._chance.uuid()),
            new.mode,
            DataStreamStatus.CREATING,
            now,
            record_kib_max=new.record_kib_max,
            tags=new.tags,
        )

        def opened(view: View, each: DataStream) -> DataStream:
            return resharding.open_first(view, each, shard_count, int(now * 1e6))

        if not await self._committer.submit(Create(stream, opened)):
            raise errors.stream_exists(new.name, self.account)
        return stream

    async def find(self, region: str, name: str) -> DataStream:
        """Raises ResourceNotFoundException."""
        (stored,) = await self._engine.get([keyspace.data_stream(region, name)])
        if stored is None:
            raise errors.stream_missing(name, self.account)
        return streams.decode(stored)

    async def page(self, region: str, after: str, limit: int) -> tuple[list[DataStream], bool]:
        """Streams of a region in the order of their names, and whether there are more."""
        found: list[DataStream] = []
        async for stream in self._all(keyspace.data_streams_span(region, after)):
            if len(found) == limit:
                return found, True
            found.append(stream)
        return found, False

    async def every(self) -> list[DataStream]:
        """The streams of all regions."""
        return [each async for each in self._all(keyspace.every_data_stream_span())]

    async def usage(self, region: str) -> Usage:
        found = [each async for each in self._all(keyspace.data_streams_span(region))]
        on_demand = [each for each in found if each.mode is StreamMode.ON_DEMAND]
        return Usage(sum(len(each.shards) for each in found), len(on_demand))

    def check_shards(self, region: str, count: int, more: int) -> None:
        """Refuse so many shards more than a region has. Raises LimitExceededException."""
        if count + more > data_stream_shards_max:
            raise errors.shard_limit(self.account, region, count, more)

    async def change(self, region: str, name: str, planning: Planning) -> DataStream:
        """Change a stream in one commit, as planned for what it then is.

        Raises ResourceNotFoundException, and what the planning or its step does.
        """
        for _ in range(write_plans_max):
            stream = await self.find(region, name)
            step, further = planning(stream)
            try:
                changed: DataStream = await self._committer.submit(Change(stream, step, further))
            except StreamChanged:
                continue
            except StreamGone:
                raise errors.stream_missing(name, self.account) from None
            return changed
        raise ServiceUnavailable

    def check_active(self, stream: DataStream) -> None:
        """Raises ResourceInUseException for a stream in a state that passes."""
        if not stream.status.is_at_rest:
            raise errors.not_active(stream.name, self.account, stream.status)

    async def delete(self, region: str, name: str, *, with_consumers: bool) -> None:
        """Have a stream deleted with all its records.

        Raises ResourceInUseException if consumers are registered and are not to go with it.
        """
        stream = await self.find(region, name)
        if not with_consumers and await has_consumers(self._engine, stream):
            raise ResourceInUseException(
                f"Stream {name} under account {self.account} has registered consumers. "
                "Deregister them, or set EnforceConsumerDeletion."
            )

        def planned(present: DataStream) -> Plan:
            if present.status not in (DataStreamStatus.ACTIVE, DataStreamStatus.UPDATING):
                self.check_active(present)
            return Plan(lambda _, each: each.changed(status=DataStreamStatus.DELETING))

        await self.change(region, name, planned)

    async def set_retention(self, stream: DataStream, hours: int, *, is_longer: bool) -> None:
        """Change how long records can be read; `is_longer` says which way it is meant.

        Raises InvalidArgumentException, ResourceInUseException.
        """
        _check_retention(stream.name, hours)

        def planned(present: DataStream) -> Plan:
            self.check_active(present)
            _check_direction(present, hours, is_longer=is_longer)
            updating = DataStreamStatus.UPDATING
            return Plan(lambda _, each: each.changed(retention_hours=hours, status=updating))

        await self.change(stream.region, stream.name, planned)

    async def set_mode(self, stream: DataStream, mode: StreamMode) -> None:
        """Raises ResourceInUseException, LimitExceededException, InvalidArgumentException."""
        usage = await self.usage(stream.region)

        def planned(present: DataStream) -> Plan:
            self.check_active(present)
            if present.mode is mode:
                raise InvalidArgumentException(
                    f"Stream {present.name} under account {self.account} is already in mode {mode}"
                )
            if mode is StreamMode.ON_DEMAND:
                _check_on_demand(usage)
            updating = DataStreamStatus.UPDATING
            return Plan(lambda _, each: each.changed(mode=mode, status=updating))

        await self.change(stream.region, stream.name, planned)

    async def _all(self, span: tuple[bytes, bytes]) -> AsyncIterator[DataStream]:
        async for _, stored in listing.entries(self._engine, span):
            yield streams.decode(stored)


def _check_on_demand(usage: Usage) -> None:
    if usage.on_demand_streams >= data_streams_on_demand_max:
        raise LimitExceededException(
            "This request would exceed the limit of on-demand streams in the region: "
            f"{data_streams_on_demand_max}."
        )


def _check_retention(name: str, hours: int) -> None:
    if hours < data_stream_retention_hours_min:
        raise InvalidArgumentException(
            f"Minimum allowed retention period is {data_stream_retention_hours_min} hours. "
            f"Requested retention period ({hours} hours) for stream {name} is too short."
        )
    if hours > data_stream_retention_hours_max:
        raise InvalidArgumentException(
            f"Maximum allowed retention period is {data_stream_retention_hours_max} hours. "
            f"Requested retention period ({hours} hours) for stream {name} is too long."
        )


def _check_direction(stream: DataStream, hours: int, *, is_longer: bool) -> None:
    present = stream.retention_hours
    if is_longer and hours < present:
        raise InvalidArgumentException(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be "
            f"shorter than existing retention period ({present} hours). "
            "Use DecreaseRetentionPeriod API."
        )
    if not is_longer and hours > present:
        raise InvalidArgumentException(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be "
            f"longer than existing retention period ({present} hours). "
            "Use IncreaseRetentionPeriod API."
        )
