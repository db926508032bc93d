"""Carries data streams from the states that pass to those that last.

    CREATING, UPDATING -> ACTIVE
    DELETING           -> gone, once its log and its consumers are erased

Every step is one change of the stored stream, made only if the stream is still as it was seen. So a
server that dies in the middle goes on from what is stored. One process of a store runs it; it looks
when told that a stream has changed, and every few seconds.
"""

from __future__ import annotations

import asyncio

import structlog

from headwater.clock import Clock, linger, pause
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.changes import TOPIC, Change, Remove, StreamChanged, StreamGone
from headwater.datastreams.stream import DataStream, DataStreamStatus
from headwater.limits import data_stream_poll_seconds, data_stream_retry_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.erase import erase

_log = structlog.get_logger(__name__)


class Keeper:
    """Run it in a task group; cancelling it is safe at any moment.

    settle_seconds: how long a stream stays in a state that passes, at the least.
    """

    def __init__(
        self,
        streams: DataStreams,
        stores: tuple[Engine, Committer, Wakeups],
        clock: Clock,
        settle_seconds: float,
    ) -> None:
        self._streams = streams
        self._engine, self._committer, self._wakeups = stores
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._under_way: set[bytes] = set()

    async def run(self) -> None:
        """Settle every stream that is not, until cancelled."""
        woken = asyncio.Event()
        self._wakeups.subscribe(TOPIC, woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    woken.clear()
                    await self._look(tasks)
                    await self._clock.wait(woken, None, data_stream_poll_seconds)
        finally:
            self._wakeups.unsubscribe(TOPIC, woken)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        try:
            for stream in await self._streams.every():
                if not stream.status.is_at_rest and stream.key not in self._under_way:
                    self._under_way.add(stream.key)
                    tasks.create_task(self._settle(stream))
        except Unavailable as error:
            _log.warning("store_unavailable", error=str(error))

    async def _settle(self, stream: DataStream) -> None:
        """Bring a stream to rest; what goes wrong is logged and looked at again."""
        try:
            await linger(self._clock, self._settle_seconds)
            if stream.status is DataStreamStatus.DELETING:
                await self._remove(stream)
            else:
                active = DataStreamStatus.ACTIVE
                work = Change(stream, lambda _, each: each.changed(status=active))
                await self._committer.submit(work)
        except (StreamChanged, StreamGone):
            self._wakeups.wake_here({TOPIC})
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged and tried again
            _log.error("data_stream_cannot_settle", stream=stream.name, exc_info=error)
            await pause(self._clock, data_stream_retry_seconds)
            self._wakeups.wake_here({TOPIC})
        finally:
            self._under_way.discard(stream.key)

    async def _remove(self, stream: DataStream) -> None:
        """Erase a stream's log; its shards go last, as they say where its entries are."""
        for span in keyspace.data_stream_spans(stream.table_id):
            await erase(self._engine, self._committer, span)
        await self._committer.submit(Remove(stream))
