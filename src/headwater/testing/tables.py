"""Tables made for tests, and their streams read from end to end.

Items and records are in DynamoDB's JSON, as boto3's clients have them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from headwater.testing.wire import Wire

BOTH_IMAGES: Final = "NEW_AND_OLD_IMAGES"
_LOOK_SECONDS: Final = 0.002

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that is active. stream_arn: None without a stream."""

    name: str
    arn: str
    stream_arn: str | None

    def __str__(self) -> str:
        """The name, as SDKs take it."""
        return self.name


def create_table(
    wire: Wire,
    name: str,
    partition_key: str = "pk",
    sort_key: str | None = None,
    stream: str | None = BOTH_IMAGES,
    **parameters: Any,
) -> Table:
    """Create a table and return it once it is active.

    Keys are texts, or another type that follows their name: `count:N`. stream: its view type, or
    None for no stream. parameters: more of CreateTable's, which win over what is said here.
    """
    attributes = [each.partition(":") for each in (partition_key, sort_key) if each is not None]
    kinds = ("HASH", "RANGE")
    wanted: dict[str, Any] = {
        "TableName": name,
        "KeySchema": [
            {"AttributeName": attribute, "KeyType": kind}
            for (attribute, _, _), kind in zip(attributes, kinds, strict=False)
        ],
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": type_ or "S"}
            for attribute, _, type_ in attributes
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if stream is not None:
        wanted["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    described = wire.call("dynamodb", "CreateTable", **(wanted | parameters))["TableDescription"]
    while described["TableStatus"] != "ACTIVE":
        time.sleep(_LOOK_SECONDS)
        described = wire.call("dynamodb", "DescribeTable", TableName=name)["Table"]
    return Table(name, described["TableArn"], described.get("LatestStreamArn"))


def stream_records(wire: Wire, stream_arn: str) -> list[Record]:
    """All records that are in a stream now, parents before their children.

    So the records of each item come in their order; those of different items need not.
    """
    return [
        record
        for shard in _parents_first(list(_shards(wire, stream_arn)))
        for record in _records(wire, stream_arn, shard["ShardId"])
    ]


def _shards(wire: Wire, stream_arn: str) -> Iterator[dict[str, Any]]:
    start: dict[str, str] = {}
    while True:
        asked = {"StreamArn": stream_arn, **start}
        page = wire.call("dynamodbstreams", "DescribeStream", **asked)["StreamDescription"]
        yield from page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def _parents_first(shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shards in the order of their openings; a child opens later than its parent."""
    return sorted(
        shards, key=lambda shard: int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
    )


def _records(wire: Wire, stream_arn: str, shard_id: str) -> Iterator[Record]:
    """What a shard holds up to now: an open one ends with the first page that has nothing."""
    asked = {"StreamArn": stream_arn, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
    iterator: str | None = wire.call("dynamodbstreams", "GetShardIterator", **asked)[
        "ShardIterator"
    ]
    while iterator is not None:
        page = wire.call("dynamodbstreams", "GetRecords", ShardIterator=iterator)
        yield from page["Records"]
        iterator = page.get("NextShardIterator") if page["Records"] else None
