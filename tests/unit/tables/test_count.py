"""Counts of items, exact for a page and by the latest full count beyond."""

import asyncio

from headwater.clock import ManualClock
from headwater.limits import table_count_items_max, table_count_seconds
from headwater.storage.engine import CommitGroup
from headwater.storage.memory import MemoryEngine
from headwater.tables.count import Count, Counts
from headwater.values import codec

STORED = codec.encode({"pk": {"S": "abc"}}, 5)


async def store(engine: MemoryEngine, prefix: bytes, first: int, count: int) -> None:
    mutations = {prefix + b"%06d" % number: STORED for number in range(first, first + count)}
    await engine.commit(CommitGroup((), (), lambda _loaded: mutations))


def test_what_fits_a_page_is_counted_exactly():
    async def main() -> None:
        engine = MemoryEngine()
        await store(engine, b"i", 0, 7)
        await store(engine, b"j", 0, 3)

        assert await Counts(engine, ManualClock()).of(b"i") == Count(7, 35)

    asyncio.run(main())


def test_more_than_a_page_is_counted_beside_and_again_after_a_while():
    async def main() -> None:
        engine, clock = MemoryEngine(), ManualClock()
        counts = Counts(engine, clock)
        await store(engine, b"i", 0, table_count_items_max * 3)
        running = asyncio.create_task(counts.run())
        await counts.of(b"i")
        await _idle()

        first = await counts.of(b"i")
        await store(engine, b"i", table_count_items_max * 3, 10)
        still = await counts.of(b"i")
        clock.advance(table_count_seconds)
        await counts.of(b"i")
        await _idle()
        later = await counts.of(b"i")
        running.cancel()

        assert first == still == Count(table_count_items_max * 3, table_count_items_max * 15)
        assert later.items == table_count_items_max * 3 + 10

    asyncio.run(main())


async def _idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
