"""Links that were cut for longer than the log keeps records, and tombstones that are not needed."""

from __future__ import annotations

import pytest

from headwater.replication.tombstones import TombstoneSweeper
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables.resharding import Resharder
from tests.replicated_store import DAY, EAST, NAME, WEST, ReplicatedStore, in_regions


async def outage(store: ReplicatedStore, days: float) -> None:
    """Time passes and the log is trimmed, while nobody keeps links; what was open has closed."""
    table = await store.catalog.describe(EAST, NAME)
    resharder = Resharder(store.catalog, store.clock, store.chance)
    for partition in table.partitions:
        assert partition.shard_id is not None
        await resharder.roll_over(table, partition.shard_id)
    store.clock.advance(days * DAY)
    await Trimmer(store.engine, store.committer, store.clock, RetentionSettings(DAY)).trim()


@pytest.mark.parametrize("days", [0.1, 0.9, 3])
def test_writes_of_an_outage_arrive_however_long_it_was(days: float) -> None:
    async def body(store: ReplicatedStore) -> None:
        await store.put(EAST, "kept", "1")
        await store.put(EAST, "gone", "1")
        await store.drained()
        await store.kill()
        await store.put(EAST, "kept", "2")
        await store.put(EAST, "new", "1")
        await store.delete(EAST, "gone")
        await outage(store, days)

        store.start()
        await store.advance(20)
        await store.drained()

        assert await store.values(WEST) == {"kept": "2", "new": "1"}
        assert await store.content(WEST) == await store.content(EAST)

    in_regions(body)


def test_later_write_of_an_outage_stays_wherever_it_was() -> None:
    async def body(store: ReplicatedStore) -> None:
        await store.kill()
        await store.put(WEST, "a", "earlier")
        store.clock.advance(1)
        await store.put(EAST, "a", "later")
        await store.put(EAST, "b", "earlier")
        store.clock.advance(1)
        await store.delete(WEST, "a")
        await store.put(WEST, "b", "later")
        await outage(store, 3)

        store.start()
        await store.advance(20)
        await store.drained()

        assert await store.values(EAST) == await store.values(WEST) == {"b": "later"}

    in_regions(body)


def test_tombstones_go_once_nothing_older_can_arrive() -> None:
    async def body(store: ReplicatedStore) -> None:
        sweeper = TombstoneSweeper(store.engine, store.committer, store.clock, DAY)
        await store.put(EAST, "a", "1")
        await store.put(EAST, "b", "1")
        await store.delete(EAST, "a")
        await store.drained()

        await store.advance(0.9 * DAY, step=300)
        assert await sweeper.sweep() == 0
        await store.advance(0.2 * DAY, step=300)

        assert await sweeper.sweep() == 2
        assert await store.content(WEST) == await store.content(EAST)
        assert (await store.content(EAST)).keys() == {"b"}

    in_regions(body)


def test_tombstones_stay_while_a_link_is_behind() -> None:
    async def body(store: ReplicatedStore) -> None:
        sweeper = TombstoneSweeper(store.engine, store.committer, store.clock, DAY)
        await store.put(EAST, "a", "1")
        await store.drained()
        await store.kill()
        await store.delete(EAST, "a")
        store.clock.advance(30 * DAY)

        assert await sweeper.sweep() == 0

    in_regions(body)
