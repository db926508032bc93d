from __future__ import annotations

import asyncio

import pytest

from headwater.lab.streams import StreamStore, expire_iterators, trim
from headwater.limits import stream_retention_seconds
from headwater.storage import keyspace
from headwater.streams import window as windows
from headwater.streams.log import Reading, read
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.streams.shard import HASH_MAX, HashRange, sequence_text
from headwater.tables import past
from headwater.tables.recovery import kept_since
from tests.logged_store import LoggedStore, in_store, open_shards, settle
from tests.unit.api.stream_client import Client
from tests.unit.tables.exporting import Exporting
from tests.unit.tables.exporting import run as run_exporting
from tests.unit.tables.running import STREAM


def lab(store: LoggedStore) -> StreamStore:
    return StreamStore(store.engine, store.committer, store.clock, stream_retention_seconds)


def test_trimmed_records_are_gone_at_once_for_every_position() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        numbers = await store.append_all(table, 5)
        behind = await client.iterator(table)
        beyond = await client.iterator(
            table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(numbers[2])
        )
        (shard_id,) = open_shards(table)
        shard = await store.shard(table, shard_id)

        trimmed = await trim(lab(store), await store.stream(table), shard, numbers[2])

        assert trimmed == {shard_id: numbers[2]}
        refusal = await client.refused("GetRecords", ShardIterator=behind)
        assert refusal.code == "TrimmedDataAccessException"
        assert len((await client.call("GetRecords", ShardIterator=beyond))["Records"]) == 2
        assert await client.records(table) == numbers[3:]
        assert await client.records(table, "AT_TIMESTAMP", Timestamp=1.0) == numbers[3:]
        refusal = await client.refused(
            "GetShardIterator",
            StreamArn=(await store.stream(table)).arn("000000000000"),
            ShardId=shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=sequence_text(numbers[2]),
        )
        assert refusal.code == "TrimmedDataAccessException"

    in_store(body)


def test_everything_is_trimmed_and_what_comes_later_is_not() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        (parent,) = open_shards(table)
        numbers = await store.append_all(table, 3)
        table = await store.roll_over(table, parent)
        (child,) = open_shards(table)

        trimmed = await trim(lab(store), await store.stream(table))

        later = await store.append_all(table, 2)
        assert trimmed == {parent: numbers[-1]}  # the child had nothing to lose
        assert await client.records(table, shard=parent) == []
        assert await client.records(table, shard=child) == later

    in_store(body)


def test_trimming_again_to_an_earlier_number_changes_nothing() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        numbers = await store.append_all(table, 3)
        shard = await store.shard(table, open_shards(table)[0])
        await trim(lab(store), await store.stream(table))

        trimmed = await trim(lab(store), await store.stream(table), shard, numbers[0])

        assert trimmed == {}
        assert await Client(store).records(table) == []

    in_store(body)


@pytest.mark.parametrize("upto", [0, 2**64])
def test_number_before_all_trims_nothing_and_one_beyond_all_everything(upto: int) -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        numbers = await store.append_all(table, 3)
        shard = await store.shard(table, open_shards(table)[0])

        await trim(lab(store), await store.stream(table), shard, upto)

        assert await Client(store).records(table) == ([] if upto else numbers)

    in_store(body)


def test_room_of_trimmed_records_is_given_back() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        numbers = await store.append_all(table, 3)
        shard = await store.shard(table, open_shards(table)[0])
        await trim(lab(store), await store.stream(table), shard, numbers[1])
        trimmer = Trimmer(store.engine, store.committer, store.clock, RetentionSettings())

        count = await trimmer.trim()

        prefix = keyspace.log_prefix(table.table_id, shard.shard_id)
        left = await read(store.engine, prefix, Reading(-1, 10, 10**6))
        assert count == 2
        assert [stored.number for stored in left] == numbers[2:]

    in_store(body)


def test_iterators_issued_before_expire_and_those_issued_after_do_not() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        await store.append(table)
        before = await client.iterator(table)

        expiring = asyncio.create_task(expire_iterators(lab(store), await store.stream(table)))
        await settle()
        store.clock.advance(0.002)
        await expiring

        after = await client.iterator(table)
        refusal = await client.refused("GetRecords", ShardIterator=before)
        assert refusal.code == "ExpiredIteratorException"
        assert len((await client.call("GetRecords", ShardIterator=after))["Records"]) == 1

    in_store(body)


def test_trimmed_records_of_a_table_kept_for_recovery_still_tell_of_a_moment() -> None:
    async def body(here: Exporting) -> None:
        table = await here.recoverable(StreamSpecification=STREAM)
        await here.put(table, "a", 1)
        here.clock.advance(1)
        moment_us = round(here.clock.now() * 1e6)
        here.clock.advance(1)
        await here.put(table, "a", 2)
        assert table.stream is not None
        store = here.here
        key = keyspace.stream(table.region, table.name, table.stream.label)
        (stored,) = await store.engine.get([key])
        assert stored is not None
        retention_seconds = stream_retention_seconds
        lab_store = StreamStore(store.engine, store.committer, store.clock, retention_seconds)

        await trim(lab_store, windows.decode(stored))
        kept = RetentionSettings(kept_since=kept_since(store.catalog, store.clock))
        await Trimmer(store.engine, store.committer, store.clock, kept).trim()

        steps = past.items_at(store.engine, table, HashRange(0, HASH_MAX), moment_us)
        images = [image.body async for step in steps for image in step]
        assert images == [b'{"n":{"N":"1"},"pk":{"S":"a"}}']

    run_exporting(body)
