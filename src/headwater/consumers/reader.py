"""The loop of one shard: wake, read on, ask the policy, deliver, store the position.

Promises to drop nothing: a position is stored only behind records that were delivered or given up,
and giving up is logged. A wake-up is a hint; the loop looks by itself every second. It ends at the
end of a closed shard, when told to stop, or when the lease is lost.

Knows neither who else reads nor what the destination does with a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import structlog

from headwater.clock import Clock, pause, wait
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers import policy
from headwater.consumers.checkpoint import Checkpoint, Lease, LeaseLost
from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Destination,
    GivenUp,
    Outcome,
    ReaderCrashed,
    Reason,
    Throttled,
)
from headwater.consumers.observer import Dropped, Observer, Observers
from headwater.consumers.policy import Deliver, Gathered, Gathering, GiveUp, PolicySettings, Wait
from headwater.limits import lease_seconds, shard_poll_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import time_us_of
from headwater.streams.log import Reading, Stored, read
from headwater.streams.shard import (
    Head,
    decode_head,
    decode_point,
    number_before,
    sequence_text,
)
from headwater.streams.window import Stream

_log = structlog.get_logger(__name__)


def destination_of(consumer: Consumer) -> Destination:
    """A consumer's destination itself."""
    return consumer.destination


@dataclass(frozen=True, slots=True)
class Services:
    """What every reader works with.

    reach: gives the destination that a consumer's readers deliver to, where something is to stand
    between the two.
    """

    engine: Engine
    committer: Committer
    wakeups: Wakeups
    clock: Clock
    reach: Callable[[Consumer], Destination] = destination_of


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads a stream, in which manner, and where to.

    name: what its checkpoints are stored under; holds no zero byte.
    """

    name: str
    stream: Stream
    settings: PolicySettings
    destination: Destination
    observer: Observer = field(default_factory=Observers)


class End(Enum):
    """How a reader ended."""

    FINISHED = auto()
    STOPPED = auto()
    LOST = auto()


class ShardReader:
    """Reads one shard for a consumer, from its checkpoint on, while its lease holds."""

    def __init__(
        self, services: Services, consumer: Consumer, shard_id: ShardId, lease: Lease
    ) -> None:
        self.lease = lease
        self._services = services
        self._consumer = consumer
        self._destination = services.reach(consumer)
        self._shard_id = shard_id
        table_id = consumer.stream.table_id
        self._keys = [keyspace.head(table_id, shard_id), keyspace.trim_point(table_id, shard_id)]
        self._log_prefix = keyspace.log_prefix(table_id, shard_id)
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._buffer = _Buffer(consumer)
        self._state: policy.State = Gathering()
        self._log = _log.bind(consumer=consumer.name, shard=shard_id)

    def stop(self) -> None:
        """Take no more: `run` ends once a delivery under way is over and its position stored."""
        self._is_stopping = True
        self._woken.set()

    async def run(self, start: Checkpoint) -> End:
        """Read from a checkpoint until the end.

        A store that cannot serve is tried again; a destination's fault is a delivery in vain.
        """
        self._buffer.read_to = start.position
        wakeups = self._services.wakeups
        wakeups.subscribe(self._log_prefix, self._woken)
        try:
            while not self._is_stopping:
                self._woken.clear()
                try:
                    if await self._step():
                        return End.FINISHED
                except Unavailable as error:
                    self._log.warning("store_unavailable", error=str(error))
                    await self._pause(None)
        except LeaseLost:
            self._log.info("lease_lost")
            return End.LOST
        except ReaderCrashed:
            self._log.warning("reader_crashed")
        finally:
            wakeups.unsubscribe(self._log_prefix, self._woken)
        return End.STOPPED

    async def _step(self) -> bool:
        """Do what the policy says next; returns whether that was the shard's end."""
        buffer = self._buffer
        if isinstance(self._state, Gathering):
            await self._gather()
        if buffer.is_last and not buffer.entries:
            await self._store_position(buffer.read_to, is_finished=True)
            return True
        if self._is_stopping:
            return False
        now = self._services.clock.now()
        match policy.next_step(self._consumer.settings, self._state, buffer.gathered(), now):
            case Wait(until):
                await self._pause(until)
                return False
            case Deliver(count):
                return await self._deliver(count)
            case GiveUp(count, reason):
                await self._give_up(count, reason)
                self._state = policy.after_giving_up(self._state, count)
                return await self._advance(count)

    async def _gather(self) -> None:
        """Read on until a batch is full or nothing is left.

        The head comes first: once it says closed, all of the shard's entries can be read.
        """
        buffer, services = self._buffer, self._services
        while not (buffer.is_full or buffer.is_last):
            stored, point = await services.engine.get(self._keys)
            if stored is None:  # trimmed away whole
                buffer.is_last = True
                return
            head = decode_head(stored)
            if decode_point(point) > buffer.read_to:
                await self._pass_trimmed(SequenceNumber(decode_point(point)))
            if head.last > buffer.read_to:
                await self._read_on(head)
            if head.last <= buffer.read_to:
                buffer.is_last = head.is_closed
                return

    async def _read_on(self, head: Head) -> None:
        buffer, services = self._buffer, self._services
        reading = Reading(buffer.read_to, buffer.room, self._consumer.settings.batch_bytes_max)
        found = await read(services.engine, self._log_prefix, reading)
        if not found:
            await self._pass_trimmed(head.last)
            return
        following = number_before(found[0].number)
        if following > buffer.read_to:
            self._log_trimmed(following)
        buffer.add(found, services.clock.now())

    async def _pass_trimmed(self, upto: SequenceNumber) -> None:
        """Go on behind records that nobody can read any more."""
        buffer = self._buffer
        self._log_trimmed(upto)
        buffer.read_to = upto
        if not buffer.entries:
            await self._store_position(upto, is_finished=False)

    def _log_trimmed(self, upto: SequenceNumber) -> None:
        self._log.warning(
            "records_trimmed_unread",
            after=sequence_text(self._buffer.read_to),
            upto=sequence_text(upto),
        )

    async def _deliver(self, count: int) -> bool:
        """Have the first records delivered; returns whether they were the shard's last."""
        failures = self._state.failures if isinstance(self._state, policy.Trying) else 0
        entries = tuple(self._buffer.entries[:count])
        batch = Batch(self._consumer.stream, self._shard_id, entries, failures)
        outcome = await self._outcome(batch)
        now = self._services.clock.now()
        self._state = policy.after_delivery(
            self._consumer.settings, self._state, count, outcome, now
        )
        if isinstance(outcome, Delivered):
            return await self._advance(count)
        self._log.info("delivery_failed", reason=outcome.reason, records=count)
        return False

    async def _outcome(self, batch: Batch) -> Outcome:
        try:
            return await self._destination.deliver(batch)
        except ReaderCrashed:
            raise
        except Exception as error:  # noqa: BLE001 - a boundary: a destination's fault stays its own
            self._log.error("destination_fault", exc_info=error)
            return Throttled("The destination failed unexpectedly.")

    async def _advance(self, count: int) -> bool:
        """Store the position behind the first records; returns whether that was the shard's end."""
        buffer = self._buffer
        position = buffer.entries[count - 1].number
        buffer.drop(count)
        is_finished = buffer.is_last and not buffer.entries
        await self._store_position(position, is_finished=is_finished)
        return is_finished

    async def _store_position(self, position: SequenceNumber, *, is_finished: bool) -> None:
        """Store it even if the store is unavailable for a while: it has been delivered."""
        while True:
            expires_at = self._services.clock.now() + lease_seconds
            work = checkpoints.advance(self.lease, position, expires_at, is_finished=is_finished)
            try:
                await self._services.committer.submit(work)
            except Unavailable:
                if self._is_stopping:
                    raise
                await pause(self._services.clock, shard_poll_seconds)
            else:
                return

    async def _pause(self, until: float | None) -> None:
        """Wait for a wake-up, at most until an epoch second and never longer than between polls."""
        await wait(self._services.clock, self._woken, until, shard_poll_seconds)

    async def _give_up(self, count: int, reason: Reason) -> None:
        entries = self._buffer.entries
        tries = self._state.failures if isinstance(self._state, policy.Trying) else 0
        batch = Batch(self._consumer.stream, self._shard_id, tuple(entries[:count]), tries)
        given_up = GivenUp(batch, reason, None)
        await self._destination.give_up(given_up)
        self._consumer.observer.note(Dropped(given_up, self._services.clock.now()))
        self._log.warning(
            "records_given_up",
            reason=reason.value,
            records=count,
            first=sequence_text(entries[0].number),
            last=sequence_text(entries[count - 1].number),
        )


