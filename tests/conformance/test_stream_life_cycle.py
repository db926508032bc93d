"""A stream after its time: disabled, of a deleted table, one of several."""

import pytest

from tests.conformance.stream_reading import read_to_end, shards

ENABLED = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
DISABLED = {"StreamEnabled": False}


@pytest.fixture
def table(make_table):
    return make_table(StreamSpecification=ENABLED)


@pytest.fixture
def switch(dynamodb, tables):
    def call(table, specification):
        dynamodb.update_table(TableName=table["TableName"], StreamSpecification=specification)
        return tables.wait(table["TableName"])

    return call


@pytest.fixture
def put(dynamodb):
    def call(table, *numbers):
        for number in numbers:
            dynamodb.put_item(
                TableName=table["TableName"],
                Item={"pk": {"S": f"p{number}"}, "n": {"N": str(number)}},
            )

    return call


@pytest.fixture
def numbers(dynamodbstreams):
    """The numbers in the records of a closed stream."""

    def call(arn):
        return sorted(
            int(record["dynamodb"]["NewImage"]["n"]["N"])
            for record in read_to_end(dynamodbstreams, arn)
        )

    return call


def test_disabled_stream_is_readable_to_its_end(table, switch, put, numbers):
    put(table, *range(10))

    switch(table, DISABLED)
    put(table, 10, 11)

    assert numbers(table["LatestStreamArn"]) == list(range(10))


def test_disabled_stream_is_described_as_such(dynamodbstreams, table, switch):
    switch(table, DISABLED)

    stream = dynamodbstreams.describe_stream(StreamArn=table["LatestStreamArn"])[
        "StreamDescription"
    ]
    assert stream["StreamStatus"] == "DISABLED"
    assert stream["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert stream["Shards"]


def test_shards_of_a_disabled_stream_are_closed(dynamodbstreams, table, switch, put):
    put(table, *range(5))
    switch(table, DISABLED)

    for shard in shards(dynamodbstreams, table["LatestStreamArn"]):
        numbers = shard["SequenceNumberRange"]
        assert int(numbers["StartingSequenceNumber"]) <= int(numbers["EndingSequenceNumber"])


def test_records_are_within_the_numbers_of_their_shard(dynamodbstreams, table, switch, put):
    put(table, *range(20))
    switch(table, DISABLED)
    arn = table["LatestStreamArn"]

    for shard in shards(dynamodbstreams, arn):
        iterator = dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        bounds = shard["SequenceNumberRange"]
        for record in dynamodbstreams.get_records(ShardIterator=iterator)["Records"]:
            assert (
                int(bounds["StartingSequenceNumber"])
                <= int(record["dynamodb"]["SequenceNumber"])
                <= int(bounds["EndingSequenceNumber"])
            )


def test_end_of_a_shard_comes_with_its_last_records(dynamodbstreams, table, switch, put):
    put(table, *range(20))
    switch(table, DISABLED)
    arn = table["LatestStreamArn"]

    for shard in shards(dynamodbstreams, arn):
        iterator = dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        page = dynamodbstreams.get_records(ShardIterator=iterator)
        assert "NextShardIterator" not in page


def test_page_before_the_end_goes_on(dynamodb, dynamodbstreams, table, switch):
    for number in range(3):
        dynamodb.put_item(
            TableName=table["TableName"], Item={"pk": {"S": "a"}, "n": {"N": str(number)}}
        )
    switch(table, DISABLED)
    arn = table["LatestStreamArn"]
    ends = []
    for shard in shards(dynamodbstreams, arn):
        iterator = dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator is not None:
            page = dynamodbstreams.get_records(ShardIterator=iterator, Limit=1)
            iterator = page.get("NextShardIterator")
            ends += [iterator is None for _ in page["Records"]]

    assert ends == [False, False, True]


def test_latest_of_a_closed_shard_is_its_end(dynamodbstreams, table, switch, put):
    put(table, 1)
    switch(table, DISABLED)
    arn = table["LatestStreamArn"]

    for shard in shards(dynamodbstreams, arn):
        iterator = dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]
        page = dynamodbstreams.get_records(ShardIterator=iterator)
        assert "NextShardIterator" not in page


