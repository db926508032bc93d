"""Reading one shard under its lease: deliver, have it confirmed, store the position.

A position is stored only up to what the handler has confirmed. A reader that has to stop finishes
the delivery under way, stores what is confirmed and lets the lease go; one that has lost its lease
stores nothing, and whoever has it delivers again what was not stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from headwater.consumer.api import CallFailed, Services
from headwater.consumer.batch import Batch, Progress
from headwater.consumer.cursor import Missing, Page, Pause, ShardCursor
from headwater.consumer.events import (
    BackedOff,
    CaughtUp,
    Checkpointed,
    Delivered,
    DeliveryFailed,
    LeaseLost,
    LeaseReleased,
    Observer,
    ShardFinished,
)
from headwater.consumer.holding import Holding
from headwater.consumer.lease_table import LeaseGone
from headwater.consumer.policy import back_off
from headwater.consumer.position import SHARD_END, After
from headwater.consumer.record import Record
from headwater.consumer.settings import ConsumerSettings

# Whether the batch is dealt with: False if nobody will deal with it any more.
Deliver: TypeAlias = Callable[[Batch], Awaitable[bool]]


class HandlerFailed(Exception):
    """A batch was delivered as often as it may be; the cause is the handler's last error."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all readers of a consumer share.

    is_listed: whether a shard is still there. open_children: make its children readable.
    """

    services: Services
    settings: ConsumerSettings
    stream_arn: str
    deliver: Deliver
    observe: Observer
    is_listed: Callable[[str], Awaitable[bool]]
    open_children: Callable[[str], Awaitable[None]]


class ShardReader:
    """Reads a shard from its lease's position on, as long as the lease is held."""

    def __init__(self, around: Surroundings, holding: Holding) -> None:
        self.holding = holding
        self._around = around
        self._clock = around.services.clock
        self._shard_id = holding.lease.shard_id
        position = holding.lease.position
        self._cursor = ShardCursor(
            around.services,
            around.settings,
            (around.stream_arn, self._shard_id),
            position,
            around.observe,
        )
        begun = position.number if isinstance(position, After) else 0
        self._progress = Progress(begun, begun, begun)
        self._stored_at = self._clock.monotonic()
        self._woken = asyncio.Event()
        self._is_stopping = False

    def stop(self) -> None:
        """Take no more: `run` ends once a delivery under way is over and the position is stored."""
        self._is_stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Read until the shard's end, until `stop`, or until the lease is lost.

        Raises CallFailed for what only the user can help, and HandlerFailed; the lease is let go.
        """
        try:
            try:
                while self._goes_on:
                    if await self._step():
                        return
            except (CallFailed, HandlerFailed):
                await self._let_go()
                raise
            await self._let_go()
        except LeaseGone:
            self._around.observe(LeaseLost(self._shard_id))

    @property
    def _goes_on(self) -> bool:
        return not self._is_stopping and self.holding.is_valid

    async def _step(self) -> bool:
        """Look once and do what follows; returns whether the shard is finished."""
        settings = self._around.settings
        match await self._cursor.look():
            case Pause(seconds):
                await self._rest(seconds)
            case Missing():
                if not await self._is_listed():
                    return await self._finish(is_gone=True)
                await self._rest(settings.back_off_seconds_max)
            case Page(records, is_last):
                if records and not await self._deliver(records):
                    return False
                if is_last:
                    return await self._finish(is_gone=False)
                if not records:
                    self._around.observe(CaughtUp(self._shard_id))
                    await self._store_when_due()
                    await self._rest(settings.idle_seconds)
        return False

    async def _deliver(self, records: Sequence[Record]) -> bool:
        """Deliver until the handler takes it; returns whether it has."""
        around, attempt = self._around, 0
        while records:
            if not self._goes_on:
                return False
            attempt += 1
            self._progress.delivered = records[-1].sequence_number
            batch = Batch(self._shard_id, records, attempt, self._progress, self._store)
            try:
                if not await around.deliver(batch):
                    self._is_stopping = True
                    return False
            except Exception as error:  # a boundary: the handler is the user's
                if attempt == around.settings.attempts_max:
                    raise HandlerFailed(f"{batch!r} failed {attempt} times") from error
                around.observe(DeliveryFailed(self._shard_id, attempt, error))
                await self._rest(self._back_off(attempt))
                confirmed = self._progress.confirmed
                records = [each for each in records if each.sequence_number > confirmed]
            else:
                self._note_delivered(batch)
                break
        await self._store_when_due()
        return True

    def _note_delivered(self, batch: Batch) -> None:
        if not self._around.settings.has_manual_checkpoints:
            batch.confirm()
        age = self._clock.now() - batch[-1].created_at
        self._around.observe(Delivered(self._shard_id, len(batch), max(0.0, age)))

    async def _finish(self, *, is_gone: bool) -> bool:
        """End the shard once all of it is confirmed; returns whether it came to that.

        Where the shard is trimmed away there is nothing to come back to, confirmed or not.
        """
        while not is_gone and self._progress.confirmed < self._progress.delivered:
            await self._store_when_due()
            await self._rest(self._around.settings.idle_seconds)
            if not self._goes_on:
                return False
        await self._around.open_children(self._shard_id)
        await self._persist(self.holding.finish)
        self._around.observe(Checkpointed(self._shard_id, SHARD_END))
        self._around.observe(ShardFinished(self._shard_id, is_gone))
        return True

    async def _let_go(self) -> None:
        await self._store()
        after = self.holding.lease.promised
        await self._persist(self.holding.release)
        self._around.observe(LeaseReleased(self._shard_id, after))

    async def _store_when_due(self) -> None:
        waited = self._clock.monotonic() - self._stored_at
        if waited >= self._around.settings.checkpoint_seconds:
            await self._store()

    async def _store(self) -> None:
        """Store what is confirmed; raises LeaseGone."""
        number = self._progress.confirmed
        if number <= self._progress.stored:
            return
        position = After(number)
        await self._persist(lambda: self.holding.checkpoint(position))
        self._progress.stored = max(number, self._progress.stored)
        self._stored_at = self._clock.monotonic()
        self._around.observe(Checkpointed(self._shard_id, position))

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write to the lease, again and again while it is held; raises LeaseGone."""
        failures = 0
        while True:
            if not self.holding.is_valid:
                raise LeaseGone
            try:
                await write()
            except CallFailed as error:
                if not error.is_transient:
                    raise
                failures += 1
                seconds = self._back_off(failures)
                self._around.observe(BackedOff(self._shard_id, error.code, seconds))
                await self._clock.sleep(seconds)
            else:
                return

    async def _is_listed(self) -> bool:
        try:
            return await self._around.is_listed(self._shard_id)
        except CallFailed as error:
            if not error.is_transient:
                raise
            return True

    def _back_off(self, failures: int) -> float:
        return back_off(self._around.settings, failures, self._around.services.chance)

    async def _rest(self, seconds: float) -> None:
        """Wait, or until told to stop."""
        if seconds <= 0:
            return
        cancel = self._clock.call_at(self._clock.now() + seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            cancel()
        if not self._is_stopping:
            self._woken.clear()
