"""Writes the items of sinks that begin with them; run by the process of a store that leads.

Whatever it does it may do twice, and it goes on from what is stored.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final

import structlog

from headwater.clock import Clock
from headwater.consumers.policy import PolicySettings, back_off
from headwater.errors import ResourceNotFoundException
from headwater.limits import sink_poll_seconds, sink_retry_seconds_max, table_maintenance_max
from headwater.sinks import alterations
from headwater.sinks import sink as sinks
from headwater.sinks.activity import SinkActivities
from headwater.sinks.alterations import Progress, decode_progress
from headwater.sinks.backfill import ItemReader
from headwater.sinks.kind import BACKFILL, SinkBroken, SinkUnavailable
from headwater.sinks.pipelines import Pipelines
from headwater.sinks.selection import selection_of
from headwater.sinks.sink import Sink
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine, Unavailable
from headwater.streams import window as windows
from headwater.tables.transitions import Stores

_RETRIES: Final = PolicySettings(
    1, 1, 0, retries_max=None, age_seconds_max=inf, retry_seconds_max=sink_retry_seconds_max
)
_log = structlog.get_logger(__name__)


class Filler:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self, stores: Stores, clock: Clock, pipelines: Pipelines, activities: SinkActivities
    ) -> None:
        self._engine: Engine = stores.engine
        self._committer: Committer = stores.committer
        self._wakeups: Wakeups = stores.wakeups
        self._clock = clock
        self._pipelines = pipelines
        self._activities = activities
        self._filling: set[bytes] = set()
        self._at_once = asyncio.Semaphore(table_maintenance_max)

    async def run(self) -> None:
        """Look after all sinks until cancelled."""
        woken = asyncio.Event()
        self._wakeups.subscribe(sinks.TOPIC, woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    woken.clear()
                    await self._round(tasks, woken)
                    await self._clock.wait(woken, None, sink_poll_seconds)
        finally:
            self._wakeups.unsubscribe(sinks.TOPIC, woken)

    async def _round(self, tasks: asyncio.TaskGroup, woken: asyncio.Event) -> None:
        try:
            found = await sinks.every(self._engine)
        except Unavailable as error:
            _log.warning("store_unavailable", error=str(error))
            return
        for sink in found:
            if sink.is_filling and sink.key not in self._filling:
                self._filling.add(sink.key)
                tasks.create_task(self._fill(sink, woken))

    async def _fill(self, sink: Sink, woken: asyncio.Event) -> None:
        """Fill a sink to the end of its items, or until it is another."""
        try:
            async with self._at_once:
                await self._fill_on(sink)
        except Unavailable as error:
            _log.warning("store_unavailable", error=str(error))
        except Exception as error:  # noqa: BLE001 - a task's boundary: logged and tried again
            _log.error("sink_not_filled", sink=sink.name, exc_info=error)
        finally:
            self._filling.discard(sink.key)
            if not await self._is_current(sink):
                woken.set()

    async def _fill_on(self, sink: Sink) -> None:
        tries = 0
        progress: Progress | None = await self._progress(sink)
        while progress is not None and await self._is_current(sink):
            try:
                progress = await self._step(sink, progress)
                tries = 0
            except SinkUnavailable as error:
                tries += 1
                self._activities.of(sink.key, sink.labels).note_retry(str(error))
                wait_seconds = max(error.retry_seconds, back_off(_RETRIES, tries))
                await self._clock.sleep(wait_seconds)
            except (SinkBroken, ResourceNotFoundException) as error:
                stop = alterations.stop(sink, self._clock.now(), str(error))
                await self._committer.submit(stop)
                return

    async def _step(self, sink: Sink, progress: Progress) -> Progress | None:
        """Write the items that follow; None if those were the last."""
        (stored,) = await self._engine.get([sink.stream_key])
        if stored is None:
            raise SinkBroken("Its stream is gone.")
        stream = windows.decode(stored)
        reader = ItemReader(self._engine, self._committer, sink, selection_of(sink, stream))
        step = await reader.step(progress, int(self._clock.now() * 1e6))
        if step.records:
            pipeline = await self._pipelines.of(sink, stream)
            await pipeline.pass_on((BACKFILL, progress.number), step.records)
        count = progress.items + len(step.records)
        if step.after is None:
            await self._pipelines.filled(sink, stream)
            after = Progress(progress.round, progress.after, progress.number + 1, count)
            await self._committer.submit(alterations.advance(sink, progress, after))
            await self._committer.submit(alterations.filled(sink))
            return None
        after = Progress(progress.round, step.after.hex(), progress.number + 1, count)
        await self._committer.submit(alterations.advance(sink, progress, after))
        return after

    async def _progress(self, sink: Sink) -> Progress:
        (stored,) = await self._engine.get([sink.progress_key])
        return decode_progress(stored, sink)

    async def _is_current(self, sink: Sink) -> bool:
        (stored,) = await self._engine.get([sink.key])
        return stored is not None and sinks.decode(stored).version == sink.version
