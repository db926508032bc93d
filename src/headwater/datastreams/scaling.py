"""Shards of a stream split, merged and scaled for clients.

Source: API Reference, "SplitShard", "MergeShards", "UpdateShardCount".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams, Plan
from headwater.datastreams.resharding import Resharding, shard_keys
from headwater.datastreams.stream import (
    HASH_KEY_MAX,
    DataStream,
    DataStreamStatus,
    OpenShard,
    StreamMode,
)
from headwater.errors import InvalidArgumentException, LimitExceededException
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams.listing import find_shard


class Scaled(NamedTuple):
    """How many open shards there were, and how many there are."""

    before: int
    after: int


class Scaling:
    """Changes the shards of streams."""

    def __init__(self, streams: DataStreams, engine: Engine, clock: Clock) -> None:
        self._streams = streams
        self._engine = engine
        self._clock = clock

    async def split(self, stream: DataStream, shard_id: ShardId, start: int) -> None:
        """Split a shard; the second child has the hashes from `start` on.

        Raises ResourceNotFoundException, ResourceInUseException, InvalidArgumentException,
        ValidationException of a stream on demand, LimitExceededException.
        """
        usage = await self._streams.usage(stream.region)
        await self._check_open(stream, shard_id)

        def planned(present: DataStream) -> Plan:
            self._check(present)
            shard = self._open(present, shard_id)
            end = present.end_of(shard)
            if not shard.start + 1 < start < end:
                raise InvalidArgumentException(
                    f"NewStartingHashKey {start} used in SplitShard() on shard {shard_id} in "
                    f"stream {stream.name} under account {self._streams.account} is not both "
                    f"greater than one plus the shard's StartingHashKey {shard.start} and less "
                    f"than the shard's EndingHashKey {end}."
                )
            self._streams.check_shards(stream.region, usage.open_shards, 1)
            return self._plan(
                present, [shard_id], lambda steps, each: steps.split(each, shard, start)
            )

        await self._streams.change(stream.region, stream.name, planned)

    async def merge(self, stream: DataStream, shard_id: ShardId, adjacent_id: ShardId) -> None:
        """Merge two shards. Raises what `split` does."""
        await self._check_open(stream, shard_id)
        await self._check_open(stream, adjacent_id)

        def planned(present: DataStream) -> Plan:
            self._check(present)
            shard, adjacent = self._open(present, shard_id), self._open(present, adjacent_id)
            if not _are_adjacent(present, shard, adjacent):
                raise InvalidArgumentException(
                    f"Shards {shard_id} and {adjacent_id} in stream {stream.name} under account "
                    f"{self._streams.account} are not an adjacent pair of shards eligible for "
                    "merging"
                )
            ids = [shard_id, adjacent_id]
            return self._plan(present, ids, lambda steps, each: steps.merge(each, shard, adjacent))

        await self._streams.change(stream.region, stream.name, planned)

    async def scale(self, stream: DataStream, count: int) -> Scaled:
        """Give a stream so many shards of equal ranges. Raises what `split` does."""
        usage = await self._streams.usage(stream.region)
        before = len(stream.shards)

        def planned(present: DataStream) -> Plan:
            nonlocal before
            self._check(present)
            before = len(present.shards)
            self._streams.check_shards(stream.region, usage.open_shards, max(0, count - before))
            _check_factor(before, count)
            ids = [each.shard_id for each in present.shards]
            return self._plan(present, ids, lambda steps, each: steps.scale(each, count))

        changed = await self._streams.change(stream.region, stream.name, planned)
        return Scaled(before, len(changed.shards))

    def _plan(
        self,
        stream: DataStream,
        ids: list[ShardId],
        step: Callable[[Resharding, DataStream], DataStream],
    ) -> Plan:
        now_us = int(self._clock.now() * 1e6)

        def run(view: View, present: DataStream) -> DataStream:
            changed = step(Resharding(view, now_us), present)
            return changed.changed(status=DataStreamStatus.UPDATING)

        return Plan(run, shard_keys(stream, ids))

    def _check(self, stream: DataStream) -> None:
        self._streams.check_active(stream)
        if stream.mode is StreamMode.ON_DEMAND:
            raise errors.on_demand(stream.name, self._streams.account)

    async def _check_open(self, stream: DataStream, shard_id: ShardId) -> None:
        """Tell a shard that is closed from one that never was."""
        horizon = stream.horizon_us(self._clock.now())
        shard = await find_shard(self._engine, stream, shard_id, horizon)
        if shard is None:
            raise errors.shard_not_found(shard_id, stream.name, self._streams.account)
        if shard.is_closed:
            raise errors.shard_closed(shard_id, stream.name, self._streams.account)

    def _open(self, stream: DataStream, shard_id: ShardId) -> OpenShard:
        for shard in stream.shards:
            if shard.shard_id == shard_id:
                return shard
        raise errors.shard_closed(shard_id, stream.name, self._streams.account)


def shard_id_of(text: str) -> ShardId | None:
    """The id that a client's text is, or None if there can be no such shard."""
    prefix, _, digits = text.partition("-")
    is_one = prefix == "shardId" and digits.isascii() and digits.isdigit() and len(digits) <= 18
    return keyspace.counted_shard_id(int(digits)) if is_one else None


def hash_key_of(name: str, text: str) -> int:
    """A hash as a client's text says it. Raises InvalidArgumentException beyond 128 bits."""
    hashed = int(text)
    if hashed > HASH_KEY_MAX:
        raise errors.outside_hash_space(name, text)
    return hashed


def _are_adjacent(stream: DataStream, shard: OpenShard, adjacent: OpenShard) -> bool:
    low, high = sorted((shard, adjacent), key=lambda each: each.start)
    return stream.end_of(low) + 1 == high.start


def _check_factor(before: int, count: int) -> None:
    if count > 2 * before:
        raise LimitExceededException(
            "UpdateShardCount cannot scale up over double your current open shard count. "
            f"Current open shard count: {before} Target shard count: {count}"
        )
    if 2 * count < before:
        raise LimitExceededException(
            "UpdateShardCount cannot scale down below half your current open shard count. "
            f"Current open shard count: {before} Target shard count: {count}"
        )
    if count == before:
        raise InvalidArgumentException(
            f"Target shard count must be other than the current open shard count: {before}"
        )
