from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.api import shapes
from headwater.api.operation import Call
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    ServiceError,
    TrimmedDataAccessException,
    ValidationException,
)
from headwater.storage.keyspace import ShardId
from headwater.streams.iterator import Iterators
from headwater.streams.shard import parse_sequence, sequence_text
from headwater.streams.window import ViewType
from headwater.tables.schema import Table
from tests.logged_store import ACCOUNT, REGION, LoggedStore, in_store, open_shards

DAY = 24 * 3600


class Client:
    """Calls the handlers as the dispatcher does, the model's check included."""

    def __init__(self, store: LoggedStore) -> None:
        settings = StreamsSettings(ACCOUNT, DAY)
        iterators = Iterators(b"secret")
        self._handlers = StreamHandlers(store.engine, store.clock, iterators, settings).handlers()

    async def call(self, operation: str, region: str = REGION, **members: Any) -> dict[str, Any]:
        check = shapes.load("dynamodbstreams").operations[operation].check
        call = Call("dynamodbstreams", operation, region, None, check(members), "id", b"")
        reply = await self._handlers["dynamodbstreams", operation](call)
        answer: dict[str, Any] = orjson.loads(reply.body)
        return answer

    async def refused(self, operation: str, **members: Any) -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await self.call(operation, **members)
        return caught.value

    async def iterator(
        self, table: Table, kind: str = "TRIM_HORIZON", shard: ShardId | None = None, **more: Any
    ) -> str:
        answer = await self.call(
            "GetShardIterator",
            StreamArn=arn(table),
            ShardId=shard or open_shards(table)[0],
            ShardIteratorType=kind,
            **more,
        )
        token: str = answer["ShardIterator"]
        return token

    async def records(
        self, table: Table, kind: str = "TRIM_HORIZON", shard: ShardId | None = None, **more: Any
    ) -> list[int]:
        """Sequence numbers of the page at a position."""
        token = await self.iterator(table, kind, shard, **more)
        return numbers(await self.call("GetRecords", ShardIterator=token))

    async def shards(self, table: Table, **more: Any) -> list[dict[str, Any]]:
        answer = await self.call("DescribeStream", StreamArn=arn(table), **more)
        shards: list[dict[str, Any]] = answer["StreamDescription"]["Shards"]
        return shards


def arn(table: Table) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table.name}/stream/{table.latest_label}"


def numbers(page: dict[str, Any]) -> list[int]:
    return [parse_sequence(record["dynamodb"]["SequenceNumber"]) for record in page["Records"]]


def test_streams_are_listed_in_pages_by_the_last_ones_arn() -> None:
    async def body(store: LoggedStore) -> None:
        tables = [await store.create_table(name) for name in ("bbb", "aaa", "ccc")]
        client = Client(store)

        first = await client.call("ListStreams", Limit=2)
        rest = await client.call(
            "ListStreams", Limit=2, ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"]
        )

        assert [stream["TableName"] for stream in first["Streams"]] == ["aaa", "bbb"]
        assert first["LastEvaluatedStreamArn"] == arn(tables[0])
        assert [stream["TableName"] for stream in rest["Streams"]] == ["ccc"]
        assert "LastEvaluatedStreamArn" not in rest

    in_store(body)


def test_streams_of_one_name_include_those_disabled_within_a_day() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.switch_off(await store.create_table("music"))
        old = arn(table)
        await store.create_table("other")
        store.clock.advance(60)
        table = await store.switch_on(table)
        client = Client(store)

        listed = await client.call("ListStreams", TableName="music")
        store.clock.advance(DAY - 59)
        later = await client.call("ListStreams", TableName="music")

        assert [stream["StreamArn"] for stream in listed["Streams"]] == [old, arn(table)]
        assert [stream["StreamArn"] for stream in later["Streams"]] == [arn(table)]
        assert await client.call("ListStreams", TableName="unknown") == {"Streams": []}
        assert await client.call("ListStreams", region="eu-west-1") == {"Streams": []}

    in_store(body)


@pytest.mark.parametrize(
    ("operation", "most"), [("ListStreams", 100), ("DescribeStream", 100), ("GetRecords", 1000)]
)
def test_limit_beyond_the_page_is_refused(operation: str, most: int) -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        needed = {
            "ListStreams": {},
            "DescribeStream": {"StreamArn": arn(table)},
            "GetRecords": {"ShardIterator": await client.iterator(table)},
        }[operation]

        error = await client.refused(operation, Limit=most + 1, **needed)

        assert isinstance(error, ValidationException)
        assert error.message == (
            f"1 validation error detected: Value '{most + 1}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {most}"
        )

    in_store(body)


