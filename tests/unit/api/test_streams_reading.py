"""GetShardIterator and GetRecords."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
    ValidationException,
)
from headwater.streams.shard import sequence_text
from tests.logged_store import LoggedStore, in_store, open_shards
from tests.unit.api.stream_client import DAY, Client, arn, numbers


def test_every_iterator_type_starts_where_it_says() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=3)
        key = "a"
        first = await store.append(table, key)
        shard = next(
            partition.shard_id
            for partition in table.partitions
            if partition.shard_id is not None and partition.lane == first & 0xFFFF
        )
        written = [first]
        times = [store.clock.now()]
        for _ in range(9):
            store.clock.advance(1.5)
            times.append(store.clock.now())
            written.append(await store.append(table, key))
        start = (await store.shard(table, shard)).first
        client = Client(store)

        async def at(kind: str, number: int) -> list[int]:
            return await client.records(table, kind, shard, SequenceNumber=sequence_text(number))

        assert await client.records(table, "TRIM_HORIZON", shard) == written
        assert await client.records(table, "LATEST", shard) == []
        assert await at("AT_SEQUENCE_NUMBER", written[4]) == written[4:]
        assert await at("AFTER_SEQUENCE_NUMBER", written[4]) == written[5:]
        assert await at("AT_SEQUENCE_NUMBER", written[4] + 1) == written[5:]
        assert await at("AFTER_SEQUENCE_NUMBER", written[4] - 1) == written[4:]
        assert await at("AT_SEQUENCE_NUMBER", start) == written
        assert await at("AFTER_SEQUENCE_NUMBER", start) == written
        assert await at("AFTER_SEQUENCE_NUMBER", written[-1]) == []
        for index, moment in enumerate(times):
            assert (
                await client.records(table, "AT_TIMESTAMP", shard, Timestamp=moment)
                == (written[index:])
            )
        assert await client.records(table, "AT_TIMESTAMP", shard, Timestamp=1) == written

    in_store(body)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("AT_SEQUENCE_NUMBER", {}),
        ("AFTER_SEQUENCE_NUMBER", {}),
        ("AT_TIMESTAMP", {}),
        ("TRIM_HORIZON", {"SequenceNumber": "1" * 21}),
        ("LATEST", {"SequenceNumber": "1" * 21}),
        ("LATEST", {"Timestamp": 1}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "٣" * 21}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "9" * 40}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1"}),
        ("AT_TIMESTAMP", {"Timestamp": 99_999_999_999}),
        ("SOMEWHERE", {}),
    ],
)
def test_position_that_makes_no_sense_is_refused(kind: str, more: dict[str, Any]) -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()

        error = await Client(store).refused(
            "GetShardIterator",
            StreamArn=arn(table),
            ShardId=open_shards(table)[0],
            ShardIteratorType=kind,
            **more,
        )

        assert isinstance(error, ValidationException)

    in_store(body)


def test_unknown_shard_is_not_found() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        asked = {"StreamArn": arn(table), "ShardIteratorType": "LATEST"}
        client = Client(store)

        unknown = await client.refused(
            "GetShardIterator", ShardId="shardId-00000001414576573621-f55eea83", **asked
        )
        malformed = await client.refused("GetShardIterator", ShardId="s" * 30, **asked)

        assert isinstance(unknown, ResourceNotFoundException)
        assert unknown.message == "Requested resource not found: Shard does not exist"
        assert isinstance(malformed, ValidationException)

    in_store(body)


def test_shard_of_an_earlier_stream_is_not_this_ones() -> None:
    async def body(store: LoggedStore) -> None:
        before = await store.create_table()
        store.clock.advance(1)
        table = await store.switch_on(await store.switch_off(before))

        error = await Client(store).refused(
            "GetShardIterator",
            StreamArn=arn(table),
            ShardId=open_shards(before)[0],
            ShardIteratorType="LATEST",
        )

        assert isinstance(error, ResourceNotFoundException)
        assert len(await Client(store).shards(table)) == 1

    in_store(body)


def test_open_shard_always_has_a_next_page() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)

        empty = await client.call("GetRecords", ShardIterator=await client.iterator(table))
        written = await store.append_all(table, 3)
        page = await client.call("GetRecords", ShardIterator=empty["NextShardIterator"], Limit=2)
        rest = await client.call("GetRecords", ShardIterator=page["NextShardIterator"])

        assert empty["Records"] == []
        assert numbers(page) + numbers(rest) == written
        assert "NextShardIterator" in rest

    in_store(body)


def test_page_with_a_closed_shards_last_record_has_no_next() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (shard,) = open_shards(table)
        written = await store.append_all(table, 4)
        token = await Client(store).iterator(table)
        table = await store.roll_over(table, shard)
        client = Client(store)

        first = await client.call("GetRecords", ShardIterator=token, Limit=2)
        last = await client.call("GetRecords", ShardIterator=first["NextShardIterator"], Limit=2)
        ended = await client.call(
            "GetRecords", ShardIterator=await client.iterator(table, "LATEST", shard)
        )

        assert numbers(first) + numbers(last) == written
        assert "NextShardIterator" not in last
        assert ended == {"Records": []}

    in_store(body)


def test_empty_closed_shard_ends_at_once() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (shard,) = open_shards(table)
        table = await store.roll_over(table, shard)
        client = Client(store)

        page = await client.call(
            "GetRecords", ShardIterator=await client.iterator(table, shard=shard)
        )

        assert page == {"Records": []}

    in_store(body)


def test_iterator_expires_after_fifteen_minutes() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        token = await client.iterator(table)
        store.clock.advance(901)

        assert isinstance(
            await client.refused("GetRecords", ShardIterator=token), ExpiredIteratorException
        )

    in_store(body)


def test_what_is_older_than_a_day_is_trimmed_for_readers_at_once() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        old = await store.append_all(table, 2)
        store.clock.advance(100)
        kept = await store.append_all(table, 2)
        store.clock.advance(DAY - 50)
        (shard,) = open_shards(table)
        client = Client(store)

        horizon = await client.records(table)
        at_old = await client.refused(
            "GetShardIterator",
            StreamArn=arn(table),
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=sequence_text(old[1]),
        )
        after_old = await client.records(
            table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(old[1])
        )
        start = (await store.shard(table, shard)).first
        at_start = await client.records(
            table, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence_text(start)
        )

        assert horizon == after_old == at_start == kept
        assert isinstance(at_old, TrimmedDataAccessException)

    in_store(body)


def test_iterator_whose_next_record_was_trimmed_is_told() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append_all(table, 2)
        store.clock.advance(DAY - 100)
        client = Client(store)
        token = await client.iterator(table)
        store.clock.advance(200)

        error = await client.refused("GetRecords", ShardIterator=token)

        assert isinstance(error, TrimmedDataAccessException)

    in_store(body)
