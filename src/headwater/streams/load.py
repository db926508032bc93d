"""How many entries a second a shard's line takes, and for how long it has been too many.

Entries are counted by what is there already: an open shard's head tells how many the shard's line
has had, and heads are read a few times in the period that a rate must last. So a write costs
nothing more. What was measured is not stored; after a restart a rate must last anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from headwater.clock import Clock, pause
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams.shard import decode_head, line_count

_LOOKS: Final = 6  # in the period that a rate must last
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Entries a second of one shard above which it is split, and how long they must last."""

    entries_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """A shard's line as measured at an epoch second.

    count: entries it has had. above_since: since when its rate is above the limit, if it is.
    """

    count: int
    at: float
    above_since: float | None = None


def measured(before: Load | None, count: int, now: float, rate_max: float) -> Load:
    """The load now, from the one measured before."""
    if before is None:
        return Load(count, now)
    if count - before.count <= rate_max * (now - before.at):
        return Load(count, now)
    return Load(count, now, before.at if before.above_since is None else before.above_since)


class Loads:
    """The loads of open shards, from one look at them to the next."""

    def __init__(self, engine: Engine, clock: Clock, settings: SplitSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._before: dict[ShardId, Load] = {}
        self._now: dict[ShardId, Load] = {}

    def begin(self) -> None:
        """Begin a look: shards that were not measured in the one before are forgotten."""
        self._before, self._now = self._now, {}

    async def too_high(self, table_id: TableId, ids: Sequence[ShardId]) -> list[ShardId]:
        """Measure shards of one log; those that have been above the rate for long enough."""
        if not ids:
            return []
        heads = await self._engine.get([keyspace.head(table_id, each) for each in ids])
        now, rate_max = self._clock.now(), self._settings.entries_per_second
        found = []
        for shard_id, head in zip(ids, heads, strict=True):
            if head is None:
                continue
            count = line_count(decode_head(head).last)
            load = measured(self._before.get(shard_id), count, now, rate_max)
            since = load.above_since
            if since is not None and now - since >= self._settings.seconds:
                found.append(shard_id)
            else:
                self._now[shard_id] = load
        return found

    async def watch(self, look: Callable[[], Awaitable[None]]) -> None:
        """Look again and again, until cancelled; what goes wrong is logged."""
        while True:
            try:
                await look()
            except Exception as error:  # noqa: BLE001 - a task's boundary
                _log.error("shards_cannot_be_measured", exc_info=error)
            await pause(self._clock, self._settings.seconds / _LOOKS)
