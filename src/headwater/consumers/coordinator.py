"""Who reads which shard of a stream, for one consumer, in one of perhaps several processes.

The shards that can be read are shared evenly among the processes that serve (`members.py`): one
that has too many finishes what it delivers and lets the others have them.

A shard is read once its parent is finished or trimmed away, and only under its lease. A shard
without a stored position is read from its oldest record: it is either the child of a shard that was
read, or its consumer starts at the trim horizon; one that starts at the latest record has positions
from the beginning (`start_at_latest`). All that is known is in the store, so whoever comes after a
crash goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint, Claim
from headwater.consumers.consumer import Consumer, Services
from headwater.consumers.members import Members, Share, share_of
from headwater.consumers.reader import End, ShardReader
from headwater.limits import lease_seconds, shards_look_seconds
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import listing
from headwater.streams.position import find_log
from headwater.streams.shard import Shard, decode_head
from headwater.streams.window import AnyStream

_log = structlog.get_logger(__name__)


class Coordinator:
    """Reads all shards of a consumer's stream that this process gets the leases of."""

    def __init__(
        self, services: Services, consumer: Consumer, members: Members, retention_seconds: float
    ) -> None:
        self._services = services
        self._consumer = consumer
        self._members = members
        self._retention_seconds = retention_seconds
        self._readers: dict[ShardId, ShardReader] = {}
        self._stalled: set[str] = set()
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._has_all = False
        self._log = _log.bind(consumer=consumer.name)

    async def run(self) -> None:
        """Read until `stop`; then let every reader finish what it delivers, and release its lease.

        Cancelling leaves everything as a crash would: leases run out, positions stand.
        """
        table_id, wakeups = self._consumer.stream.table_id, self._services.wakeups
        topics = (
            keyspace.shards_span(table_id)[0],
            delivery_keys.checkpoints_span(self._consumer.name)[0],
        )
        for topic in topics:
            wakeups.subscribe(topic, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._readers or not self._is_stopping:
                    self._woken.clear()
                    with self._services.clock.working():  # in the first round, too
                        await self._round(tasks)
                    await self._pause()
        finally:
            for topic in topics:
                wakeups.unsubscribe(topic, self._woken)

    def stop(self) -> None:
        """Take no more; `run` returns when what is under way is finished and stored."""
        self._is_stopping = True
        self._woken.set()

    async def _round(self, tasks: asyncio.TaskGroup) -> None:
        try:
            await self._renew()
            if not self._is_stopping:
                await self._read_share(tasks)
        except Unavailable as error:
            self._has_all = False  # as far as is known: look again soon
            self._log.warning("store_unavailable", error=str(error))
        if self._is_stopping:
            for reader in self._readers.values():
                reader.stop()

    async def _read_share(self, tasks: asyncio.TaskGroup) -> None:
        """Take what this process has too little of, let go of what it has too much."""
        shards = await self._shards()
        stored = await checkpoints.load(self._services.engine, self._consumer.name)
        known = {shard_id: each for (_, shard_id), each in stored.items()}
        readable = {
            shard.shard_id: shard for shard in readable_shards(shards, known, self._readers.keys())
        }
        share = self._share(list(readable), known)
        for shard_id in share.surplus:
            if shard_id in self._readers:
                self._readers[shard_id].stop()
        missing = share.count
        for shard_id in share.wanted:
            if missing > 0 and not self._is_stopping:
                missing -= await self._take(tasks, readable[shard_id])
        self._has_all = readable.keys() <= self._readers.keys()
        await self._forget(known.keys() - {shard.shard_id for shard in shards})

    def _share(self, readable: Sequence[ShardId], known: Mapping[ShardId, Checkpoint]) -> Share:
        own = self._members.owner
        claim = self._claim()
        owners = dict.fromkeys(self._readers, own)
        for shard_id, stored in known.items():
            owner = checkpoints.holder(stored, claim)
            if owner is not None:
                owners.setdefault(shard_id, owner)
        # Who has let a lease run out stands still; its share is the others' until it has one again.
        self._stalled.update(each.owner for each in known.values() if not each.is_finished)
        self._stalled.difference_update(owners.values(), (own,))
        serving = self._members.serving()
        self._stalled.intersection_update(serving)
        members = [member for member in serving if member not in self._stalled]
        return share_of(self._consumer.name, readable, owners, members, own)

    def _claim(self) -> Claim:
        now = self._services.clock.now()
        return Claim(self._members.owner, now, now + lease_seconds, self._members.is_dead)

    async def _forget(self, gone: AbstractSet[ShardId]) -> None:
        """Remove the positions of shards that are trimmed away, unless they are being read."""
        keys = [
            delivery_keys.checkpoint(self._consumer.name, self._consumer.stream.table_id, shard_id)
            for shard_id in gone - self._readers.keys()
        ]
        if keys:
            await self._services.committer.submit(checkpoints.forget(keys))

    async def _shards(self) -> list[Shard]:
        found = listing.shards_of(self._services.engine, self._consumer.stream, self._horizon())
        return [shard async for shard in found]

    async def _take(self, tasks: asyncio.TaskGroup, shard: Shard) -> bool:
        """Take a shard's lease and start its reader, unless another has it; returns whether."""
        services, consumer = self._services, self._consumer
        table_id = consumer.stream.table_id
        log = await find_log(services.engine, table_id, shard, self._horizon())
        if log is None:
            return False
        key = delivery_keys.checkpoint(consumer.name, table_id, shard.shard_id)
        work = checkpoints.take(key, await log.oldest(), self._claim())
        taken = await services.committer.submit(work)
        if taken is None:
            return False
        lease, start = taken
        reader = ShardReader(services, consumer, shard.shard_id, lease, start)
        self._readers[shard.shard_id] = reader
        tasks.create_task(self._read(shard.shard_id, reader))
        return True

    async def _read(self, shard_id: ShardId, reader: ShardReader) -> None:
        """Run a reader to its end; one that fails is started again when its lease has run out."""
        try:
            with self._services.clock.working():  # from its start, not only from its first wait
                end = await reader.run()
            if end is End.STOPPED:
                await self._services.committer.submit(checkpoints.release(reader.lease))
        except Unavailable as error:
            self._log.warning("lease_not_released", shard=shard_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a task's boundary: one shard must not stop others
            self._log.error("reader_failed", shard=shard_id, exc_info=error)
        finally:
            del self._readers[shard_id]
            self._woken.set()

    async def _renew(self) -> None:
        """Keep the leases of running readers, and stop those which have lost theirs.

        Where nobody else could take them this would only wear out an idle machine's disk.
        """
        readers = {reader.lease: reader for reader in self._readers.values()}
        if readers and not self._members.is_alone:
            expires_at = self._services.clock.now() + lease_seconds
            work = checkpoints.renew(list(readers), expires_at)
            for lease in await self._services.committer.submit(work):
                readers[lease].stop()

    async def _pause(self) -> None:
        """Wait until shards have changed or a reader has ended, or until leases need renewing.

        A process that reads all there is and fears nobody has nothing to renew or to take.
        """
        is_quiet = self._has_all and self._members.is_alone
        look_seconds = shards_look_seconds if is_quiet else lease_seconds / 3
        await self._services.clock.wait(self._woken, None, look_seconds)

    def _horizon(self) -> int:
        return listing.horizon_us(self._services.clock.now(), self._retention_seconds)


def readable_shards(
    shards: Sequence[Shard], known: Mapping[ShardId, Checkpoint], running: AbstractSet[ShardId]
) -> list[Shard]:
    """The shards that are not finished, and whose parents are finished or gone.

    running: those that are read now; one that is trimmed away meanwhile is not finished either.
    """
    finished = {shard_id for shard_id, checkpoint in known.items() if checkpoint.is_finished}
    unfinished = {shard.shard_id for shard in shards} - finished | running
    return [
        shard
        for shard in shards
        if shard.shard_id in unfinished and unfinished.isdisjoint(shard.parents)
    ]


class ShardsChanged(Exception):
    """A shard closed while the start was planned: list the shards again."""


async def latest_keys(engine: Engine, stream: AnyStream) -> list[tuple[Shard, bytes]]:
    """The shards of a stream and the keys of their heads, for `start_at_latest`."""
    return [
        (shard, keyspace.head(stream.table_id, shard.shard_id))
        async for shard in listing.shards_of(engine, stream, 0)
    ]


def start_at_latest(
    view: View, consumer: str, stream: AnyStream, shards: Sequence[tuple[Shard, bytes]]
) -> None:
    """Have a new consumer begin behind the latest record of every shard, as of this commit.

    A step of a commit's work, which reads the heads' keys. Shards that open later are children, and
    are read from their start. Raises ShardsChanged if one of these has closed meanwhile.
    """
    for shard, head_key in shards:
        stored = view.get(head_key)
        head = None if stored is None else decode_head(stored)
        if head is None or head.is_closed != shard.is_closed:
            raise ShardsChanged
        position = max(head.last, shard.first)
        checkpoint = Checkpoint(position, is_finished=shard.is_closed)
        key = delivery_keys.checkpoint(consumer, stream.table_id, shard.shard_id)
        view.put(key, checkpoints.encode(checkpoint))


def start_behind(
    view: View, consumer: str, stream: AnyStream, positions: Mapping[ShardId, SequenceNumber]
) -> None:
    """Have a new consumer begin behind a position in each shard: a step of a commit's work."""
    for shard_id, position in positions.items():
        key = delivery_keys.checkpoint(consumer, stream.table_id, shard_id)
        view.put(key, checkpoints.encode(Checkpoint(position)))


async def positions_at(
    engine: Engine, stream: AnyStream, moment_us: int, horizon: int
) -> dict[ShardId, SequenceNumber]:
    """Before the first record of every shard that is not older than a moment, for `start_behind`.

    What is written later is not older either, so the positions hold whenever they are stored.
    """
    positions = {}
    async for shard in listing.shards_of(engine, stream, horizon):
        log = await find_log(engine, stream.table_id, shard, horizon)
        if log is not None:
            positions[shard.shard_id] = await log.at_time(moment_us)
    return positions


@dataclass(frozen=True, slots=True)
class Behind:
    """Where a consumer is behind. position: None if it has not begun with the shard."""

    shard_id: ShardId
    position: SequenceNumber | None
    number: int


async def behind(
    engine: Engine, consumer: str, stream: AnyStream, numbers: Mapping[ShardId, int]
) -> Behind | None:
    """The first shard of a stream of which a consumer has not stored a position up to a number.

    numbers: of shards of the stream's table. A shard that is no longer there has been passed or
    trimmed.
    """
    stored = await checkpoints.load(engine, consumer)
    for shard_id, number in (await own_numbers(engine, stream, numbers)).items():
        checkpoint = stored.get((stream.table_id, shard_id))
        if checkpoint is None:
            return Behind(shard_id, None, number)
        if checkpoint.position < number and not checkpoint.is_finished:
            return Behind(shard_id, checkpoint.position, number)
    return None


async def own_numbers(
    engine: Engine, stream: AnyStream, numbers: Mapping[ShardId, int]
) -> Mapping[ShardId, int]:
    """Of numbers of a table's shards, those of the shards of one of its streams that are there."""
    return {
        shard.shard_id: numbers[shard.shard_id]
        async for shard in listing.shards_of(engine, stream, 0)
        if shard.shard_id in numbers
    }