def test_iterator_from_before_outlives_the_disabling(dynamodbstreams, table, switch, put):
    arn = table["LatestStreamArn"]
    iterators = [
        dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]
        for shard in shards(dynamodbstreams, arn)
    ]
    put(table, *range(8))
    switch(table, DISABLED)

    found = []
    while iterators:
        page = dynamodbstreams.get_records(ShardIterator=iterators.pop())
        found += page["Records"]
        if "NextShardIterator" in page:
            iterators.append(page["NextShardIterator"])

    assert len(found) == 8


def test_stream_enabled_again_starts_anew(table, dynamodbstreams, switch, put, numbers):
    put(table, 1)
    switch(table, DISABLED)
    put(table, 2)
    second = switch(table, ENABLED)
    put(table, 3)
    switch(table, DISABLED)

    assert numbers(table["LatestStreamArn"]) == [1]
    assert numbers(second["LatestStreamArn"]) == [3]
    old = {each["ShardId"] for each in shards(dynamodbstreams, table["LatestStreamArn"])}
    new = shards(dynamodbstreams, second["LatestStreamArn"])
    assert old.isdisjoint(each["ShardId"] for each in new)
    assert old.isdisjoint(each.get("ParentShardId") for each in new)


def test_every_stream_of_a_table_is_listed(dynamodbstreams, table, switch):
    arns = [table["LatestStreamArn"]]
    for _ in range(2):
        switch(table, DISABLED)
        arns.append(switch(table, ENABLED)["LatestStreamArn"])

    listed = dynamodbstreams.list_streams(TableName=table["TableName"])["Streams"]
    states = [
        dynamodbstreams.describe_stream(StreamArn=each["StreamArn"])["StreamDescription"][
            "StreamStatus"
        ]
        for each in listed
    ]

    assert {each["StreamArn"] for each in listed} == set(arns)
    assert sorted(states) == ["DISABLED", "DISABLED", "ENABLED"]


def test_stream_of_a_deleted_table_is_readable_to_its_end(
    dynamodb, dynamodbstreams, table, tables, put, numbers
):
    put(table, *range(6))

    dynamodb.delete_table(TableName=table["TableName"])
    tables.wait_gone(table["TableName"])

    stream = dynamodbstreams.describe_stream(StreamArn=table["LatestStreamArn"])[
        "StreamDescription"
    ]
    assert stream["StreamStatus"] == "DISABLED"
    assert stream["TableName"] == table["TableName"]
    assert numbers(table["LatestStreamArn"]) == list(range(6))


def test_deletion_of_a_table_records_no_removals(dynamodb, dynamodbstreams, table, tables, put):
    put(table, 1, 2)

    dynamodb.delete_table(TableName=table["TableName"])
    tables.wait_gone(table["TableName"])

    found = read_to_end(dynamodbstreams, table["LatestStreamArn"])
    assert [record["eventName"] for record in found] == ["INSERT", "INSERT"]


def test_recreated_table_is_listed_with_its_earlier_streams(
    dynamodb, dynamodbstreams, table, tables, make_table, put, numbers
):
    name = table["TableName"]
    put(table, 1)
    dynamodb.delete_table(TableName=name)
    tables.wait_gone(name)

    second = make_table(TableName=name, StreamSpecification=ENABLED)
    put(second, 2)

    listed = dynamodbstreams.list_streams(TableName=name)["Streams"]
    assert {each["StreamArn"] for each in listed} == {
        table["LatestStreamArn"],
        second["LatestStreamArn"],
    }
    assert table["LatestStreamArn"] != second["LatestStreamArn"]
    assert numbers(table["LatestStreamArn"]) == [1]
