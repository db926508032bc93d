"""ListStreams and DescribeStream."""

from __future__ import annotations

import pytest

from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.streams.window import ViewType
from tests.logged_store import LoggedStore, in_store, open_shards
from tests.unit.api.stream_client import DAY, Client, arn


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
