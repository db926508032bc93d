"""A consumer outside the server: it reads a table's stream, remembers all of it, survives kills.

What it has read once must stay true: it goes on behind the last record it saw of each shard,
parents before children, and checks that numbers grow and that each old image is the image before.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from headwater.cli.client import Client


class Untrue(AssertionError):
    """A stream has told something that does not follow from what it told before."""


class Follower:
    """told: by key, its records: sequence number, kind, the new image's number, who made it."""

    def __init__(self, table: str) -> None:
        self.told: dict[str, list[tuple[str, str, int | None, bool]]] = defaultdict(list)
        self.records = 0
        self._table = table
        self._images: dict[str, Any] = {}
        self._last: dict[str, str] = {}

    async def read(self, client: Client) -> None:
        """Read everything that is new."""
        described = await client.call("dynamodb", "DescribeTable", {"TableName": self._table})
        arn = described["Table"]["LatestStreamArn"]
        for shard in await _shards(client, arn):
            await self._read_shard(client, arn, shard)

    async def _read_shard(self, client: Client, arn: str, shard: dict[str, Any]) -> None:
        shard_id = shard["ShardId"]
        last = self._last.get(shard_id)
        if last is not None and last == shard["SequenceNumberRange"].get("EndingSequenceNumber"):
            return
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if last is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        asked = {"StreamArn": arn, "ShardId": shard_id, **start}
        answer = await client.call("dynamodbstreams", "GetShardIterator", asked)
        iterator = answer["ShardIterator"]
        while iterator is not None:
            page = await client.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            for record in page["Records"]:
                self._take(shard, record)
            iterator = page.get("NextShardIterator") if page["Records"] else None

    def _take(self, shard: dict[str, Any], record: dict[str, Any]) -> None:
        change, shard_id = record["dynamodb"], shard["ShardId"]
        number = change["SequenceNumber"]
        key = "/".join(str(next(iter(value.values()))) for value in change["Keys"].values())
        before = self._last.get(shard_id) or self._last.get(shard.get("ParentShardId", ""))
        if before is not None and int(before) >= int(number):
            raise Untrue(f"{shard_id}: {number} follows {before}")
        if change.get("OldImage") != self._images.get(key):
            raise Untrue(f"{shard_id} {number}: the old image of {key} is not the image before")
        new = change.get("NewImage")
        self._images[key] = new
        self._last[shard_id] = number
        value = None if new is None else int(new["n"]["N"])
        is_by_service = record.get("userIdentity", {}).get("Type") == "Service"
        self.told[key].append((number, record["eventName"], value, is_by_service))
        self.records += 1


async def _shards(client: Client, arn: str) -> list[dict[str, Any]]:
    """All shards of a stream, parents before children."""
    shards: dict[str, dict[str, Any]] = {}
    start: dict[str, str] = {}
    while True:
        asked = {"StreamArn": arn, **start}
        answer = await client.call("dynamodbstreams", "DescribeStream", asked)
        described = answer["StreamDescription"]
        shards |= {shard["ShardId"]: shard for shard in described["Shards"]}
        if "LastEvaluatedShardId" not in described:
            break
        start = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}
    ordered: dict[str, dict[str, Any]] = {}

    def place(shard: dict[str, Any]) -> None:
        parent = shards.get(shard.get("ParentShardId", ""))
        if parent is not None and parent["ShardId"] not in ordered:
            place(parent)
        ordered.setdefault(shard["ShardId"], shard)

    for shard in shards.values():
        place(shard)
    return list(ordered.values())
