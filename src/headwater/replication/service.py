"""The links of a store, running: what is read from the log of each is sent to its target.

They are kept running as they are stored (`consumers.upkeep`), in every process of a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import Behind, behind, own_numbers
from headwater.consumers.members import Members
from headwater.consumers.observer import Happening, Observers, Trimmed
from headwater.consumers.policy import PolicySettings
from headwater.consumers.upkeep import Rounds, Upkeep
from headwater.limits import (
    link_batch_bytes_max,
    link_batch_records_max,
    link_poll_seconds,
    link_retry_seconds_max,
)
from headwater.replication import link as links
from headwater.replication.changes import rescan
from headwater.replication.latency import Latencies
from headwater.replication.link import Link
from headwater.replication.send import LinkDestination, OwnRecords, Sender, Taker
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import listing
from headwater.streams.window import Stream

_POLICY: Final = PolicySettings(
    link_batch_records_max,
    link_batch_bytes_max,
    window_seconds=0,
    retries_max=None,
    age_seconds_max=inf,
    retry_seconds_max=link_retry_seconds_max,
)


class LinkService:
    """All links of a store."""

    def __init__(
        self,
        services: Services,
        taker: Taker,
        members: Members,
        retention_seconds: float,
        latencies: Latencies,
    ) -> None:
        self._services = services
        self._taker = taker
        self._retention_seconds = retention_seconds
        self._latencies = latencies
        self._upkeep = Upkeep[Link](
            services, members, retention_seconds, Rounds(links.TOPIC, link_poll_seconds)
        )
        self._gaps: dict[bytes, Link] = {}

    async def run(self) -> None:
        """Keep the links running until `stop`; returns when all have come to a stop."""
        await self._upkeep.run(self._compare)

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""
        self._upkeep.stop()

    async def behind(
        self, written: Mapping[TableId, Mapping[ShardId, int]]
    ) -> Mapping[str, Behind]:
        """The links that have not passed these numbers, and where; one that scans is nowhere."""
        laggards: dict[str, Behind] = {}
        for link in await links.every(self._services.engine):
            stream = await self._find_stream(link)
            numbers = written.get(link.source.table_id)
            if stream is None or numbers is None:
                continue
            if link.must_scan:
                place = await self._unscanned(stream, numbers)
            else:
                place = await behind(self._services.engine, link.consumer, stream, numbers)
            if place is not None:
                laggards[f"{link.name} to {link.target.region}"] = place
        return laggards

    async def _compare(self, tasks: asyncio.TaskGroup) -> None:
        while self._gaps:
            key, link = self._gaps.popitem()
            try:
                await self._services.committer.submit(rescan(link))
            except Unavailable:
                self._gaps[key] = link
                raise
        stored = {link.key: link for link in await links.every(self._services.engine)}
        self._upkeep.keep(lambda key, _: key in stored)
        if self._upkeep.is_stopping:
            return
        for key, link in stored.items():
            if link.is_ready and self._upkeep.find(key) is None:
                await self._start(tasks, link)

    async def _unscanned(self, stream: Stream, numbers: Mapping[ShardId, int]) -> Behind | None:
        own = await own_numbers(self._services.engine, stream, numbers)
        return next((Behind(shard_id, None, number) for shard_id, number in own.items()), None)

    async def _start(self, tasks: asyncio.TaskGroup, link: Link) -> None:
        stream = await self._find_stream(link)
        if stream is None:
            return
        sender = Sender(link, self._services.engine, self._taker)
        consumer = Consumer(
            link.consumer,
            stream,
            _POLICY,
            LinkDestination(sender),
            OwnRecords(),
            Observers([self._latencies.observer(link), _Gaps(lambda: self._note_gap(link))]),
        )
        self._upkeep.start(tasks, (link.key, link), consumer)

    def _note_gap(self, link: Link) -> None:
        self._gaps[link.key] = link
        self._upkeep.wake()

    async def _find_stream(self, link: Link) -> Stream | None:
        now = self._services.clock.now()
        horizon = listing.horizon_us(now, self._retention_seconds)
        return await listing.find_stream(self._services.engine, link.stream_key, horizon)


class _Gaps:
    """`Observer` that tells of records that were gone before they could be sent."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def note(self, happening: Happening) -> None:
        if isinstance(happening, Trimmed):
            self._tell()
