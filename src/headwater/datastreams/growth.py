"""Splits the shards of streams on demand that take more records a second than a shard should.

A shard is cut in the middle of its hashes, as long as the region may have more shards; the stream
stays ACTIVE. Shards are not merged when records become fewer.
"""

from __future__ import annotations

import asyncio

import structlog

from headwater.clock import Clock
from headwater.datastreams.catalog import DataStreams, Plan
from headwater.datastreams.resharding import Resharding, shard_keys
from headwater.datastreams.stream import DataStream, StreamMode
from headwater.errors import LimitExceededException, ResourceNotFoundException
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams.load import Loads, SplitSettings

_log = structlog.get_logger(__name__)


class _NotNow(Exception):
    """The stream is not as it was when it was measured, or the shard cannot be cut."""


class Growth:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self, streams: DataStreams, engine: Engine, clock: Clock, settings: SplitSettings
    ) -> None:
        self._streams = streams
        self._clock = clock
        self._loads = Loads(engine, clock, settings)

    async def run(self) -> None:
        """Measure and split until cancelled."""
        await self._loads.watch(self.look)

    async def look(self) -> None:
        """Measure the shards, and split those that have been above the rate long enough."""
        self._loads.begin()
        for stream in await self._streams.every():
            if stream.mode is StreamMode.ON_DEMAND:
                ids = [each.shard_id for each in stream.shards]
                for shard_id in await self._loads.too_high(stream.table_id, ids):
                    await self._split(stream, shard_id)
            await asyncio.sleep(0)  # however many streams there are, requests come between

    async def _split(self, stream: DataStream, shard_id: ShardId) -> None:
        usage = await self._streams.usage(stream.region)

        def planned(present: DataStream) -> Plan:
            self._streams.check_shards(stream.region, usage.open_shards, 1)
            return self._plan(present, shard_id)

        try:
            await self._streams.change(stream.region, stream.name, planned)
        except (_NotNow, LimitExceededException, ResourceNotFoundException):
            return
        _log.info("data_stream_shard_split", stream=stream.name, shard=shard_id)

    def _plan(self, stream: DataStream, shard_id: ShardId) -> Plan:
        """Cut a shard in the middle. Raises _NotNow."""
        shard = next((each for each in stream.shards if each.shard_id == shard_id), None)
        if shard is None or stream.mode is not StreamMode.ON_DEMAND or not stream.status.is_at_rest:
            raise _NotNow
        middle = (shard.start + stream.end_of(shard) + 1) // 2
        if middle == shard.start:
            raise _NotNow
        now_us = int(self._clock.now() * 1e6)
        return Plan(
            lambda view, each: Resharding(view, now_us).split(each, shard, middle),
            shard_keys(stream, [shard_id]),
        )
