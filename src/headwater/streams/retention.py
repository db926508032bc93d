"""Trims what is older than the retention, in bounded commits, from the oldest on.

Readers see the horizon exactly (`listing`, `page`); this only gives the room back. A closed shard
goes when it closed before the horizon, with whatever it still has; a disabled stream goes after
its shards; what was trimmed on command goes with the next round. A table's log may be kept for
longer, unseen. Whatever stops between two commits goes on at the next round: nothing is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import structlog

from headwater.clock import Clock, pause
from headwater.limits import stream_retention_seconds, trim_commit_entries_max, trim_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span, Unavailable
from headwater.storage.keyspace import TableId
from headwater.streams import listing
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.entry import time_us_of
from headwater.streams.shard import Shard

_READ_BYTES_MAX: Final = 4 * 1024 * 1024
_log = structlog.get_logger(__name__)


KeptSince: TypeAlias = Callable[[], Awaitable[Mapping[TableId, int]]]
"""Tables whose logs are kept beyond the retention: microseconds since the epoch from which on."""


async def _at_once() -> None:
    """Do not pause."""


async def _nothing_more() -> Mapping[TableId, int]:
    return {}


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long entries are kept, and how often what is older is looked for.

    pause: waits after each commit, by the machine's time: it is for those who wait for theirs.
    """

    retention_seconds: float = stream_retention_seconds
    round_seconds: float = trim_seconds
    pause: Callable[[], Awaitable[None]] = _at_once
    kept_since: KeptSince = _nothing_more


@dataclass(frozen=True, slots=True)
class _Bound:
    """What is to go from a shard: entries older than the horizon, or up to a number."""

    horizon: int
    point: int

    def is_beyond(self, key: bytes, entry: bytes) -> bool:
        is_old = time_us_of(entry) < self.horizon
        return is_old or int.from_bytes(key[-8:], "big") <= self.point


class _Delete:
    """Work that removes keys; what they hold never changes, so nothing need be read."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys
        self.reads: list[bytes] = []

    def run(self, view: View) -> None:
        for key in self._keys:
            view.delete(key)


class _Removal:
    """Keys that are to go, in commits of bounded size: a hundred small shards are a few commits.

    They go in the order they are added, so a shard's descriptor outlives its entries. Writes go on
    meanwhile and share these commits; after each they have the store to themselves for a while.
    """

    def __init__(self, committer: Committer, pause: Callable[[], Awaitable[None]]) -> None:
        self._committer = committer
        self._pause = pause
        self._keys: list[bytes] = []

    @property
    def room(self) -> int:
        """How many keys more the next commit takes."""
        return trim_commit_entries_max - len(self._keys)

    async def add(self, keys: list[bytes]) -> None:
        self._keys += keys
        if self.room <= 0:
            await self.finish()
            await self._pause()

    async def finish(self) -> None:
        """Remove what is left."""
        if self._keys:
            keys, self._keys = self._keys, []
            await self._committer.submit(_Delete(keys))


class Trimmer:
    """Trims the whole store, round after round, as a task of the server."""

    def __init__(
        self, engine: Engine, committer: Committer, clock: Clock, settings: RetentionSettings
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Trim until cancelled; a store that cannot serve now is tried again next round."""
        while True:
            await pause(self._clock, self._settings.round_seconds)
            try:
                await self.trim()
            except Unavailable as error:
                _log.warning("trim_failed", error=str(error))

    async def trim(self) -> int:
        """Remove everything that is older than the retention now; returns how many entries."""
        horizon = listing.horizon_us(self._clock.now(), self._settings.retention_seconds)
        kept_since = await self._settings.kept_since()
        points = await self._points()
        removal = _Removal(self._committer, self._settings.pause)
        count = 0
        async for key, stored in listing.entries(self._engine, keyspace.every_shard_span()):
            table_id = keyspace.table_of_shard(key)
            bound = _Bound(horizon, points.get(key[1:], -1))
            if table_id in kept_since:
                bound = _Bound(min(horizon, kept_since[table_id]), -1)
            shard = shards.decode(stored)
            count += await self._trim_entries(table_id, shard, bound, removal)
            if not listing.shard_is_seen(shard, bound.horizon):
                ids = table_id, shard.shard_id
                of_shard = [keyspace.shard(*ids), keyspace.head(*ids), keyspace.trim_point(*ids)]
                await removal.add(of_shard)
            await asyncio.sleep(0)  # however many shards there are, requests come between
        async for key, stored in listing.entries(self._engine, keyspace.every_stream_span()):
            if not listing.stream_is_seen(windows.decode(stored), horizon):
                await removal.add([key])
        await removal.finish()
        return count

    async def _points(self) -> Mapping[bytes, int]:
        """The trim points of all shards that have one, by the ids in their keys."""
        found = listing.entries(self._engine, keyspace.every_trim_point_span())
        return {key[1:]: shards.decode_point(stored) async for key, stored in found}

    async def _trim_entries(
        self, table_id: TableId, shard: Shard, bound: _Bound, removal: _Removal
    ) -> int:
        """Remove the entries of a shard that are to go; returns how many."""
        start = keyspace.log_prefix(table_id, shard.shard_id)
        stop = start + b"\xff" * 9
        count = 0
        while keys := await self._trimmed_keys(Span(start, stop, removal.room), bound):
            await removal.add(keys)
            start = keys[-1] + b"\x00"
            count += len(keys)
        return count

    async def _trimmed_keys(self, span: Span, bound: _Bound) -> list[bytes]:
        """The oldest entries of a span, so far as they are to go."""
        oldest = await self._engine.scan(replace(span, limit=1))
        if not oldest or not bound.is_beyond(*oldest[0]):
            return []
        found = await self._engine.scan(replace(span, bytes_max=_READ_BYTES_MAX))
        return [key for key, entry in found if bound.is_beyond(key, entry)]
