"""Keeps consumers running as they are stored.

Whoever has such consumers compares what is stored with what runs (`compare`), whenever something
has changed and every few seconds: it stops what is no longer wanted, which first finishes what it
delivers, and starts what is missing. Nothing is remembered, so a restart, or another process, goes
on from the store alone; leases decide which process reads a shard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.coordinator import Coordinator
from headwater.consumers.members import Members
from headwater.storage.engine import Unavailable

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """When to compare. topic: what wakes; look_seconds: how long to wait for that at most."""

    topic: bytes
    look_seconds: float


@dataclass(frozen=True, slots=True)
class _Running(Generic[T]):
    stored: T
    coordinator: Coordinator


class Upkeep(Generic[T]):
    """The consumers of one kind that run in this process, each by the key of what is stored."""

    def __init__(
        self, services: Services, members: Members, retention_seconds: float, rounds: Rounds
    ) -> None:
        self._services = services
        self._members = members
        self._retention_seconds = retention_seconds
        self._rounds = rounds
        self._running: dict[bytes, _Running[T]] = {}
        self._woken = asyncio.Event()
        self.is_stopping = False

    async def run(self, compare: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
        """Compare again and again until `stop`; returns when all have come to a stop.

        compare: calls `keep`, and `start` unless this is stopping; after Unavailable it is called
        again.
        """
        wakeups, topic = self._services.wakeups, self._rounds.topic
        wakeups.subscribe(topic, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._running or not self.is_stopping:
                    self._woken.clear()
                    try:
                        await compare(tasks)
                    except Unavailable as error:
                        _log.warning("store_unavailable", error=str(error))
                    await self._services.clock.wait(self._woken, None, self._rounds.look_seconds)
        finally:
            wakeups.unsubscribe(topic, self._woken)

    def stop(self) -> None:
        """Take no more records; `run` returns when what is delivered now is done and stored."""
        self.is_stopping = True
        self._woken.set()

    def wake(self) -> None:
        """Compare at once."""
        self._woken.set()

    def find(self, key: bytes) -> T | None:
        """What runs by this key, as it was stored when it was started."""
        running = self._running.get(key)
        return None if running is None else running.stored

    def running(self) -> list[T]:
        """Everything that runs, as it was stored when it was started."""
        return [each.stored for each in self._running.values()]

    def keep(self, is_wanted: Callable[[bytes, T], bool]) -> None:
        """Stop what is not wanted, and everything when this is stopping."""
        for key, each in self._running.items():
            if self.is_stopping or not is_wanted(key, each.stored):
                each.coordinator.stop()

    def start(
        self,
        tasks: asyncio.TaskGroup,
        stored: tuple[bytes, T],
        consumer: Consumer,
        end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Start what is stored under a key. end: what to do when it has stopped."""
        key, value = stored
        assert key not in self._running, "runs already"
        retention_seconds = consumer.retention_seconds or self._retention_seconds
        coordinator = Coordinator(self._services, consumer, self._members, retention_seconds)
        self._running[key] = _Running(value, coordinator)
        tasks.create_task(self._run(key, consumer.name, end))

    async def _run(self, key: bytes, name: str, end: Callable[[], Awaitable[None]] | None) -> None:
        """Run a consumer to its end; one that fails is started again at the next look."""
        try:
            await self._running[key].coordinator.run()
            if end is not None:
                await end()
            # Other processes, too, may have waited for it.
            self._services.wakeups.wake({self._rounds.topic})
        except Exception as error:  # noqa: BLE001 - a task's boundary: one must not stop the others
            _log.error("consumer_failed", consumer=name, exc_info=error)
        finally:
            del self._running[key]
            if self.is_stopping:
                self._woken.set()
