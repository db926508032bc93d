"""The links of a store, running: what is read from the log of each is sent to its target.

As with mappings, `run` compares what is stored with what runs, so every process of a store goes on
from the store alone; leases decide which of them reads a shard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import inf
from typing import Final

import structlog

from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import Behind, Coordinator, behind
from headwater.consumers.members import Members
from headwater.consumers.observer import Happening, Observers, Trimmed
from headwater.consumers.policy import PolicySettings
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
from headwater.replication.receive import Receiver
from headwater.replication.send import LinkDestination, OwnRecords, Sender
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
_log = structlog.get_logger(__name__)


class LinkService:
    """All links of a store."""

    def __init__(
        self,
        services: Services,
        receiver: Receiver,
        members: Members,
        retention_seconds: float,
        latencies: Latencies,
    ) -> None:
        self._services = services
        self._receiver = receiver
        self._members = members
        self._retention_seconds = retention_seconds
        self._latencies = latencies
        self._running: dict[bytes, Coordinator] = {}
        self._gaps: dict[bytes, Link] = {}
        self._woken = asyncio.Event()
        self._is_stopping = False

    async def run(self) -> None:
        """Keep the links running until `stop`; returns when all have come to a stop."""
        self._services.wakeups.subscribe(links.TOPIC, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._running or not self._is_stopping:
                    self._woken.clear()
                    try:
                        await self._compare(tasks)
                    except Unavailable as error:
                        _log.warning("store_unavailable", error=str(error))
                    await self._services.clock.wait(self._woken, None, link_poll_seconds)
        finally:
            self._services.wakeups.unsubscribe(links.TOPIC, self._woken)

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""
        self._is_stopping = True
        self._woken.set()

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
            found = listing.shards_of(self._services.engine, stream, 0)
            own = {
                shard.shard_id: numbers[shard.shard_id]
                async for shard in found
                if shard.shard_id in numbers
            }
            if link.must_scan and own:
                place: Behind | None = Behind(*next((each, None, own[each]) for each in own))
            else:
                place = await behind(self._services.engine, link.consumer, stream, own)
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
        for key, coordinator in self._running.items():
            if self._is_stopping or key not in stored:
                coordinator.stop()
        if self._is_stopping:
            return
        for key, link in stored.items():
            if link.is_started and key not in self._running:
                await self._start(tasks, link)

    async def _start(self, tasks: asyncio.TaskGroup, link: Link) -> None:
        stream = await self._find_stream(link)
        if stream is None:
            return
        sender = Sender(link, self._services.engine, self._receiver)
        consumer = Consumer(
            link.consumer,
            stream,
            _POLICY,
            LinkDestination(sender),
            OwnRecords(),
            Observers([self._latencies.observer(link), _Gaps(lambda: self._note_gap(link))]),
        )
        coordinator = Coordinator(self._services, consumer, self._members, self._retention_seconds)
        self._running[link.key] = coordinator
        tasks.create_task(self._run_link(link, coordinator))

    async def _run_link(self, link: Link, coordinator: Coordinator) -> None:
        """Run a link to its end; one that fails is started again at the next look."""
        try:
            await coordinator.run()
            self._woken.set()
        except Exception as error:  # noqa: BLE001 - a task's boundary: one must not stop the others
            _log.error("link_failed", table=link.name, region=link.target.region, exc_info=error)
        finally:
            del self._running[link.key]

    def _note_gap(self, link: Link) -> None:
        self._gaps[link.key] = link
        self._woken.set()

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
