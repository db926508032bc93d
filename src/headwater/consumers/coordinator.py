"""Who reads which shard of a stream, for one consumer, in one of perhaps several processes.

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

from headwater.clock import wait
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint, Claim
from headwater.consumers.reader import Consumer, End, Services, ShardReader
from headwater.limits import lease_seconds
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.keyspace import ShardId
from headwater.streams import listing
from headwater.streams.position import find_log
from headwater.streams.shard import Shard, decode_head
from headwater.streams.window import Stream

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that takes leases.

    owner: unlike any other's, and another after each start. is_alone: no other process can have the
    store open, so leases of others are dead ones' and are taken over at once.
    """

    owner: str
    is_alone: bool


class Coordinator:
    """Reads all shards of a consumer's stream that this process gets the leases of."""

    def __init__(
        self, services: Services, consumer: Consumer, holder: Holder, retention_seconds: float
    ) -> None:
        self._services = services
        self._consumer = consumer
        self._holder = holder
        self._retention_seconds = retention_seconds
        self._readers: dict[ShardId, ShardReader] = {}
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._log = _log.bind(consumer=consumer.name)

    async def run(self) -> None:
        """Read until `stop`; then let every reader finish what it delivers, and release its lease.

        Cancelling leaves everything as a crash would: leases run out, positions stand.
        """
        topic = keyspace.shards_span(self._consumer.stream.table_id)[0]
        self._services.wakeups.subscribe(topic, self._woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while self._readers or not self._is_stopping:
                    self._woken.clear()
                    await self._round(tasks)
                    await self._pause()
        finally:
            self._services.wakeups.unsubscribe(topic, self._woken)

    def stop(self) -> None:
        """Take no more; `run` returns when what is under way is finished and stored."""
        self._is_stopping = True
        self._woken.set()

    async def _round(self, tasks: asyncio.TaskGroup) -> None:
        try:
            await self._renew()
            if not self._is_stopping:
                await self._start_readers(tasks)
        except Unavailable as error:
            self._log.warning("store_unavailable", error=str(error))
        if self._is_stopping:
            for reader in self._readers.values():
                reader.stop()

    async def _start_readers(self, tasks: asyncio.TaskGroup) -> None:
        stream = self._consumer.stream
        shards = await self._shards()
        stored = await checkpoints.load(self._services.engine, self._consumer.name)
        known = {shard_id: each for (_, shard_id), each in stored.items()}
        for shard in shards_to_read(shards, known, self._readers.keys()):
            if not self._is_stopping:
                await self._take(tasks, shard)
        listed = {shard.shard_id for shard in shards} | self._readers.keys()
        gone = [shard_id for shard_id in known if shard_id not in listed]
        if gone:
            keys = [
                keyspace.checkpoint(self._consumer.name, stream.table_id, shard_id)
                for shard_id in gone
            ]
            await self._services.committer.submit(checkpoints.forget(keys))

    async def _shards(self) -> list[Shard]:
        found = listing.shards_of(self._services.engine, self._consumer.stream, self._horizon())
        return [shard async for shard in found]

    async def _take(self, tasks: asyncio.TaskGroup, shard: Shard) -> None:
        """Take a shard's lease and start its reader, unless another has it."""
        services, consumer = self._services, self._consumer
        table_id = consumer.stream.table_id
        log = await find_log(services.engine, table_id, shard, self._horizon())
        if log is None:
            return
        now = services.clock.now()
        claim = Claim(self._holder.owner, now, now + lease_seconds, self._holder.is_alone)
        key = keyspace.checkpoint(consumer.name, table_id, shard.shard_id)
        taken = await services.committer.submit(checkpoints.take(key, await log.oldest(), claim))
        if taken is None:
            return
        lease, start = taken
        reader = ShardReader(services, consumer, shard.shard_id, lease)
        self._readers[shard.shard_id] = reader
        tasks.create_task(self._read(shard.shard_id, reader, start))

    async def _read(self, shard_id: ShardId, reader: ShardReader, start: Checkpoint) -> None:
        """Run a reader to its end; one that fails is started again when its lease has run out."""
        try:
            end = await reader.run(start)
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
        if readers and not self._holder.is_alone:
            expires_at = self._services.clock.now() + lease_seconds
            work = checkpoints.renew(list(readers), expires_at)
            for lease in await self._services.committer.submit(work):
                readers[lease].stop()

    async def _pause(self) -> None:
        """Wait until shards have changed or a reader has ended, or until leases need renewing."""
        await wait(self._services.clock, self._woken, None, lease_seconds / 3)

    def _horizon(self) -> int:
        return listing.horizon_us(self._services.clock.now(), self._retention_seconds)


def shards_to_read(
    shards: Sequence[Shard], known: Mapping[ShardId, Checkpoint], running: AbstractSet[ShardId]
) -> list[Shard]:
    """The shards neither read now nor finished, whose parents are finished or gone."""
    finished = {shard_id for shard_id, checkpoint in known.items() if checkpoint.is_finished}
    unfinished = {shard.shard_id for shard in shards} - finished | running
    return [
        shard
        for shard in shards
        if shard.shard_id in unfinished - running
        and (shard.parent is None or shard.parent not in unfinished)
    ]


class ShardsChanged(Exception):
    """A shard closed while the start was planned: list the shards again."""


async def latest_keys(engine: Engine, stream: Stream) -> list[tuple[Shard, bytes]]:
    """The shards of a stream and the keys of their heads, for `start_at_latest`."""
    return [
        (shard, keyspace.head(stream.table_id, shard.shard_id))
        async for shard in listing.shards_of(engine, stream, 0)
    ]


def start_at_latest(
    view: View, consumer: str, stream: Stream, shards: Sequence[tuple[Shard, bytes]]
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
        key = keyspace.checkpoint(consumer, stream.table_id, shard.shard_id)
        view.put(key, checkpoints.encode(checkpoint))


async def caught_up(
    engine: Engine, consumer: str, stream: Stream, after: Mapping[ShardId, int]
) -> bool:
    """Whether a consumer has stored positions up to a number of every shard given.

    A shard that is no longer there has been passed or trimmed.
    """
    stored = await checkpoints.load(engine, consumer)
    for shard_id, number in after.items():
        checkpoint = stored.get((stream.table_id, shard_id))
        if checkpoint is None:
            (descriptor,) = await engine.get([keyspace.shard(stream.table_id, shard_id)])
            if descriptor is not None:
                return False
        elif checkpoint.position < number and not checkpoint.is_finished:
            return False
    return True
