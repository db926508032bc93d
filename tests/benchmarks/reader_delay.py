"""From the commit of a change to a waiting reader inside the server, at a steady pace of writes.

Without HTTP and without a function: the engine on the disk, the committer, and the coordinator of a
consumer that reads all four shards of a table, in one event loop as in a server. The time of a
commit is taken when the writer's future is done, which is when readers are woken; that of delivery
when the destination is handed the record.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvloop

from headwater.clock import Clock, SystemClock
from headwater.consumers.consumer import Consumer
from headwater.consumers.coordinator import Coordinator
from headwater.consumers.delivery import Batch, Delivered, GivenUp, Outcome
from headwater.consumers.members import Alone
from headwater.storage.committer import View
from headwater.storage.keyspace import SequenceNumber
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.streams import log
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.log import OpenShard, open_shard
from tests.benchmarks.report import percentile
from tests.destinations import settings
from tests.logged_store import LoggedStore

if TYPE_CHECKING:
    from headwater.clock import ManualClock
    from headwater.storage.memory import MemoryEngine

SHARDS = 4
WRITES = 600
WARM_UP = 60
PACE_SECONDS = 0.005
RETENTION_SECONDS = 24 * 3600
_IMAGE = Image(b'{"pk":{"S":"customer-000001"},"payload":{"S":"%b"}}' % (b"x" * 260), 300)
_KEYS = Image(b'{"pk":{"S":"customer-000001"}}', 17)


@dataclass
class _Watched:
    """A destination that notes when it was handed a record; done once it has had so many."""

    count: int
    delivered_at: dict[SequenceNumber, float] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def size(self, entry: bytes) -> int:
        return len(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        now = time.perf_counter()
        self.delivered_at.update((stored.number, now) for stored in batch.entries)
        if len(self.delivered_at) >= self.count:
            self.done.set()
        return Delivered()

    async def give_up(self, given_up: GivenUp) -> None:
        raise AssertionError(given_up)


class _Append:
    """Work that logs one change."""

    def __init__(self, shard: OpenShard, clock: Clock) -> None:
        self._shard = shard
        self._time_us = int(clock.now() * 1e6)
        self.reads = [shard.head_key]

    def run(self, view: View) -> SequenceNumber:
        entry = Entry(Kind.INSERT, self._time_us, _KEYS, _IMAGE, NO_IMAGE)
        return log.append(view, self._shard, entry)


def measure_reader_delay(folder: Path, writes: int = WRITES) -> dict[str, float]:
    """Figures by name; see `figures.py`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        delays = runner.run(_delays(folder, writes))
    return {
        "reader_delay_p50_ms": percentile(delays, 0.5),
        "reader_delay_p99_ms": percentile(delays, 0.99),
    }


async def _delays(folder: Path, writes: int) -> Sequence[float]:
    """Milliseconds from commit to delivery of each write, after those that warm up."""
    clock = SystemClock()
    engine = open_engine(folder, SqliteSettings(), clock)
    # Made for a still clock and for memory, but it needs no more of them than any has.
    store = LoggedStore(cast("MemoryEngine", engine), cast("ManualClock", clock))
    watched = _Watched(WARM_UP + writes)
    try:
        async with store.running():
            table = await store.create_table(count=SHARDS)
            stream = await store.stream(table)
            consumer = Consumer("bench", stream, settings(), watched)
            members = Alone(store.chance.uuid())
            coordinator = Coordinator(store.services, consumer, members, RETENTION_SECONDS)
            opened = [
                open_shard(table.table_id, each.shard_id, each.lane)
                for each in table.partitions
                if each.shard_id is not None
            ]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(coordinator.run())
                committed_at = await _write(store, opened, WARM_UP + writes)
                await watched.done.wait()
                coordinator.stop()
    finally:
        await engine.close()
    numbers = list(committed_at)[WARM_UP:]
    return [
        max(0.0, watched.delivered_at[number] - committed_at[number]) * 1000 for number in numbers
    ]


async def _write(
    store: LoggedStore, shards: Sequence[OpenShard], count: int
) -> Mapping[SequenceNumber, float]:
    """When each of so many changes was committed; they keep a pace, whatever each takes."""
    committed_at: dict[SequenceNumber, float] = {}

    def note(future: asyncio.Future[SequenceNumber]) -> None:
        committed_at[future.result()] = time.perf_counter()

    futures: list[asyncio.Future[SequenceNumber]] = []
    began = time.perf_counter()
    while len(futures) < count:
        due = min(count, int((time.perf_counter() - began) / PACE_SECONDS) + 1)
        for number in range(len(futures), due):
            future = store.committer.submit(_Append(shards[number % len(shards)], store.clock))
            future.add_done_callback(note)
            futures.append(future)
        await asyncio.sleep(PACE_SECONDS)
    await asyncio.gather(*futures)
    await asyncio.sleep(0)
    return committed_at
