"""What the Kinesis adapter for DynamoDB Streams calls, and what it reads out of the answers.

Versions 1 and 2 make the same four calls, the second with a filter for children. Sources: the
adapter's KinesisMapperUtil, DynamoDBStreamsShardSyncer and DynamoDBStreamsDataFetcher.
"""

from __future__ import annotations

import re

import pytest

from headwater.testing.lab import Lab
from tests.conformance.definition import keys
from tests.conformance.expectation import missing

ARN = re.compile(r"arn:aws[^:]*:dynamodb:([-a-z0-9]+):([0-9]{12}):table/([^/]+)/stream/(.+)")


@pytest.fixture
def table(tables):
    return tables.make(
        **keys(("pk", "S")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )


@pytest.fixture
def arn(table):
    return table["LatestStreamArn"]


@pytest.fixture
def shards(dynamodbstreams, arn):
    return dynamodbstreams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


@pytest.fixture
def iterator(dynamodbstreams, arn):
    def call(shard_id, kind, **more):
        return dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard_id, ShardIteratorType=kind, **more
        )["ShardIterator"]

    return call


def test_arn_can_be_written_as_a_kinesis_name_and_back(arn):
    found = ARN.fullmatch(arn)
    assert found is not None
    region, account, name, label = found.groups()

    kinesis_name = "$".join([region, account, name, label.replace(":", "_")])

    region, account, name, label = kinesis_name.split("$")
    label = label.replace("_", ":")
    assert f"arn:aws:dynamodb:{region}:{account}:table/{name}/stream/{label}" == arn


def test_shard_id_tells_when_the_shard_opened(table, shards):
    opened = {int(shard["ShardId"].split("-")[1]) / 1000 for shard in shards}

    created = table["CreationDateTime"].timestamp()
    assert all(abs(moment - created) < 60 for moment in opened)


def test_shards_are_listed_from_any_of_them_on(dynamodbstreams, arn, shards):
    ids = [shard["ShardId"] for shard in shards]

    rest = dynamodbstreams.describe_stream(StreamArn=arn, ExclusiveStartShardId=ids[0])

    assert [shard["ShardId"] for shard in rest["StreamDescription"]["Shards"]] == ids[1:]


@pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
def test_page_has_at_most_the_records_asked_for(
    dynamodb, dynamodbstreams, table, shards, iterator, kind
):
    iterators = [iterator(shard["ShardId"], kind) for shard in shards]
    for number in range(12):
        dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": str(number)}})

    pages = [
        dynamodbstreams.get_records(ShardIterator=each, Limit=1000)["Records"] for each in iterators
    ]

    assert sum(map(len, pages)) == 12
    for page in pages:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in page]
        assert all(number.isdigit() for number in numbers)
        assert numbers == sorted(numbers, key=int)


def test_reading_goes_on_after_a_number(dynamodb, dynamodbstreams, table, shards, iterator):
    for number in range(3):
        item = {"pk": {"S": "a"}, "n": {"N": str(number)}}
        dynamodb.put_item(TableName=table["TableName"], Item=item)
    pages = {
        shard["ShardId"]: dynamodbstreams.get_records(
            ShardIterator=iterator(shard["ShardId"], "TRIM_HORIZON")
        )["Records"]
        for shard in shards
    }
    ((shard_id, records),) = ((each, page) for each, page in pages.items() if page)
    number = records[0]["dynamodb"]["SequenceNumber"]

    token = iterator(shard_id, "AFTER_SEQUENCE_NUMBER", SequenceNumber=number)

    assert dynamodbstreams.get_records(ShardIterator=token)["Records"] == records[1:]


@pytest.mark.local_only
def test_end_of_a_shard_and_its_children(dynamodbstreams, endpoint, arn, shards, iterator):
    parent = shards[0]["ShardId"]
    lab = Lab(endpoint)
    try:
        children = lab.split(arn, parent)
    finally:
        lab.close()

    page = dynamodbstreams.get_records(ShardIterator=iterator(parent, "TRIM_HORIZON"))
    listed = dynamodbstreams.describe_stream(
        StreamArn=arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent}
    )["StreamDescription"]["Shards"]

    assert "NextShardIterator" not in page
    assert {shard["ShardId"] for shard in listed} == set(children)
    assert {shard["ParentShardId"] for shard in listed} == {parent}


def test_shard_that_is_not_there_is_not_found(dynamodbstreams, arn):
    with missing("Requested resource not found: Shard does not exist"):
        dynamodbstreams.get_shard_iterator(
            StreamArn=arn,
            ShardId="shardId-00000000000000000001-0123abcd",
            ShardIteratorType="TRIM_HORIZON",
        )
