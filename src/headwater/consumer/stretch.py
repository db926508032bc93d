"""A stretch of a stream: what was written from one moment to another, and then an end.

Records come in the order in which they were written as far as the service tells it: all shards are
read side by side and merged by time and sequence number, and a child joins them when its parent is
read. So each item's changes are in their order, and a reader that fails can go on by time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from headwater.consumer.api import Services
from headwater.consumer.cursor import Missing, Page, Pause, ShardCursor
from headwater.consumer.events import Observer, log
from headwater.consumer.position import AtTimestamp, TrimHorizon
from headwater.consumer.record import Record
from headwater.consumer.settings import ReadSettings
from headwater.consumer.shards import Shard, list_patiently, readable

# A page may be empty although more follows: only several in turn tell that an open shard has no
# more for now.
_EMPTY_PAGES: Final = 5


@dataclass(frozen=True, slots=True)
class Period:
    """From a start up to an epoch second, which is not part of it and not in the future."""

    start: TrimHorizon | AtTimestamp
    until: float


@dataclass(slots=True)
class _Line:
    """A shard that is read, and what of it was read ahead. is_over: no more is to come."""

    cursor: ShardCursor
    ahead: deque[Record] = field(default_factory=deque)
    is_over: bool = False


class Stretch:
    """Reads a period of a stream once."""

    def __init__(
        self,
        services: Services,
        stream_arn: str,
        period: Period,
        settings: ReadSettings | None = None,
        observe: Observer = log,
    ) -> None:
        self._services = services
        self._arn = stream_arn
        self._period = period
        self._settings = settings or ReadSettings()
        self._observe = observe
        self._shards: dict[str, Shard] = {}
        self._lines: dict[str, _Line] = {}
        self._headless: list[str] = []
        self._finished: set[str] = set()

    async def records(self) -> AsyncIterator[Record]:
        """Every record of the period; raises CallFailed for what no waiting helps."""
        heads: list[tuple[float, int, str]] = []
        await self._list()
        while True:
            while self._headless:
                shard_id = self._headless.pop()
                line = self._lines[shard_id]
                if not line.ahead and not line.is_over:
                    await self._read_on(line)
                if line.ahead:
                    first = line.ahead[0]
                    heappush(heads, (first.created_at, first.sequence_number, shard_id))
                else:
                    await self._finish(shard_id)
            if not heads:
                return
            _, _, shard_id = heappop(heads)
            yield self._lines[shard_id].ahead.popleft()
            self._headless.append(shard_id)

    async def _read_on(self, line: _Line) -> None:
        """Read until there is something, or the shard's part of the period is over."""
        empty_pages = 0
        while empty_pages < _EMPTY_PAGES:
            match await line.cursor.look():
                case Pause(seconds):
                    await self._services.clock.sleep(seconds)
                case Missing():
                    line.is_over = True
                    return
                case Page(records, is_last):
                    until = self._period.until
                    line.ahead.extend(each for each in records if each.created_at < until)
                    line.is_over = is_last or len(line.ahead) < len(records)
                    if line.ahead or line.is_over:
                        return
                    empty_pages += 1
        line.is_over = True

    async def _finish(self, shard_id: str) -> None:
        """Go on with the shard's children; list anew for those that were not there before."""
        self._finished.add(shard_id)
        if any(shard.parent == shard_id for shard in self._shards.values()):
            self._take_up()
        else:
            await self._list()

    async def _list(self) -> None:
        listing = await list_patiently(self._services, self._settings, self._arn, self._observe)
        self._shards = {shard.shard_id: shard for shard in listing.shards}
        self._take_up()

    def _take_up(self) -> None:
        """Begin with every shard whose parents are read."""
        parents = {shard_id: shard.parent for shard_id, shard in self._shards.items()}
        for shard_id in readable(parents, self._finished):
            if shard_id not in self._lines:
                cursor = ShardCursor(
                    self._services,
                    self._settings,
                    (self._arn, shard_id),
                    self._period.start,
                    self._observe,
                )
                self._lines[shard_id] = _Line(cursor)
                self._headless.append(shard_id)
