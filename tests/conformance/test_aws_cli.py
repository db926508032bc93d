"""The AWS CLI: a table with a stream, from its creation to the end of the stream."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.aws_cli import PROGRAM, aws
from tests.conformance.definition import THROUGHPUT, keys

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="the AWS CLI is not installed")


@pytest.fixture(scope="module")
def table(dynamodb, unique_name) -> Iterator[dict[str, Any]]:
    """A table made by the CLI, of one partition and so of one shard: its description."""
    name = unique_name("cli")
    defined = keys(("pk", "S"), ("sk", "N"))
    described = aws(
        "dynamodb",
        "create-table",
        table_name=name,
        attribute_definitions=defined["AttributeDefinitions"],
        key_schema=defined["KeySchema"],
        provisioned_throughput=THROUGHPUT,
        stream_specification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    aws("dynamodb", "wait", "table-exists", table_name=name)
    yield described
    dynamodb.delete_table(TableName=name)


def test_items_written_are_queried(table):
    name = table["TableName"]
    item = {"pk": {"S": "queried"}, "sk": {"N": "1"}, "t": {"S": "text"}}

    written = aws(
        "dynamodb", "put-item", table_name=name, item=item, return_consumed_capacity="TOTAL"
    )
    got = aws("dynamodb", "get-item", table_name=name, key={"pk": item["pk"], "sk": item["sk"]})
    queried = aws(
        "dynamodb",
        "query",
        table_name=name,
        key_condition_expression="pk = :p AND sk > :s",
        expression_attribute_values={":p": {"S": "queried"}, ":s": {"N": "0"}},
        consistent_read=True,
    )

    assert written["ConsumedCapacity"] == {"TableName": name, "CapacityUnits": 1.0}
    assert got == {"Item": item}
    assert queried["Items"] == [item]


def test_stream_is_read_to_its_end(dynamodb, tables, table):
    name, arn = table["TableName"], table["LatestStreamArn"]
    item_key = {"pk": {"S": "streamed"}, "sk": {"N": "1"}}
    dynamodb.put_item(TableName=name, Item=item_key)
    dynamodb.delete_item(TableName=name, Key=item_key)

    aws("dynamodb", "update-table", table_name=name, stream_specification={"StreamEnabled": False})
    tables.wait(name)
    (listed,) = aws("dynamodbstreams", "list-streams", table_name=name)["Streams"]
    stream = aws("dynamodbstreams", "describe-stream", stream_arn=arn)["StreamDescription"]
    (shard,) = stream["Shards"]
    iterator = aws(
        "dynamodbstreams",
        "get-shard-iterator",
        stream_arn=arn,
        shard_id=shard["ShardId"],
        shard_iterator_type="TRIM_HORIZON",
    )["ShardIterator"]
    page = aws("dynamodbstreams", "get-records", shard_iterator=iterator)

    assert listed["StreamArn"] == arn
    assert stream["StreamStatus"] == "DISABLED"
    assert "NextShardIterator" not in page
    events = [
        record["eventName"] for record in page["Records"] if record["dynamodb"]["Keys"] == item_key
    ]
    assert events == ["INSERT", "REMOVE"]
