"""Reading one shard page after page, whatever becomes of its iterators. Knows nothing of leases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from headwater.consumer.api import CallFailed, Services
from headwater.consumer.events import BackedOff, Observer, RecordsTrimmed
from headwater.consumer.policy import Reaction, after_error, back_off
from headwater.consumer.position import (
    LATEST,
    TRIM_HORIZON,
    After,
    Position,
    iterator_members,
    start_of,
)
from headwater.consumer.record import Record, record_of
from headwater.consumer.settings import ReadSettings


@dataclass(frozen=True, slots=True)
class Page:
    """Records in their order, perhaps none; is_last: the shard is closed and has no more."""

    records: Sequence[Record]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing was read: look again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Missing:
    """The service knows no such shard, or no such stream: list the shards to find out which."""


Look: TypeAlias = Page | Pause | Missing


class ShardCursor:
    """A place in a shard that moves on with what is read."""

    def __init__(
        self,
        services: Services,
        settings: ReadSettings,
        shard: tuple[str, str],
        position: Position,
        observe: Observer,
    ) -> None:
        """shard: the stream's ARN and the shard's id."""
        self._services = services
        self._settings = settings
        self._arn, self._shard_id = shard
        self._position = position
        self._observe = observe
        self._iterator: str | None = None
        self._failures = 0

    async def look(self) -> Look:
        """Ask once; raises CallFailed for what only the user can help."""
        try:
            page = await self._page()
        except CallFailed as error:
            return self._after(error)
        self._failures = 0
        self._iterator = page.get("NextShardIterator")
        records = [
            record_of(raw, deserializes=self._settings.deserializes) for raw in page["Records"]
        ]
        if records:
            self._position = After(records[-1].sequence_number)
        return Page(records, self._iterator is None)

    async def _page(self) -> Mapping[str, Any]:
        streams = self._services.streams
        if self._iterator is None:
            request = {"StreamArn": self._arn, "ShardId": self._shard_id}
            asked_at = self._services.clock.now()
            answer = await streams.call(
                "GetShardIterator", request | iterator_members(self._position)
            )
            self._iterator = answer["ShardIterator"]
            if self._position == LATEST:  # a later iterator must not jump over what comes next
                self._position = start_of(LATEST, asked_at)
        limit = self._settings.batch_records_max
        return await streams.call("GetRecords", {"ShardIterator": self._iterator, "Limit": limit})

    def _after(self, error: CallFailed) -> Look:
        reaction = after_error(error, self._position)
        if reaction is Reaction.LOOK:
            return Missing()
        if reaction is Reaction.FAIL:
            raise error
        self._failures += 1
        if reaction is Reaction.WAIT:
            return self._back_off(error)
        self._iterator = None
        if reaction is Reaction.SKIP:
            self._observe(RecordsTrimmed(self._shard_id, self._position))
            self._position = TRIM_HORIZON
        elif reaction is Reaction.LATEST:
            self._position = LATEST
        # What a new iterator does not help against must not become a storm of calls.
        return Pause(0.0) if self._failures == 1 else self._back_off(error)

    def _back_off(self, error: CallFailed) -> Pause:
        seconds = back_off(self._settings, self._failures, self._services.chance)
        self._observe(BackedOff(self._shard_id, error.code, seconds))
        return Pause(seconds)
