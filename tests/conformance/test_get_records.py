"""GetRecords: pages, limits, the end of a shard, iterators that are no good."""

import pytest

from tests.conformance.definition import keys
from tests.conformance.expectation import invalid
from tests.conformance.stream_reading import oldest, shards
from tests.conftest import LOOKS_MAX


@pytest.fixture(scope="module")
def busy(dynamodb, dynamodbstreams, lasting_tables):
    """A shard with 30 records of one item, complete: its iterator at the start."""
    table = lasting_tables.make(
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    )
    for number in range(30):
        dynamodb.put_item(
            TableName=table["TableName"], Item={"pk": {"S": "a"}, "n": {"N": str(number)}}
        )
    arn = table["LatestStreamArn"]
    for _ in range(LOOKS_MAX):
        for shard in shards(dynamodbstreams, arn):
            iterator = oldest(dynamodbstreams, arn, shard["ShardId"])
            if len(dynamodbstreams.get_records(ShardIterator=iterator)["Records"]) == 30:
                return iterator
    raise AssertionError("no shard has the records")


def numbers(page):
    return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in page["Records"]]


@pytest.mark.parametrize("limit", [1, 7, 30, 1000])
def test_pages_join_to_the_whole(dynamodbstreams, busy, limit):
    found, iterator = [], busy
    for _ in range(40):
        page = dynamodbstreams.get_records(ShardIterator=iterator, Limit=limit)
        assert len(page["Records"]) <= limit
        found += numbers(page)
        iterator = page["NextShardIterator"]
        if len(found) == 30:
            break

    assert found == list(range(30))


def test_head_of_an_open_shard_is_an_empty_page(dynamodbstreams, busy):
    first = dynamodbstreams.get_records(ShardIterator=busy)

    page = dynamodbstreams.get_records(ShardIterator=first["NextShardIterator"])

    assert page["Records"] == []
    assert page["NextShardIterator"]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limit_has_bounds(dynamodbstreams, busy, limit):
    with invalid() as refusal:
        dynamodbstreams.get_records(ShardIterator=busy, Limit=limit)

    assert "limit" in refusal.message.lower()


@pytest.mark.parametrize(
    "mangle",
    [
        lambda good: "x",
        lambda good: good[:-10],
        lambda good: good.rpartition("|")[0] + "|",
        lambda good: good.rpartition("|")[0] + "|AAAA",
        lambda good: good.replace("|1|", "|9|"),
        lambda good: good.replace(":table/", ":table/other"),
        lambda good: good[:-20] + good[-20:].swapcase(),
        lambda good: "",
        lambda good: "x" * 2049,
    ],
    ids=["text", "cut", "empty", "short", "version", "table", "case", "nothing", "long"],
)
def test_iterator_that_was_not_given_is_refused(dynamodbstreams, busy, mangle):
    with invalid():
        dynamodbstreams.get_records(ShardIterator=mangle(busy))


def test_missing_iterator_is_refused(dynamodbstreams):
    with invalid() as refusal:
        dynamodbstreams.get_records()

    assert (
        "Value null at 'shardIterator' failed to satisfy constraint: Member must not be null"
        in refusal.message
    )


def test_page_ends_at_one_megabyte(dynamodb, dynamodbstreams, make_table):
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    for number in range(8):
        dynamodb.put_item(
            TableName=table["TableName"],
            Item={"pk": {"S": "a"}, "n": {"N": str(number)}, "f": {"S": "x" * 300_000}},
        )
    arn = table["LatestStreamArn"]

    found: list[int] = []
    iterators = [
        oldest(dynamodbstreams, arn, each["ShardId"]) for each in shards(dynamodbstreams, arn)
    ]
    for _ in range(LOOKS_MAX):
        pages = [dynamodbstreams.get_records(ShardIterator=each) for each in iterators]
        for page in pages:
            assert sum(record["dynamodb"]["SizeBytes"] for record in page["Records"]) <= 1_400_000
            found += numbers(page)
        if len(found) == 8:
            break
        iterators = [page["NextShardIterator"] for page in pages]

    assert found == list(range(8))


def test_page_has_a_thousand_records_at_most(dynamodb, dynamodbstreams, make_table):
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    table = make_table(
        **keys(("pk", "S"), ("sk", "N")),
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 900},
        StreamSpecification=stream,
    )
    for start in range(0, 1100, 25):
        requests = [
            {"PutRequest": {"Item": {"pk": {"S": "a"}, "sk": {"N": str(number)}}}}
            for number in range(start, start + 25)
        ]
        answer = dynamodb.batch_write_item(RequestItems={table["TableName"]: requests})
        assert answer["UnprocessedItems"] == {}

    (shard,) = shards(dynamodbstreams, table["LatestStreamArn"])
    iterator = oldest(dynamodbstreams, table["LatestStreamArn"], shard["ShardId"])
    counts: list[int] = []
    for _ in range(LOOKS_MAX):
        page = dynamodbstreams.get_records(ShardIterator=iterator)
        counts.append(len(page["Records"]))
        iterator = page["NextShardIterator"]
        if sum(counts) == 1100:
            break

    assert sum(counts) == 1100
    assert max(counts) <= 1000
