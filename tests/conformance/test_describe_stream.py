"""DescribeStream: the stream, its shards, their pages and children."""

import re
from typing import Any

import pytest

from tests.conformance.definition import keys, schema
from tests.conformance.expectation import invalid, missing
from tests.conformance.stream_reading import shards

SHARD_ID = re.compile(r"shardId-\d{20}-[0-9a-f]{8}")


@pytest.fixture
def describe(dynamodbstreams):
    def call(arn, **options):
        return dynamodbstreams.describe_stream(StreamArn=arn, **options)["StreamDescription"]

    return call


@pytest.fixture
def arn(streamed):
    return streamed["NEW_AND_OLD_IMAGES"]["LatestStreamArn"]


def test_stream_is_described(describe, streamed, arn):
    table = streamed["NEW_AND_OLD_IMAGES"]

    stream = describe(arn)

    assert stream["StreamArn"] == arn
    assert stream["StreamLabel"] == table["LatestStreamLabel"]
    assert stream["StreamStatus"] == "ENABLED"
    assert stream["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert stream["TableName"] == table["TableName"]
    assert stream["KeySchema"] == schema("pk")
    assert stream["CreationRequestDateTime"].timestamp() == pytest.approx(
        table["CreationDateTime"].timestamp(), abs=120
    )


def test_key_schema_has_the_sort_key(describe, make_table):
    table = make_table(
        **keys(("pk", "S"), ("sk", "N")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )

    assert describe(table["LatestStreamArn"])["KeySchema"] == schema("pk", "sk")


def test_open_shard_has_no_ending_number(describe, arn):
    found = describe(arn)["Shards"]

    assert found
    for shard in found:
        assert SHARD_ID.fullmatch(shard["ShardId"])
        assert set(shard) == {"ShardId", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}
        assert re.fullmatch(r"\d{21,40}", shard["SequenceNumberRange"]["StartingSequenceNumber"])


def test_id_of_a_shard_has_the_time_of_its_creation(describe, arn):
    stream = describe(arn)

    for shard in stream["Shards"]:
        created = int(shard["ShardId"].split("-")[1]) / 1000
        assert created == pytest.approx(stream["CreationRequestDateTime"].timestamp(), abs=120)


def test_shards_come_in_the_order_of_their_ids(describe, arn):
    ids = [shard["ShardId"] for shard in describe(arn)["Shards"]]

    assert ids == sorted(set(ids))


@pytest.mark.local_only
def test_table_on_demand_starts_with_four_shards(describe, arn):
    assert len(describe(arn)["Shards"]) == 4


def test_pages_join_to_the_whole(describe, dynamodbstreams, arn):
    whole = describe(arn)["Shards"]
    found: list[Any] = []
    start: dict[str, str] = {}
    for _ in range(len(whole) + 1):
        page = describe(arn, Limit=1, **start)
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            break
        assert page["LastEvaluatedShardId"] == page["Shards"][-1]["ShardId"]
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    assert found == whole == shards(dynamodbstreams, arn)


def test_start_need_not_exist(describe, arn):
    whole = describe(arn)["Shards"]
    before_all = "shardId-" + "0" * 20 + "-00000000"
    beyond_all = "shardId-" + "9" * 20 + "-ffffffff"

    assert describe(arn, ExclusiveStartShardId=before_all)["Shards"] == whole
    assert describe(arn, ExclusiveStartShardId=beyond_all)["Shards"] == []


def test_open_shard_has_no_children(describe, arn):
    (shard, *_) = describe(arn)["Shards"]

    stream = describe(arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": shard["ShardId"]})

    assert stream["Shards"] == []
    assert stream["StreamArn"] == arn
    assert stream["StreamStatus"] == "ENABLED"


def test_unknown_shard_has_no_children(describe, arn):
    unknown = "shardId-00000001414576573621-f55eea83"

    assert describe(arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": unknown})["Shards"] == []


@pytest.mark.parametrize(
    "shard_filter",
    [
        {"Type": "CHILD_SHARDS"},
        {"ShardId": "shardId-00000001414576573621-f55eea83"},
        {"Type": "PARENT_SHARDS", "ShardId": "shardId-00000001414576573621-f55eea83"},
        {},
    ],
    ids=str,
)
def test_filter_that_is_not_whole_is_refused(describe, arn, shard_filter):
    with invalid():
        describe(arn, ShardFilter=shard_filter)


def test_filter_by_a_malformed_shard_names_its_place(describe, arn):
    with invalid() as refusal:
        describe(arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": "x"})

    assert "shardFilter.shardId" in refusal.message


@pytest.mark.parametrize("limit", [0, 101])
def test_limit_has_bounds(describe, arn, limit):
    with invalid():
        describe(arn, Limit=limit)


@pytest.mark.parametrize("start", ["x", "x" * 66])
def test_start_of_wrong_length_is_refused(describe, arn, start):
    with invalid():
        describe(arn, ExclusiveStartShardId=start)


@pytest.mark.parametrize("malformed", ["x", "x" * 50, "arn:aws:dynamodb:us-east-1:1:table/a"])
def test_malformed_arn_is_refused(describe, malformed):
    with invalid():
        describe(malformed)


def test_unknown_stream_is_named(describe, arn):
    unknown = arn[:-23] + "2001-01-01T00:00:00.000"

    with missing(f"Requested resource not found: Stream: {unknown} not found"):
        describe(unknown)


def test_stream_of_an_unknown_table_is_named(describe, arn):
    unknown = arn.replace(":table/", ":table/unknown-")

    with missing(f"Requested resource not found: Stream: {unknown} not found"):
        describe(unknown)


def test_missing_arn_is_refused(dynamodbstreams):
    with invalid() as refusal:
        dynamodbstreams.describe_stream()

    assert "Value null at 'streamArn' failed to satisfy constraint: Member must not be null" in (
        refusal.message
    )
