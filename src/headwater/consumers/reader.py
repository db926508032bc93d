"""The loop of one shard: wake, read on, ask the policy for each lane, deliver, store the position.

Promises to drop nothing: a position is stored only behind records that were delivered or given up
in every lane, and giving up is logged. It is the lowest unfinished one, so lanes that are ahead of
a blocked one lose nothing in a crash: what they delivered comes again. A lane goes on while the
position is being stored, but no more than a batch or two ahead of it. The loop ends at the end of a
closed shard, when told to stop, or when the lease is lost.

Knows neither who else reads nor what the destination does with a batch.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

import structlog

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import NO_WINDOWS, Checkpoint, Lease, LeaseLost, Standing
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Failed,
    GivenUp,
    Outcome,
    Partly,
    ReaderCrashed,
    Reason,
    Throttled,
)
from headwater.consumers.feed import Feed
from headwater.consumers.lane import Lane, Reach
from headwater.consumers.observer import Advanced, Began, CutOff, Dropped, Ended, Left
from headwater.consumers.policy import Deliver, GiveUp, Wait
from headwater.limits import lease_seconds, shard_poll_seconds, shards_look_seconds
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import ShardId
from headwater.streams.shard import sequence_text

Step: TypeAlias = Coroutine[Any, Any, None]
_log = structlog.get_logger(__name__)


class End(Enum):
    """How a reader ended."""

    FINISHED = auto()
    STOPPED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class _Storing:
    """A position on its way to the store. passed: what each lane has behind it there."""

    standing: Standing
    passed: Sequence[int]
    done: asyncio.Future[None]


class ShardReader:
    """Reads one shard for a consumer, from its checkpoint on, while its lease holds."""

    def __init__(
        self,
        services: Services,
        consumer: Consumer,
        shard_id: ShardId,
        lease: Lease,
        start: Checkpoint,
    ) -> None:
        self.lease = lease
        self._services = services
        self._consumer = consumer
        self._destination = services.reach(consumer)
        self._shard_id = shard_id
        settings, size_of = consumer.settings, self._destination.size
        # A state is of the whole shard, so where there is one there is one lane, or the first is to
        # close what was left open by settings that have changed.
        self._lanes = [
            Lane(settings, size_of, NO_WINDOWS if index else start.windows)
            for index in range(settings.lanes)
        ]
        self._feed = Feed(services, consumer, shard_id, start, self._lanes)
        self._stored = Standing(start.position, windows=start.windows, ahead=start.ahead)
        self._storing: _Storing | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        self._attempts = itertools.count(1)
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._has_crashed = False
        self._is_held_up = False
        self._log = _log.bind(consumer=consumer.name, shard=shard_id)

    def stop(self) -> None:
        """Take no more: `run` ends once deliveries under way are over and the position stored."""
        self._is_stopping = True
        self._woken.set()

    async def run(self) -> End:
        """Read until the end.

        A store that cannot serve is tried again; a destination's fault is a delivery in vain.
        """
        services, feed = self._services, self._feed
        services.wakeups.subscribe(feed.topic, self._woken)
        services.watch.watch(feed.head_key, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    return await self._loop(tasks)
                except LeaseLost:
                    self._log.info("lease_lost")
                    return End.LOST
                finally:
                    for delivery in self._deliveries:
                        delivery.cancel()
        finally:
            services.wakeups.unsubscribe(feed.topic, self._woken)
            services.watch.unwatch(feed.head_key, self._woken)
            self._consumer.observer.note(Left(self._shard_id))

    async def _loop(self, tasks: asyncio.TaskGroup) -> End:
        while True:
            self._woken.clear()
            if self._has_crashed:
                self._log.warning("reader_crashed")
                return End.STOPPED
            due_at, look_seconds = None, shards_look_seconds
            try:
                end = await self._advance()
                if end is None:
                    due_at = self._step_lanes(tasks)
            except Unavailable as error:
                if self._is_stopping:
                    raise
                self._log.warning("store_unavailable", error=str(error))
                end, look_seconds = None, shard_poll_seconds
            if end is not None:
                return end
            if self._storing is not None and not self._deliveries:
                await asyncio.wait([self._storing.done])  # time must not jump over it
            else:
                await self._services.clock.wait(self._woken, due_at, look_seconds)

    async def _advance(self) -> End | None:
        """Read on, have the position stored, and say whether that was the end."""
        self._note_stored()
        if not self._is_stopping and not self._stored.is_finished:
            await self._feed.gather()
        self._store_position()
        if self._storing is not None:
            return None
        if self._is_stopping:
            return None if self._deliveries else End.STOPPED
        return End.FINISHED if self._stored.is_finished else None

    def _step_lanes(self, tasks: asyncio.TaskGroup) -> float | None:
        """Have every lane that is free do what the policy says; returns when one is due again."""
        if self._is_stopping:
            return None
        now = self._services.clock.now()
        reach = Reach(self._feed.is_last, self._feed.is_stalled)
        due: list[float | None] = []
        for lane in self._lanes:
            if lane.is_busy or lane.is_ahead:
                continue
            if lane.due_at > now:
                due.append(lane.due_at)
                continue
            match lane.step(reach, now):
                case Wait(until):
                    due.append(until)
                case Deliver(count):
                    self._start(tasks, lane, self._deliver(lane, self._batch(lane, count)))
                case GiveUp(count, reason):
                    self._start(tasks, lane, self._give_up(lane, self._batch(lane, count), reason))
        return min((each for each in due if each is not None), default=None)

    def _batch(self, lane: Lane, count: int) -> Batch:
        return lane.batch(self._consumer.stream, self._shard_id, count)

    def _start(self, tasks: asyncio.TaskGroup, lane: Lane, step: Step) -> None:
        lane.is_busy = True
        task = tasks.create_task(self._at_work(step))
        self._deliveries.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._deliveries.discard(task)
            lane.is_busy = False
            self._woken.set()

        task.add_done_callback(end)

    async def _at_work(self, step: Step) -> None:
        with self._services.clock.working():
            await step

    async def _deliver(self, lane: Lane, batch: Batch) -> None:
        clock, observer = self._services.clock, self._consumer.observer
        attempt = next(self._attempts)
        observer.note(Began(attempt, batch, clock.now()))
        try:
            outcome = await self._outcome(batch)
        except ReaderCrashed:
            self._has_crashed = True
            observer.note(CutOff(attempt, batch, clock.now()))
            return
        except asyncio.CancelledError:
            observer.note(CutOff(attempt, batch, clock.now()))
            raise
        now = clock.now()
        lane.settle(batch, outcome, now)
        self._tell(batch, outcome)
        next_at = None if isinstance(outcome, Delivered) else lane.next_at(now)
        observer.note(Ended(attempt, batch, outcome, now, next_at))

    def _tell(self, batch: Batch, outcome: Outcome) -> None:
        """Log what went wrong; of a destination that cannot take anything its first and its end.

        It is tried again and again, and is perhaps away for days.
        """
        match outcome:
            case Throttled(reason):
                if not self._is_held_up:
                    self._log.info("delivery_held_up", reason=reason, records=len(batch.entries))
                self._is_held_up = True
                return
            case Failed(reason=reason) | Partly(reason=reason):
                self._log.info("delivery_failed", reason=reason, records=len(batch.entries))
        if self._is_held_up:
            self._log.info("delivery_goes_on")
        self._is_held_up = False

    async def _outcome(self, batch: Batch) -> Outcome:
        try:
            return await self._destination.deliver(batch)
        except ReaderCrashed:
            raise
        except Exception as error:  # noqa: BLE001 - a boundary: a destination's fault stays its own
            self._log.error("destination_fault", exc_info=error)
            return Throttled("The destination failed unexpectedly.")

    async def _give_up(self, lane: Lane, batch: Batch, reason: Reason) -> None:
        given_up = GivenUp(batch, reason, lane.answer if reason is Reason.RETRIES else None)
        try:
            await self._destination.give_up(given_up)
        except Unavailable as error:  # the records stay, and are given up once more
            self._log.warning("store_unavailable", error=str(error))
            lane.due_at = self._services.clock.now() + shard_poll_seconds
            return
        except Exception as error:  # noqa: BLE001 - a boundary: a destination's fault stays its own
            self._log.error("destination_fault", exc_info=error)
        self._log_given_up(given_up)
        lane.give_up(batch)
        self._consumer.observer.note(Dropped(given_up, self._services.clock.now()))

    def _store_position(self) -> None:
        """Have it stored where the shard stands, if that is not what is stored or on its way."""
        if self._storing is not None:
            return
        feed, lanes = self._feed, self._lanes
        position = feed.position
        is_finished = feed.is_last and all(lane.is_done for lane in lanes)
        has_stopped = self._is_stopping and not self._deliveries
        ahead = feed.done_ahead() if has_stopped else feed.done_before
        standing = Standing(position, is_finished, lanes[0].windows, ahead)
        passed = [lane.passed for lane in lanes]
        if standing == self._stored:
            self._count_stored(passed)
            return
        expires_at = self._services.clock.now() + lease_seconds
        work = checkpoints.advance(self.lease, standing, expires_at)
        done = self._services.committer.submit(work)
        done.add_done_callback(self._wake_up)
        self._storing = _Storing(standing, passed, done)

    def _wake_up(self, done: asyncio.Future[None]) -> None:
        self._woken.set()
        if not done.cancelled():
            done.exception()  # told by `_note_stored`, unless this has ended before

    def _note_stored(self) -> None:
        """Take it that a position is stored, if it is. Raises LeaseLost, and Unavailable."""
        storing = self._storing
        if storing is None or not storing.done.done():
            return
        self._storing = None
        storing.done.result()
        self._stored = storing.standing
        self._count_stored(storing.passed)
        position, is_finished = storing.standing.position, storing.standing.is_finished
        self._consumer.observer.note(Advanced(self._shard_id, position, is_finished))

    def _count_stored(self, passed: Sequence[int]) -> None:
        for lane, count in zip(self._lanes, passed, strict=True):
            lane.stored = count

    def _log_given_up(self, given_up: GivenUp) -> None:
        entries = given_up.batch.entries
        self._log.warning(
            "records_given_up",
            reason=given_up.reason.value,
            records=len(entries),
            first=sequence_text(entries[0].number) if entries else None,
            last=sequence_text(entries[-1].number) if entries else None,
        )
