"""Data streams: made, described, listed, changed, deleted; their shards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.data_streams import DataStreams, refusal

HASH_KEY_MAX = 2**128 - 1


@pytest.fixture
def stream(data_streams: DataStreams) -> str:
    """A stream of two shards that only this test uses."""
    return data_streams.make(ShardCount=2)


def test_new_stream_is_described_with_shards_that_share_the_hash_space(
    kinesis: Any, stream: str
) -> None:
    described = kinesis.describe_stream(StreamName=stream)["StreamDescription"]

    ranges = [shard["HashKeyRange"] for shard in described["Shards"]]
    assert [shard["ShardId"] for shard in described["Shards"]] == [
        "shardId-000000000000",
        "shardId-000000000001",
    ]
    assert ranges == [
        {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)},
        {"StartingHashKey": str(2**127), "EndingHashKey": str(HASH_KEY_MAX)},
    ]
    assert described["StreamARN"].endswith(f":stream/{stream}")
    assert described["StreamStatus"] == "ACTIVE"
    assert described["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert described["RetentionPeriodHours"] == 24
    assert described["EncryptionType"] == "NONE"
    assert described["HasMoreShards"] is False


def test_description_comes_in_pages(kinesis: Any, stream: str) -> None:
    first = kinesis.describe_stream(StreamName=stream, Limit=1)["StreamDescription"]
    second = kinesis.describe_stream(
        StreamName=stream, Limit=1, ExclusiveStartShardId=first["Shards"][0]["ShardId"]
    )["StreamDescription"]

    assert (first["HasMoreShards"], second["HasMoreShards"]) == (True, False)
    assert second["Shards"][0]["ShardId"] == "shardId-000000000001"


def test_summary_counts_shards_and_consumers(kinesis: Any, stream: str) -> None:
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]

    assert (summary["OpenShardCount"], summary["ConsumerCount"]) == (2, 0)


def test_stream_is_found_by_its_arn_and_by_both(kinesis: Any, stream: str) -> None:
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    arn = summary["StreamARN"]

    by_arn = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    by_both = kinesis.list_shards(StreamName=stream, StreamARN=arn)["Shards"]

    assert by_arn == summary
    assert len(by_both) == 2


def test_on_demand_stream_begins_with_four_shards(kinesis: Any, data_streams: DataStreams) -> None:
    name = data_streams.make(StreamModeDetails={"StreamMode": "ON_DEMAND"})

    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]

    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["OpenShardCount"] == 4


def test_streams_are_listed_in_pages(kinesis: Any, data_streams: DataStreams) -> None:
    names = sorted(data_streams.make(ShardCount=1) for _ in range(2))

    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    listed = [summary for page in pages for summary in page["StreamSummaries"]]

    assert set(names) <= {each["StreamName"] for each in listed}
    behind = kinesis.list_streams(ExclusiveStartStreamName=names[0], Limit=1)["StreamNames"]
    assert behind[0] > names[0]


def test_stream_of_a_taken_name_is_refused(kinesis: Any, stream: str) -> None:
    told = refusal(kinesis.create_stream, StreamName=stream, ShardCount=1)

    assert told.code == "ResourceInUseException"
    assert told.text.startswith(f"Stream {stream} under account ")
    assert told.text.endswith(" already exists.")


@pytest.mark.parametrize(
    "operation", ["describe_stream", "list_shards", "delete_stream", "describe_stream_summary"]
)
def test_missing_stream_is_told(kinesis: Any, operation: str) -> None:
    told = refusal(getattr(kinesis, operation), StreamName="headwater-missing")

    assert told.code == "ResourceNotFoundException"
    assert told.text.startswith("Stream headwater-missing under account ")
    assert told.text.endswith(" not found.")


def test_deleted_stream_goes(kinesis: Any, data_streams: DataStreams) -> None:
    name = data_streams.make(ShardCount=1)

    kinesis.delete_stream(StreamName=name)
    data_streams.wait_until_gone(name)

    assert refusal(kinesis.describe_stream, StreamName=name).code == "ResourceNotFoundException"


def test_split_closes_a_shard_and_opens_two(
    kinesis: Any, stream: str, data_streams: DataStreams
) -> None:
    kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="1000"
    )
    data_streams.wait(stream)

    shards = {each["ShardId"]: each for each in kinesis.list_shards(StreamName=stream)["Shards"]}
    assert "EndingSequenceNumber" in shards["shardId-000000000000"]["SequenceNumberRange"]
    children = [each for each in shards.values() if "ParentShardId" in each]
    assert [each["ParentShardId"] for each in children] == ["shardId-000000000000"] * 2
    assert [each["HashKeyRange"] for each in children] == [
        {"StartingHashKey": "0", "EndingHashKey": "999"},
        {"StartingHashKey": "1000", "EndingHashKey": str(2**127 - 1)},
    ]


def test_merge_closes_two_shards_and_opens_one(
    kinesis: Any, stream: str, data_streams: DataStreams
) -> None:
    kinesis.merge_shards(
        StreamName=stream,
        ShardToMerge="shardId-000000000000",
        AdjacentShardToMerge="shardId-000000000001",
    )
    data_streams.wait(stream)

    found = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert [each["ShardId"] for each in found] == ["shardId-000000000002"]
    assert found[0]["ParentShardId"] == "shardId-000000000000"
    assert found[0]["AdjacentParentShardId"] == "shardId-000000000001"
    assert found[0]["HashKeyRange"]["EndingHashKey"] == str(HASH_KEY_MAX)


@pytest.mark.parametrize(
    ("start", "is_taken"), [("0", False), ("1", False), ("2", True), (str(2**127 - 1), False)]
)
def test_split_needs_room_on_both_sides(
    kinesis: Any, stream: str, start: str, is_taken: bool
) -> None:
    asked = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": start}

    if is_taken:
        kinesis.split_shard(StreamName=stream, **asked)
    else:
        told = refusal(kinesis.split_shard, StreamName=stream, **asked)
        assert told.code == "InvalidArgumentException"
        assert told.text.startswith(f"NewStartingHashKey {start} used in SplitShard() on shard ")


def test_shards_that_do_not_meet_are_not_merged(kinesis: Any, data_streams: DataStreams) -> None:
    name = data_streams.make(ShardCount=3)
    ends = {
        "ShardToMerge": "shardId-000000000000",
        "AdjacentShardToMerge": "shardId-000000000002",
    }

    told = refusal(kinesis.merge_shards, StreamName=name, **ends)

    assert told.code == "InvalidArgumentException"
    assert "are not an adjacent pair of shards eligible for merging" in told.text


def test_unknown_and_closed_shards_are_not_split(
    kinesis: Any, stream: str, data_streams: DataStreams
) -> None:
    asked = {"StreamName": stream, "NewStartingHashKey": "1000"}
    unknown = refusal(kinesis.split_shard, ShardToSplit="shardId-000000000077", **asked)
    kinesis.split_shard(ShardToSplit="shardId-000000000000", **asked)
    data_streams.wait(stream)
    closed = refusal(kinesis.split_shard, ShardToSplit="shardId-000000000000", **asked)

    assert unknown.code == "ResourceNotFoundException"
    assert unknown.text.startswith("Could not find shard shardId-000000000077 in stream ")
    assert closed.code == "ResourceInUseException"


@pytest.mark.parametrize("target", [3, 4, 1])
def test_count_of_shards_is_changed(
    kinesis: Any, stream: str, data_streams: DataStreams, target: int
) -> None:
    told = kinesis.update_shard_count(
        StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
    )
    data_streams.wait(stream)

    assert (told["CurrentShardCount"], told["TargetShardCount"]) == (2, target)
    found = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    starts = sorted(int(each["HashKeyRange"]["StartingHashKey"]) for each in found)
    assert starts == [index * 2**128 // target for index in range(target)]


@pytest.mark.parametrize("target", [5, 2])
def test_count_of_shards_is_not_more_than_doubled_and_not_the_same(
    kinesis: Any, stream: str, target: int
) -> None:
    asked = {"TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}

    told = refusal(kinesis.update_shard_count, StreamName=stream, **asked)

    assert told.code in ("LimitExceededException", "InvalidArgumentException")


def test_shards_of_a_stream_on_demand_are_its_own_matter(
    kinesis: Any, data_streams: DataStreams
) -> None:
    name = data_streams.make(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    asked = {"TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"}

    told = refusal(kinesis.update_shard_count, StreamName=name, **asked)

    assert told.code == "ValidationException"
    assert told.text.endswith("is in On-Demand mode.")


def test_mode_is_changed(kinesis: Any, stream: str, data_streams: DataStreams) -> None:
    arn = data_streams.arn(stream)

    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    data_streams.wait(stream)

    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"


def test_retention_is_lengthened_and_shortened(
    kinesis: Any, stream: str, data_streams: DataStreams
) -> None:
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8760)
    data_streams.wait(stream)
    shorter = refusal(
        kinesis.increase_stream_retention_period, StreamName=stream, RetentionPeriodHours=48
    )
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    data_streams.wait(stream)

    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 48
    assert shorter.code == "InvalidArgumentException"
    assert "can not be shorter than existing retention period (8760 hours)" in shorter.text


@pytest.mark.parametrize("hours", [23, 8761])
def test_retention_has_bounds(kinesis: Any, stream: str, hours: int) -> None:
    told = refusal(
        kinesis.increase_stream_retention_period, StreamName=stream, RetentionPeriodHours=hours
    )

    assert told.code == "InvalidArgumentException"


def ids(shards: list[dict[str, Any]]) -> list[int]:
    return [int(each["ShardId"].partition("-")[2]) for each in shards]


@pytest.fixture
def lineage(kinesis: Any, stream: str, data_streams: DataStreams) -> str:
    """The stream with its first shard split: shards 0 (closed), 1, 2 and 3."""
    kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="1000"
    )
    data_streams.wait(stream)
    return stream


@pytest.mark.parametrize(
    ("shard_filter", "expected"),
    [
        ({"Type": "AT_TRIM_HORIZON"}, [0, 1]),
        ({"Type": "FROM_TRIM_HORIZON"}, [0, 1, 2, 3]),
        ({"Type": "AT_LATEST"}, [1, 2, 3]),
        ({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}, [2, 3]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": 1.0}, [0, 1]),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": 1.0}, [0, 1, 2, 3]),
    ],
)
def test_shards_are_filtered(
    kinesis: Any, lineage: str, shard_filter: dict[str, Any], expected: list[int]
) -> None:
    found = kinesis.list_shards(StreamName=lineage, ShardFilter=shard_filter)["Shards"]

    assert ids(found) == expected


def test_shards_are_listed_in_pages_by_a_token_that_keeps_the_filter(
    kinesis: Any, lineage: str
) -> None:
    first = kinesis.list_shards(StreamName=lineage, MaxResults=2, ShardFilter={"Type": "AT_LATEST"})
    second = kinesis.list_shards(NextToken=first["NextToken"])

    assert (ids(first["Shards"]), ids(second["Shards"])) == ([1, 2], [3])
    assert "NextToken" not in second


@pytest.mark.parametrize(
    "asked",
    [
        {"StreamName": "s", "NextToken": "x"},
        {"NextToken": "no token"},
        {"NextToken": "e30="},
        {},
    ],
)
def test_listing_that_contradicts_itself_is_refused(kinesis: Any, asked: dict[str, Any]) -> None:
    assert refusal(kinesis.list_shards, **asked).code == "InvalidArgumentException"


@pytest.mark.parametrize(
    "shard_filter",
    [
        {"Type": "AT_TIMESTAMP"},
        {"Type": "AFTER_SHARD_ID"},
        {"Type": "AT_LATEST", "Timestamp": 1.0},
        {"Type": "AT_TIMESTAMP", "Timestamp": 4_000_000_000.0},
    ],
)
def test_filter_that_contradicts_itself_is_refused(
    kinesis: Any, stream: str, shard_filter: dict[str, Any]
) -> None:
    told = refusal(kinesis.list_shards, StreamName=stream, ShardFilter=shard_filter)

    assert told.code == "InvalidArgumentException"


@pytest.mark.parametrize(
    "asked",
    [
        {"StreamName": "s", "ShardCount": 0},
        {"StreamName": "no spaces", "ShardCount": 1},
        {"StreamName": "s"},
        {"StreamName": "s", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
        {"StreamName": "s", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "OTHER"}},
    ],
)
def test_stream_that_makes_no_sense_is_refused(kinesis: Any, asked: dict[str, Any]) -> None:
    assert refusal(kinesis.create_stream, **asked).code == "ValidationException"


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("enable_enhanced_monitoring", {"ShardLevelMetrics": ["ALL"]}),
        ("start_stream_encryption", {"EncryptionType": "KMS", "KeyId": "k"}),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    kinesis: Any, operation: str, asked: dict[str, Any]
) -> None:
    told = refusal(getattr(kinesis, operation), StreamName="s", **asked)

    assert told.code == "UnknownOperationException"
    assert told.text.endswith("is not supported by Headwater")


def test_limits_count_what_there_is(kinesis: Any, stream: str) -> None:
    limits = kinesis.describe_limits()

    assert limits["OpenShardCount"] >= 2
    assert limits["ShardLimit"] >= limits["OpenShardCount"]


def test_tags_of_a_stream(kinesis: Any, data_streams: DataStreams) -> None:
    name = data_streams.make(ShardCount=1, Tags={"made": "with"})

    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "2", "a": "1"})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["made", "unknown"])
    kinesis.tag_resource(ResourceARN=data_streams.arn(name), Tags={"c": "3"})
    kinesis.untag_resource(ResourceARN=data_streams.arn(name), TagKeys=["b"])

    listed = kinesis.list_tags_for_stream(StreamName=name, Limit=1)
    assert (listed["Tags"], listed["HasMoreTags"]) == ([{"Key": "a", "Value": "1"}], True)
    everything = kinesis.list_tags_for_resource(ResourceARN=data_streams.arn(name))["Tags"]
    assert everything == [{"Key": "a", "Value": "1"}, {"Key": "c", "Value": "3"}]


def test_consumer_is_registered_described_listed_and_deregistered(
    kinesis: Any, stream: str, data_streams: DataStreams
) -> None:
    arn = data_streams.arn(stream)

    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    again = refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="reader")
    found = data_streams.active_consumer(made["ConsumerARN"])
    listed = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    kinesis.tag_resource(ResourceARN=made["ConsumerARN"], Tags={"a": "1"})
    tags = kinesis.list_tags_for_resource(ResourceARN=made["ConsumerARN"])["Tags"]
    with_consumer = refusal(kinesis.delete_stream, StreamName=stream)
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="reader")

    assert made["ConsumerARN"].startswith(f"{arn}/consumer/reader:")
    assert again.code == "ResourceInUseException"
    assert found["StreamARN"] == arn
    assert [each["ConsumerName"] for each in listed] == ["reader"]
    assert tags == [{"Key": "a", "Value": "1"}]
    assert with_consumer.code == "ResourceInUseException"
    gone = refusal(kinesis.describe_stream_consumer, ConsumerARN=made["ConsumerARN"])
    assert gone.code == "ResourceNotFoundException"


def test_name_of_a_deleted_stream_can_be_used_again(
    kinesis: Any, data_streams: DataStreams, unique_name: Callable[[str], str]
) -> None:
    name = data_streams.make(ShardCount=1)
    kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k")
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    kinesis.delete_stream(StreamName=name)
    data_streams.wait_until_gone(name)

    data_streams.make(name, ShardCount=1)

    assert refusal(kinesis.get_records, ShardIterator=iterator).code == "ResourceNotFoundException"
