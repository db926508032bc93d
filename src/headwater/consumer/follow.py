"""Following a stream without leases: one reader, no memory, every shard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from headwater.consumer.api import CallFailed, Services
from headwater.consumer.cursor import Missing, Page, Pause, ShardCursor
from headwater.consumer.events import Observer, log
from headwater.consumer.position import LATEST, TRIM_HORIZON, Start
from headwater.consumer.record import Record
from headwater.consumer.settings import ReadSettings
from headwater.consumer.shards import Listing, Shard, children_of, list_patiently, readable


@dataclass(slots=True)
class _Reading:
    """A shard that is read, and the monotonic second from which to look again."""

    cursor: ShardCursor
    due_at: float = field(default=0.0)


class Follower:
    """Reads every shard of a stream from a start on, parents before children."""

    def __init__(
        self,
        services: Services,
        stream_arn: str,
        start: Start = TRIM_HORIZON,
        settings: ReadSettings | None = None,
        observe: Observer = log,
    ) -> None:
        self._services = services
        self._arn = stream_arn
        self._start = start
        self._settings = settings or ReadSettings()
        self._observe = observe
        self._shards: dict[str, Shard] = {}
        self._readings: dict[str, _Reading] = {}
        self._finished: set[str] = set()
        self._listing = Listing((), is_disabled=False)
        self._list_at: float | None = None

    async def batches(self) -> AsyncIterator[tuple[str, Sequence[Record]]]:
        """Records with the id of their shard, until a disabled stream is read to its end.

        Raises CallFailed for what no waiting helps.
        """
        while True:
            is_quiet = True
            async for shard_id, records in self.round():
                is_quiet = False
                yield shard_id, records
            if self._listing.is_disabled and not self._readings:
                return
            if is_quiet:
                await self._services.clock.sleep(self._settings.idle_seconds)

    async def round(self) -> AsyncIterator[tuple[str, Sequence[Record]]]:
        """Look once at every shard that can be read."""
        await self._take_up()
        for shard_id, reading in list(self._readings.items()):
            if reading.due_at > self._services.clock.monotonic():
                continue
            match await reading.cursor.look():
                case Pause(seconds):
                    reading.due_at = self._services.clock.monotonic() + seconds
                case Missing():
                    await self._finish_if_gone(shard_id)
                case Page(records, is_last):
                    if records:
                        yield shard_id, records
                    if is_last:
                        await self._finish(shard_id)

    async def _take_up(self) -> None:
        """Find shards, if that is due, and begin with those whose parents are read."""
        now = self._services.clock.monotonic()
        if self._list_at is None or now >= self._list_at:
            await self._list(is_first=self._list_at is None)
        parents = {shard_id: shard.parent for shard_id, shard in self._shards.items()}
        for shard_id in readable(parents, self._finished):
            if shard_id not in self._readings:
                self._begin(shard_id, TRIM_HORIZON if self._start == LATEST else self._start)

    async def _list(self, *, is_first: bool) -> None:
        """List all shards; LATEST means of those that are open at the first time."""
        self._listing = await list_patiently(
            self._services, self._settings, self._arn, self._observe
        )
        self._list_at = self._services.clock.monotonic() + self._settings.discovery_seconds
        self._shards = {shard.shard_id: shard for shard in self._listing.shards}
        if is_first and self._start == LATEST:
            for shard in self._listing.shards:
                if shard.is_closed:
                    self._finished.add(shard.shard_id)
                else:
                    self._begin(shard.shard_id, LATEST)

    def _begin(self, shard_id: str, start: Start) -> None:
        self._readings[shard_id] = _Reading(
            ShardCursor(self._services, self._settings, (self._arn, shard_id), start, self._observe)
        )

    async def _finish(self, shard_id: str) -> None:
        """A shard is read to its end: look for its children at once."""
        del self._readings[shard_id]
        self._finished.add(shard_id)
        try:
            children = await children_of(self._services.streams, self._arn, shard_id)
        except CallFailed as error:
            if not error.is_transient:
                raise
            children = None
        self._shards.update((child.shard_id, child) for child in children or ())
        if not children:  # perhaps the stream is disabled, or they could not be told
            self._list_at = 0.0

    async def _finish_if_gone(self, shard_id: str) -> None:
        await self._list(is_first=False)
        if shard_id not in self._shards:
            del self._readings[shard_id]
            self._finished.add(shard_id)