class _Buffer:
    """Records read and not yet behind the reader: at most one batch.

    read_to: number up to which the shard has been read. is_full: no more fit into the batch.
    is_last: the shard has no more.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._settings = consumer.settings
        self._size_of = consumer.destination.size
        self.entries: list[Stored] = []
        self._times_us: list[int] = []
        self._size = 0
        self._since = 0.0
        self.read_to = SequenceNumber(0)
        self.is_full = False
        self.is_last = False

    @property
    def room(self) -> int:
        return self._settings.batch_records_max - len(self.entries)

    def add(self, found: list[Stored], now: float) -> None:
        """Take as much of what was read at an epoch second as the batch holds, at least one."""
        if not self.entries:
            self._since = now
        for stored in found:
            size = self._size_of(stored.entry)
            if self.entries and self._size + size > self._settings.batch_bytes_max:
                self.is_full = True
                return
            self.entries.append(stored)
            self._times_us.append(time_us_of(stored.entry))
            self._size += size
            self.read_to = stored.number
        self.is_full = self.room == 0

    def drop(self, count: int) -> None:
        """Forget the first records, which are delivered or given up."""
        self._size -= sum(self._size_of(stored.entry) for stored in self.entries[:count])
        del self.entries[:count]
        del self._times_us[:count]
        self.is_full = False

    def gathered(self) -> Gathered:
        return Gathered(self._times_us, self._since, self.is_full, self.is_last)
