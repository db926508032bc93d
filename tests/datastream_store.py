"""A store in memory with data streams, for tests of what happens to their shards and records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from headwater.audit.report import Report
from headwater.audit.story import MemoryImages
from headwater.audit.whole import audit
from headwater.clock import ManualClock, SeededChance
from headwater.datastreams.catalog import DataStreams, NewStream
from headwater.datastreams.consumer import StreamConsumers
from headwater.datastreams.keeper import Keeper
from headwater.datastreams.reading import Reading
from headwater.datastreams.scaling import Scaling
from headwater.datastreams.stream import DataStream, StreamMode, hash_key
from headwater.datastreams.writing import Intake, NewRecord, Placed
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.storage.memory import MemoryEngine
from headwater.streams import listing
from headwater.streams.entry import decode
from headwater.streams.position import find_log
from headwater.streams.shard import Shard

REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME = "orders"


class DataStreamStore:
    """The parts of a server that data streams are made of, on a clock that stands still."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.clock = ManualClock()
        self.wakeups = Wakeups()
        self.committer = Committer(self.engine, self.wakeups)
        self.streams = DataStreams(
            self.engine, self.committer, self.clock, SeededChance(1), ACCOUNT
        )
        self.intake = Intake(self.streams, self.committer, self.clock)
        self.reading = Reading(self.engine, self.clock, ACCOUNT)
        self.scaling = Scaling(self.streams, self.engine, self.clock)
        self.consumers = StreamConsumers(self.engine, self.committer, self.clock, ACCOUNT)
        stores = (self.engine, self.committer, self.wakeups)
        self.keeper = Keeper(self.streams, stores, self.clock, 1.0)

    async def create(
        self, shard_count: int = 2, mode: StreamMode = StreamMode.PROVISIONED
    ) -> DataStream:
        await self.streams.create(NewStream(REGION, NAME, mode, shard_count))
        return await self.settled()

    async def stream(self) -> DataStream:
        return await self.streams.find(REGION, NAME)

    async def settled(self) -> DataStream:
        """The stream once the keeper has brought it to rest."""
        while not (stream := await self.stream()).status.is_at_rest:
            await self.turn()
        return stream

    async def turn(self) -> None:
        """Let every task go on, and a second pass."""
        for _ in range(10):
            await asyncio.sleep(0)
        self.clock.advance(1)

    async def put(self, *keys: str) -> list[Placed]:
        """One call that puts a record for each key, with the key as its data."""
        records = [NewRecord(key, key.encode(), hash_key(key)) for key in keys]
        return await self.intake.put(REGION, NAME, records)

    async def shards(self) -> list[Shard]:
        stream = await self.stream()
        horizon = stream.horizon_us(self.clock.now())
        return [each async for each in listing.shards_of(self.engine, stream, horizon)]

    async def read(self, shard: Shard, limit: int = 3) -> list[str]:
        """The data of a shard's records from its oldest on, page by page to its end."""
        stream = await self.stream()
        found = await find_log(
            self.engine, stream.table_id, shard, stream.horizon_us(self.clock.now())
        )
        assert found is not None
        after: SequenceNumber | None = await found.oldest()
        data: list[str] = []
        while after is not None:
            page = await self.reading.page(stream, shard.shard_id, after, limit)
            data += [decode(each.entry).new.body.decode() for each in page.records]
            if not page.records and page.next is not None:
                return data
            after = page.next
        return data

    async def told(self) -> list[str]:
        """The data of all records, read parents first."""
        told: list[str] = []
        waiting = await self.shards()
        done: set[ShardId] = set()
        ids = {each.shard_id for each in waiting}
        while waiting:
            ready = [each for each in waiting if not (set(each.parents) & ids) - done]
            for shard in ready:
                told += await self.read(shard)
                done.add(shard.shard_id)
            waiting = [each for each in waiting if each.shard_id not in done]
        return told

    async def faults(self) -> list[str]:
        """What the proof of the whole store finds wrong."""
        report = Report()
        await audit(self.engine, report, MemoryImages)
        return report.faults


@asynccontextmanager
async def running() -> AsyncIterator[DataStreamStore]:
    store = DataStreamStore()
    async with asyncio.TaskGroup() as tasks:
        committing = tasks.create_task(store.committer.run())
        keeping = tasks.create_task(store.keeper.run())
        try:
            yield store
        finally:
            keeping.cancel()
            store.committer.close()
            await committing


def played(scene: Callable[[DataStreamStore], Coroutine[Any, Any, None]]) -> None:
    """Run a scene against a fresh store."""

    async def run() -> None:
        async with running() as store:
            await scene(store)

    asyncio.run(run())
