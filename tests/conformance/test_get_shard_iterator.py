"""GetShardIterator: every type of position, and what is refused."""

import datetime as dt

import pytest

from tests.conformance.expectation import invalid, missing, refused
from tests.conformance.stream_reading import Follower, shards
from tests.conftest import LOOKS_MAX


@pytest.fixture(scope="module")
def line(dynamodb, dynamodbstreams, lasting_tables):
    """A shard with five records of one item: the stream's ARN, the shard, its records."""
    table = lasting_tables.make(
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    )
    for number in range(5):
        dynamodb.put_item(
            TableName=table["TableName"], Item={"pk": {"S": "a"}, "n": {"N": str(number)}}
        )
    arn = table["LatestStreamArn"]
    records = Follower(dynamodbstreams, arn).records("a", 5)
    for shard in shards(dynamodbstreams, arn):
        iterator = dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        if dynamodbstreams.get_records(ShardIterator=iterator)["Records"]:
            return {"table": table, "arn": arn, "shard": shard, "records": records}
    raise AssertionError("no shard has the records")


@pytest.fixture
def iterator(dynamodbstreams, line):
    """An iterator of the shard."""

    def call(kind, **position):
        wanted = {"StreamArn": line["arn"], "ShardId": line["shard"]["ShardId"]}
        answer = dynamodbstreams.get_shard_iterator(
            **wanted | {"ShardIteratorType": kind} | position
        )
        return answer["ShardIterator"]

    return call


@pytest.fixture
def read(dynamodbstreams, iterator):
    """The numbers of the records from a position to the shard's head."""

    def call(kind, **position):
        page = dynamodbstreams.get_records(ShardIterator=iterator(kind, **position))
        return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in page["Records"]]

    return call


def sequence_number(line, index):
    return line["records"][index]["dynamodb"]["SequenceNumber"]


def test_trim_horizon_is_before_the_oldest_record(read):
    assert read("TRIM_HORIZON") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("index", range(5))
def test_at_a_number_is_before_its_record(read, line, index):
    found = read("AT_SEQUENCE_NUMBER", SequenceNumber=sequence_number(line, index))

    assert found == list(range(index, 5))


@pytest.mark.parametrize("index", range(5))
def test_after_a_number_is_behind_its_record(read, line, index):
    found = read("AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_number(line, index))

    assert found == list(range(index + 1, 5))


def test_start_of_the_shard_is_before_all_of_it(read, line):
    start = line["shard"]["SequenceNumberRange"]["StartingSequenceNumber"]

    assert read("AT_SEQUENCE_NUMBER", SequenceNumber=start) == [0, 1, 2, 3, 4]


def test_number_need_not_exist(read, line):
    between = str(int(sequence_number(line, 0)) + 1).zfill(len(sequence_number(line, 0)))

    assert read("AT_SEQUENCE_NUMBER", SequenceNumber=between) == [1, 2, 3, 4]


@pytest.mark.local_only  # AWS may show records that are very recent
def test_latest_is_behind_the_newest_record(read):
    assert read("LATEST") == []


def test_latest_sees_what_comes_later(dynamodb, dynamodbstreams, make_table):
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    arn = table["LatestStreamArn"]
    iterators = [
        dynamodbstreams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]
        for shard in shards(dynamodbstreams, arn)
    ]

    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "a"}})

    found = []
    for _ in range(LOOKS_MAX):
        pages = [dynamodbstreams.get_records(ShardIterator=each) for each in iterators]
        found += [record for page in pages for record in page["Records"]]
        if found:
            break
        iterators = [page["NextShardIterator"] for page in pages]
    assert [record["dynamodb"]["Keys"] for record in found] == [{"pk": {"S": "a"}}]


def test_timestamp_before_the_shard_is_its_start(read):
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    assert read("AT_TIMESTAMP", Timestamp=past) == [0, 1, 2, 3, 4]


def test_timestamp_of_the_first_record_is_before_it(read, line):
    created = line["records"][0]["dynamodb"]["ApproximateCreationDateTime"]

    assert read("AT_TIMESTAMP", Timestamp=created) == [0, 1, 2, 3, 4]


def test_timestamp_to_come_is_refused(iterator):
    future = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)

    with invalid():
        iterator("AT_TIMESTAMP", Timestamp=future)


def test_iterator_may_be_used_again(dynamodbstreams, iterator):
    one = iterator("TRIM_HORIZON")

    first = dynamodbstreams.get_records(ShardIterator=one)["Records"]
    second = dynamodbstreams.get_records(ShardIterator=one)["Records"]

    assert first == second
    assert len(first) == 5


def test_iterator_names_its_stream(iterator, line):
    one = iterator("TRIM_HORIZON")

    assert one.startswith(line["arn"] + "|1|")
    assert len(one) <= 2048


@pytest.mark.parametrize(
    ("kind", "position"),
    [
        ("AT_SEQUENCE_NUMBER", {}),
        ("AFTER_SEQUENCE_NUMBER", {}),
        ("TRIM_HORIZON", {"SequenceNumber": "1" * 21}),
        ("LATEST", {"SequenceNumber": "1" * 21}),
        ("AT_TIMESTAMP", {}),
        ("FROM_START", {}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "-" + "1" * 21}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" * 41}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1"}),
    ],
    ids=str,
)
def test_position_that_is_not_whole_is_refused(iterator, kind, position):
    with invalid():
        iterator(kind, **position)


@pytest.mark.parametrize("malformed", ["x", "x" * 50])
def test_malformed_arn_is_refused(iterator, malformed):
    with invalid():
        iterator("TRIM_HORIZON", StreamArn=malformed)


def test_unknown_shard_is_not_found(iterator):
    with refused("ResourceNotFoundException"):
        iterator("TRIM_HORIZON", ShardId="shardId-00000001414576573621-f55eea83")


def test_shard_of_another_stream_is_not_found(iterator, dynamodbstreams, streamed):
    (other, *_) = shards(dynamodbstreams, streamed["KEYS_ONLY"]["LatestStreamArn"])

    with refused("ResourceNotFoundException"):
        iterator("TRIM_HORIZON", ShardId=other["ShardId"])


def test_unknown_stream_is_not_found(iterator, line):
    unknown = line["arn"].replace(":table/", ":table/unknown-")

    with missing(f"Requested resource not found: Stream: {unknown} not found"):
        iterator("TRIM_HORIZON", StreamArn=unknown)


@pytest.mark.parametrize("shard_id", ["x", "x" * 66])
def test_shard_id_of_wrong_length_is_refused(iterator, shard_id):
    with invalid():
        iterator("TRIM_HORIZON", ShardId=shard_id)
