from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headwater.clock import ManualClock
from headwater.consumers.watch import HeadWatch
from headwater.limits import shard_poll_seconds
from headwater.storage.engine import CommitGroup
from headwater.storage.memory import MemoryEngine
from tests.logged_store import settle

HEAD = b"head"


class CountingEngine(MemoryEngine):
    """Counts its loads."""

    loads = 0

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self.loads += 1
        return await super().get(keys)

    async def put(self, key: bytes) -> None:
        await self.commit(CommitGroup((), (), lambda _: {key: b"moved"}))


async def looked(clock: ManualClock) -> None:
    clock.advance(shard_poll_seconds)
    await settle()


def test_head_that_moved_wakes_its_reader_and_nothing_is_loaded_while_none_can_have() -> None:
    async def main() -> None:
        engine, clock, event = CountingEngine(), ManualClock(), asyncio.Event()
        watch = HeadWatch(engine, clock)
        watch.watch(HEAD, event)
        task = asyncio.create_task(watch.run())
        await settle()
        await looked(clock)
        event.clear()
        loads = engine.loads

        for _ in range(3):
            await looked(clock)
        assert engine.loads == loads
        assert not event.is_set()

        await engine.put(b"something else")
        await looked(clock)
        assert not event.is_set()

        await engine.put(HEAD)
        await looked(clock)
        assert event.is_set()
        task.cancel()

    asyncio.run(main())