def test_stream_is_described() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(view=ViewType.KEYS_ONLY)
        client = Client(store)

        answer = await client.call("DescribeStream", StreamArn=arn(table))

        shards = answer["StreamDescription"].pop("Shards")
        assert answer["StreamDescription"] == {
            "StreamArn": arn(table),
            "StreamLabel": table.latest_label,
            "TableName": "music",
            "StreamStatus": "ENABLED",
            "StreamViewType": "KEYS_ONLY",
            "CreationRequestDateTime": store.clock.now(),
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        }
        (shard,) = shards
        assert set(shard) == {"ShardId", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}

    in_store(body)


def test_shards_come_in_pages_in_the_order_of_their_ids() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=5)
        client = Client(store)
        ids = sorted(open_shards(table))

        first = await client.call("DescribeStream", StreamArn=arn(table), Limit=3)
        rest = await client.shards(table, ExclusiveStartShardId=ids[2])
        beyond = await client.shards(
            table, ExclusiveStartShardId="shardId-99999999999999999999-00000000"
        )

        described = first["StreamDescription"]
        assert [shard["ShardId"] for shard in described["Shards"]] == ids[:3]
        assert described["LastEvaluatedShardId"] == ids[2]
        assert [shard["ShardId"] for shard in rest] == ids[3:]
        assert beyond == []

    in_store(body)


def test_children_of_a_split_name_their_closed_parent() -> None:
    async def body(store: LoggedStore) -> None:
        before = await store.create_table(count=2)
        parent = open_shards(before)[0]
        store.clock.advance(1)
        table = await store.split(before, parent)
        client = Client(store)

        children = await client.shards(
            table, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent}
        )
        none = await client.shards(
            table, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": open_shards(before)[1]}
        )
        closed = [
            shard["ShardId"]
            for shard in await client.shards(table)
            if "EndingSequenceNumber" in shard["SequenceNumberRange"]
        ]

        assert {shard["ParentShardId"] for shard in children} == {parent}
        assert len(children) == 2
        assert none == []
        assert closed == [parent]

    in_store(body)


@pytest.mark.parametrize(
    "shard_filter",
    [
        {"Type": "CHILD_SHARDS"},
        {"Type": "CHILD_SHARDS", "ShardId": "x" * 30},
        {"ShardId": "short", "Type": "CHILD_SHARDS"},
    ],
)
def test_bad_shard_filter_is_refused_by_its_member(shard_filter: dict[str, str]) -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()

        error = await Client(store).refused(
            "DescribeStream", StreamArn=arn(table), ShardFilter=shard_filter
        )

        assert isinstance(error, ValidationException)
        assert "shardFilter.shardId" in (error.message or "")

    in_store(body)


def test_shard_filter_without_type_is_refused() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()

        error = await Client(store).refused(
            "DescribeStream",
            StreamArn=arn(table),
            ShardFilter={"ShardId": open_shards(table)[0]},
        )

        assert isinstance(error, ValidationException)

    in_store(body)


def test_unknown_stream_is_not_found_and_a_malformed_arn_invalid() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        client = Client(store)
        unknown = arn(table).replace("music", "nothing")

        missing = await client.refused("DescribeStream", StreamArn=unknown)
        elsewhere = await client.refused("DescribeStream", region="eu-west-1", StreamArn=arn(table))
        malformed = await client.refused("DescribeStream", StreamArn="a" * 40)

        assert isinstance(missing, ResourceNotFoundException)
        assert missing.message == f"Requested resource not found: Stream: {unknown} not found"
        assert isinstance(elsewhere, ResourceNotFoundException)
        assert isinstance(malformed, ValidationException)

    in_store(body)


def test_disabled_stream_stays_readable_for_a_day() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (shard,) = open_shards(table)
        written = await store.append_all(table, 3)
        store.clock.advance(60)
        table = await store.switch_off(table)
        client = Client(store)

        described = await client.call("DescribeStream", StreamArn=arn(table))
        read = await client.records(table, shard=shard)
        store.clock.advance(DAY + 1)
        gone = await client.refused("DescribeStream", StreamArn=arn(table))

        assert described["StreamDescription"]["StreamStatus"] == "DISABLED"
        assert read == written
        assert isinstance(gone, ResourceNotFoundException)

    in_store(body)


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
