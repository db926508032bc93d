"""Looks at the heads of all shards that are read, once for everybody who reads them.

A commit wakes the readers of its shards at once, but a wake-up is a hint: it may be lost, or be
another process's. So once a second the heads of every shard that has readers are loaded, and the
readers of those that have moved since the last look are woken. Where nothing at all was committed
since, none can have moved, and nothing is loaded. An idle reader costs nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from headwater.clock import Clock, pause
from headwater.limits import shard_poll_seconds
from headwater.storage.engine import Engine, Unavailable

_PAGE: Final = 256
_log = structlog.get_logger(__name__)


class HeadWatch:
    """Start it in a task by `run`; it ends by being cancelled."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._events: dict[bytes, set[asyncio.Event]] = {}
        self._seen: dict[bytes, bytes | None] = {}
        self._seen_at: object = None  # the state of the engine

    def watch(self, head_key: bytes, event: asyncio.Event) -> None:
        """Set the event whenever a look finds that the head has moved, until `unwatch`."""
        self._events.setdefault(head_key, set()).add(event)

    def unwatch(self, head_key: bytes, event: asyncio.Event) -> None:
        events = self._events[head_key]
        events.discard(event)
        if not events:
            del self._events[head_key]

    async def run(self) -> None:
        while True:
            await pause(self._clock, shard_poll_seconds)
            try:
                await self._look()
            except Unavailable as error:
                _log.warning("store_unavailable", error=str(error))

    async def _look(self) -> None:
        state = self._engine.state()
        if state == self._seen_at:
            return
        keys = list(self._events)
        heads: dict[bytes, bytes | None] = {}
        for index in range(0, len(keys), _PAGE):
            page = keys[index : index + _PAGE]
            heads.update(zip(page, await self._engine.get(page), strict=True))
            await asyncio.sleep(0)  # requests wait no longer than for one page
        for key, head in heads.items():
            if key not in self._seen or head != self._seen[key]:
                for event in self._events.get(key, ()):
                    event.set()
        self._seen, self._seen_at = heads, state
