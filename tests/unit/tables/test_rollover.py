from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from headwater.clock import SeededChance
from headwater.storage import keyspace
from headwater.storage.keyspace import ShardId
from headwater.streams import shard as shards
from headwater.tables.resharding import Resharder
from headwater.tables.rollover import Rollover, due_at
from headwater.tables.schema import Table
from tests.unit.tables.running import STREAM, Running, run

HOURS_4 = 4 * 3600


def rollover(here: Running, quiet_until: Callable[[], float] | None = None) -> Rollover:
    resharder = Resharder(here.catalog, here.clock, SeededChance(2))
    return Rollover(here.catalog, resharder, here.clock, HOURS_4, quiet_until or here.clock.now)


async def open_ids(here: Running) -> list[ShardId | None]:
    return [partition.shard_id for partition in (await here.describe()).partitions]


async def opened_at(here: Running, table: Table, shard_id: ShardId) -> float:
    (stored,) = await here.engine.get([keyspace.shard(table.table_id, shard_id)])
    assert stored is not None
    return shards.decode(stored).opened_us / 1e6


@pytest.mark.parametrize(
    ("suffix", "hours"), [("00000000", 4.0), ("80000000", 4.25), ("ffffffff", 4.5)]
)
def test_due_time_is_told_from_the_id_and_spread_over_an_eighth(suffix: str, hours: float) -> None:
    shard_id = ShardId(f"shardId-00000001700000000000-{suffix}")

    due = due_at(shard_id, HOURS_4)

    assert due == pytest.approx(1_700_000_000 + hours * 3600, abs=0.001)


def test_each_shard_is_rolled_over_at_its_own_time() -> None:
    async def body(here: Running) -> None:
        await here.active(StreamSpecification=STREAM)
        before = await open_ids(here)
        dues = sorted(due_at(each, HOURS_4) for each in before if each)
        task = asyncio.create_task(rollover(here).run())

        await here.advance(dues[0] - here.clock.now() - 0.01)
        early = await open_ids(here)
        await here.advance(0.02)
        first = await open_ids(here)
        for _ in range(40):  # the poll comes every minute
            await here.advance(60)
        last = await open_ids(here)
        task.cancel()

        assert early == before
        assert len(set(before) - set(first)) == 1
        assert not set(before) & set(last)
        assert len(last) == 4

    run(body)


def test_shards_due_in_a_quiet_jump_are_rolled_together_each_at_its_moment() -> None:
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)
        before = await open_ids(here)
        dues = sorted(due_at(each, HOURS_4) for each in before if each)
        await here.advance(dues[0] - here.clock.now())
        quiet_until = (dues[2] + dues[3]) / 2
        task = asyncio.create_task(rollover(here, lambda: quiet_until).roll_due())

        await here.advance(dues[2] - here.clock.now() - 0.01)
        early = await open_ids(here)
        await here.advance(0.01)
        after = await open_ids(here)

        opened = [await opened_at(here, table, each) for each in set(after) - set(before) if each]
        assert early == before
        assert len(set(before) & set(after)) == 1
        assert sorted(opened) == pytest.approx(dues[:3], abs=1e-5)
        assert await task == dues[3]

    run(body)


def test_what_was_due_while_no_server_ran_is_rolled_at_once() -> None:
    async def body(here: Running) -> None:
        await here.active(StreamSpecification=STREAM)
        before = await open_ids(here)
        here.clock.advance(24 * 3600)

        await rollover(here).roll_due()

        after = await open_ids(here)
        when = await rollover(here).roll_due()
        assert not set(before) & set(after)
        assert here.clock.now() + HOURS_4 <= when <= here.clock.now() + HOURS_4 * 9 / 8

    run(body)


def test_table_without_a_stream_is_left_alone() -> None:
    async def body(here: Running) -> None:
        table = await here.active()
        here.clock.advance(24 * 3600)

        await rollover(here).roll_due()

        assert await here.describe() == table

    run(body)
