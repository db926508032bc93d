"""A consumer of a stream that shares its shards with others by a lease table.

Delivery is at least once, in order along every line of shards, parents before children; a position
is stored only behind what was confirmed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from headwater.consumer.api import CallFailed, Services
from headwater.consumer.batch import Batch
from headwater.consumer.events import BackedOff, Counters, Event, Observer, log
from headwater.consumer.iteration import Batches, BatchQueue
from headwater.consumer.lease_table import LeaseTable
from headwater.consumer.policy import back_off
from headwater.consumer.position import AtTimestamp, start_of
from headwater.consumer.reader import Deliver
from headwater.consumer.settings import ConsumerSettings
from headwater.consumer.worker import Share, Worker

Handler: TypeAlias = Callable[[Batch], Awaitable[Any] | Any]
Answer = TypeVar("Answer")


class NoStream(Exception):
    """The table has no stream."""


class Consumer:
    """Reads its share of a stream's shards, in one of two forms.

    `await consumer.run(handle)` calls a function with every batch, those of different shards side
    by side: a coroutine function on the loop, any other in a thread. An error that it raises brings
    the batch back after a while.

    `async with consumer: async for batch in consumer:` gives one batch after the other; asking for
    the next confirms the one before. Leaving the loop by an error or `break` does not: confirm
    before a `break` what is dealt with.

    A consumer is used once. counters: what has happened so far.
    """

    def __init__(
        self, services: Services, settings: ConsumerSettings, *observers: Observer
    ) -> None:
        self.counters = Counters()
        self.owner = settings.owner or services.chance.uuid()
        self._services = services
        self._settings = settings
        self._observers: Sequence[Observer] = (self.counters.note, log, *observers)
        self._worker: Worker | None = None
        self._beginning: asyncio.Task[Share] | None = None
        self._stopping = asyncio.Event()
        self._queue = BatchQueue()
        self._working: asyncio.Task[None] | None = None

    async def run(self, handle: Handler) -> None:
        """Have batches handled until `stop`, or until a disabled stream is read to its end.

        Cancelled, it leaves its leases to run out. Raises NoStream; CallFailed for a call that no
        waiting helps, such as one that is not allowed; HandlerFailed after `attempts_max`.
        """
        await self._work(_delivery(handle))

    def stop(self) -> None:
        """Finish what is under way, store positions, let the leases go, and end."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()
        elif self._beginning is not None:
            self._beginning.cancel()

    async def __aenter__(self) -> Self:
        self._working = asyncio.create_task(self._work(self._queue.deliver))
        self._working.add_done_callback(lambda _: self._queue.end())
        return self

    def __aiter__(self) -> Batches:
        return Batches(self._queue)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the leases go; raises what ended the consumer, if anything did."""
        assert self._working is not None, "entered before it is left"
        self._queue.abandon()
        self.stop()
        await self._working

    async def _work(self, deliver: Deliver) -> None:
        assert self._beginning is None, "a consumer is used once"
        if self._stopping.is_set():
            return
        self._beginning = asyncio.create_task(self._begin())
        try:
            await asyncio.wait([self._beginning])
        finally:
            self._beginning.cancel()
        if self._stopping.is_set() and self._beginning.cancelled():
            return
        share = await self._beginning
        self._worker = Worker(self._services, self._settings, share, deliver, self._observe)
        await self._worker.run()

    async def _begin(self) -> Share:
        """Find the stream, the lease table, and where the application began."""
        settings, services = self._settings, self._services
        now = services.clock.now()
        if isinstance(settings.start, AtTimestamp) and settings.start.seconds > now:
            raise ValueError("a consumer cannot start in the future")
        wanted = start_of(settings.start, now)
        arn = await self._patiently("DescribeTable", self._stream_arn)
        table = LeaseTable(services.tables, services.clock, settings.application, arn)
        await self._patiently("CreateTable", table.ensure)
        start = await self._patiently("StoreStart", lambda: table.start(wanted))
        return Share(arn, table, start, self.owner)

    async def _stream_arn(self) -> str:
        stream = self._settings.stream
        if stream.startswith("arn:"):
            return stream
        found = await self._services.tables.call("DescribeTable", {"TableName": stream})
        arn: str | None = found["Table"].get("LatestStreamArn")
        if arn is None:
            raise NoStream(f"{stream} has no stream")
        return arn

    async def _patiently(self, what: str, step: Callable[[], Awaitable[Answer]]) -> Answer:
        """Take a step of the start until it works."""
        settings, failures = self._settings, 0
        while True:
            try:
                return await step()
            except CallFailed as error:
                if not error.is_transient:
                    raise
                failures += 1
                seconds = back_off(settings, failures, self._services.chance)
                self._observe(BackedOff(what, error.code, seconds))
                await self._services.clock.sleep(seconds)

    def _observe(self, event: Event) -> None:
        for observer in self._observers:
            observer(event)


def _delivery(handle: Handler) -> Deliver:
    """A handler as readers call it."""
    is_coroutine = inspect.iscoroutinefunction(handle) or inspect.iscoroutinefunction(
        getattr(handle, "__call__", None)  # noqa: B004 - an object may be called as a coroutine
    )

    async def deliver(batch: Batch) -> bool:
        result = handle(batch) if is_coroutine else await asyncio.to_thread(handle, batch)
        if inspect.isawaitable(result):
            await result
        return True

    return deliver
