"""Following a stream from shard to shard without leases, over the server's handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from headwater.consumer.api import CallFailed
from headwater.consumer.events import Event, RecordsTrimmed
from headwater.consumer.follow import Follower
from headwater.consumer.position import LATEST, TRIM_HORIZON, AtTimestamp, Start
from headwater.consumer.settings import ReadSettings
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.handler_api import HandlerApi, services_of
from tests.logged_store import LoggedStore, in_store, open_shards
from tests.unit.api.stream_client import arn


class Following:
    """A follower of a table's stream and what it has seen."""

    def __init__(self, store: LoggedStore, table: Table, start: Start = TRIM_HORIZON) -> None:
        self.events: list[Event] = []
        self._clock = store.clock
        settings = ReadSettings(batch_records_max=2)
        services = services_of(store, HandlerApi(store))
        self.follower = Follower(services, arn(table), start, settings, self.events.append)

    async def look(self, rounds: int = 8) -> list[int]:
        """Numbers of the records of so many rounds, a second apart."""
        found: list[int] = []
        for _ in range(rounds):
            async for _, records in self.follower.round():
                found += [parse_sequence(str(record.sequence_number)) for record in records]
            self._clock.advance(1)
        return found


def following(body: Callable[[LoggedStore, Table], Awaitable[None]]) -> None:
    """Run a test over a store with a table of one partition."""

    async def with_table(store: LoggedStore) -> None:
        await body(store, await store.create_table())

    in_store(with_table)


def test_parents_are_read_before_their_children() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        written = await store.append_all(table, 5)
        table = await store.split(table, open_shards(table)[0])
        written += await store.append_all(table, 3)
        table = await store.roll_over(table, open_shards(table)[0])
        written += await store.append_all(table, 2)

        assert await Following(store, table).look() == written

    following(body)


def test_latest_shows_what_comes_after_the_first_look_and_children_whole() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        await store.append_all(table, 2)
        table = await store.roll_over(table, open_shards(table)[0])
        await store.append_all(table, 2)
        reading = Following(store, table, LATEST)
        before = await reading.look(1)
        after = await store.append_all(table, 2)
        table = await store.roll_over(table, open_shards(table)[0])
        after += await store.append_all(table, 2)

        assert before == []
        assert await reading.look() == after

    following(body)


def test_iterator_of_latest_that_expires_unused_loses_nothing() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        await store.append_all(table, 2)
        store.clock.advance(1)
        reading = Following(store, table, LATEST)
        await reading.look(1)
        written = await store.append_all(table, 2)
        store.clock.advance(16 * 60)

        assert await reading.look() == written

    following(body)


def test_moment_shows_what_was_written_from_then_on() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        await store.append_all(table, 2)
        store.clock.advance(10)
        moment = store.clock.now()
        written = await store.append_all(table, 2)
        table = await store.roll_over(table, open_shards(table)[0])
        written += await store.append_all(table, 2)

        assert await Following(store, table, AtTimestamp(moment)).look() == written

    following(body)


def test_what_is_trimmed_is_told_and_passed() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        reading = Following(store, table)
        await store.append_all(table, 2)
        await reading.look()
        await store.append_all(table, 2)
        store.clock.advance(25 * 3600)
        written = await store.append_all(table, 2)

        assert await reading.look() == written
        assert any(isinstance(event, RecordsTrimmed) for event in reading.events)

    following(body)


def test_disabled_stream_is_read_to_its_end_and_over() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        written = await store.append_all(table, 3)
        table = await store.switch_off(table)
        follower = Following(store, table).follower

        batches = [records async for _, records in follower.batches()]

        numbers = [parse_sequence(str(each.sequence_number)) for one in batches for each in one]
        assert numbers == written

    following(body)


def test_unknown_stream_is_an_error() -> None:
    async def body(store: LoggedStore, table: Table) -> None:
        unknown = arn(table).replace("music", "silence")
        follower = Follower(services_of(store, HandlerApi(store)), unknown)

        with pytest.raises(CallFailed, match="ResourceNotFoundException"):
            _ = [each async for each in follower.batches()]

    following(body)
