"""Waiting until every consumer has passed everything that was written before the call.

What is written meanwhile, by functions too, does not count: a drain always ends where it began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from headwater.clock import Clock
from headwater.consumers.coordinator import Behind
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import listing
from headwater.streams.shard import decode_head, sequence_text

_LOOK_SECONDS: Final = 0.01

Written = Mapping[TableId, Mapping[ShardId, int]]
"""The last sequence number of every shard, by table."""


class Consumers(Protocol):
    """Consumers of one kind: those in the server, or those that are registered."""

    async def behind(self, written: Written) -> Mapping[str, Behind]:
        """The names of the consumers that have not passed these numbers, and where they are."""


class NotDrained(Exception):
    """Time ran out; `laggards` names the consumers that were still behind, and where they were."""

    def __init__(self, laggards: Mapping[str, Behind]) -> None:
        places = (_place(name, behind) for name, behind in laggards.items())
        super().__init__(f"still behind: {'; '.join(places)}")
        self.laggards = laggards


class Drain:
    """Waits for consumers. clock: the machine's, as what is waited for is real work."""

    def __init__(self, engine: Engine, consumers: Sequence[Consumers], clock: Clock) -> None:
        """consumers: of every kind."""
        self._engine = engine
        self._consumers = consumers
        self._clock = clock

    async def wait(self, timeout_seconds: float) -> float:
        """Return once nobody is behind what is written now; says how many seconds that took.

        Raises NotDrained when time runs out.
        """
        began = self._clock.now()
        written = await self._written()
        while laggards := await self._behind(written):
            if self._clock.now() - began >= timeout_seconds:
                raise NotDrained(laggards)
            await self._clock.sleep(_LOOK_SECONDS)
        return self._clock.now() - began

    async def _behind(self, written: Written) -> Mapping[str, Behind]:
        laggards: dict[str, Behind] = {}
        for consumers in self._consumers:
            laggards |= await consumers.behind(written)
        return laggards

    async def _written(self) -> Written:
        written: dict[TableId, dict[ShardId, int]] = defaultdict(dict)
        async for key, stored in listing.entries(self._engine, keyspace.every_head_span()):
            table_id, shard_id = keyspace.shard_of_head(key)
            written[table_id][shard_id] = decode_head(stored).last
        return written


def _place(name: str, behind: Behind) -> str:
    position = behind.position
    at = "not begun" if position is None else f"at {sequence_text(position, behind.shard_id)}"
    of = sequence_text(behind.number, behind.shard_id)
    return f"{name} in {behind.shard_id}, {at}, of {of}"
