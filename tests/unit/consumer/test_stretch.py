"""A stretch of a stream, over the server's handlers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from headwater.consumer.events import Event
from headwater.consumer.position import TRIM_HORIZON, AtTimestamp
from headwater.consumer.settings import ReadSettings
from headwater.consumer.stretch import Period, Stretch
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.handler_api import HandlerApi, Luck, UnluckyApi, services_of
from tests.logged_store import LoggedStore, advance, in_store, open_shards
from tests.unit.api.stream_client import arn


def stretching(body: Callable[[LoggedStore, Table], Awaitable[None]]) -> None:
    """Run a test over a store with a table of one partition."""

    async def with_table(store: LoggedStore) -> None:
        await body(store, await store.create_table())

    in_store(with_table)


async def read(
    store: LoggedStore, table: Table, period: Period, luck: Luck | None = None
) -> list[int]:
    """The numbers of the period's records."""
    events: list[Event] = []
    api = HandlerApi(store)
    services = services_of(store, UnluckyApi(api, store.clock, luck) if luck else api)
    settings = ReadSettings(batch_records_max=2)
    stretch = Stretch(services, arn(table), period, settings, events.append)
    return [parse_sequence(str(record.sequence_number)) async for record in stretch.records()]


def whole(store: LoggedStore) -> Period:
    return Period(TRIM_HORIZON, store.clock.now() + 1)


def test_everything_is_read_across_splits_and_rollovers_and_then_it_ends() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        written = await store.append_all(table, 5)
        table = await store.split(table, open_shards(table)[0])
        written += await store.append_all(table, 3)
        table = await store.roll_over(table, open_shards(table)[0])
        written += await store.append_all(table, 2)

        assert await read(store, table, whole(store)) == written

    stretching(body)


def test_shards_are_merged_by_time() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        table = await store.split(table, open_shards(table)[0])
        written = []
        for _ in range(6):
            written += await store.append_all(table, 1)
            store.clock.advance(1)
        by_shard = await read(store, table, whole(store))

        assert by_shard == written

    stretching(body)


def test_period_has_its_start_and_not_its_end() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        await store.append_all(table, 2)
        store.clock.advance(10)
        start = store.clock.now()
        inside = await store.append_all(table, 3)
        table = await store.roll_over(table, open_shards(table)[0])
        inside += await store.append_all(table, 1)
        store.clock.advance(10)
        until = float(int(store.clock.now()))
        await store.append_all(table, 2)

        assert await read(store, table, Period(AtTimestamp(start), until)) == inside

    stretching(body)


def test_nothing_is_lost_or_repeated_when_calls_go_wrong() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        written = await store.append_all(table, 5)
        table = await store.split(table, open_shards(table)[0])
        written += await store.append_all(table, 5)
        luck = Luck(random.Random(7), rate=0.3)

        reading = asyncio.create_task(read(store, table, whole(store), luck))
        while not reading.done():
            await advance(store, 1)

        assert sorted(await reading) == sorted(written)

    stretching(body)


def test_empty_stream_ends_at_once() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        assert await read(store, table, whole(store)) == []

    stretching(body)
