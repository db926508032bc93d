"""The demo's proofs, made from what any client can read: the tables, and the stream from its start.

Each proof is a claim with what was counted and, where it fails, the first thing found wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.cli.client import Client
from headwater.cli.demo.history import File
from headwater.cli.demo.replay import item

Item = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim, how many things were compared for it, and the first fault found, if any."""

    claim: str
    count: int
    fault: str | None

    @property
    def holds(self) -> bool:
        return self.fault is None


@dataclass(frozen=True, slots=True)
class ShardRecords:
    """A shard of the stream and all its records, oldest first."""

    shard_id: str
    parent: str | None
    is_open: bool
    records: Sequence[Mapping[str, Any]]


async def items(client: Client, table: str) -> AsyncIterator[Item]:
    """Every item of a table."""
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        page = await client.call("dynamodb", "Scan", request)
        for found in page["Items"]:
            yield found
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


async def stream(client: Client, arn: str) -> list[ShardRecords]:
    """Every shard of a stream with every record in it, parents before children."""
    described: list[Mapping[str, Any]] = []
    request: dict[str, Any] = {"StreamArn": arn}
    while True:
        page = (await client.call("dynamodbstreams", "DescribeStream", request))[
            "StreamDescription"
        ]
        described.extend(page["Shards"])
        if "LastEvaluatedShardId" not in page:
            break
        request["ExclusiveStartShardId"] = page["LastEvaluatedShardId"]
    return [await _read_shard(client, arn, shard) for shard in described]


async def _read_shard(client: Client, arn: str, shard: Mapping[str, Any]) -> ShardRecords:
    place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await client.call("dynamodbstreams", "GetShardIterator", place))["ShardIterator"]
    is_open = "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    records: list[Mapping[str, Any]] = []
    while iterator is not None:
        page = await client.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
        records.extend(page["Records"])
        iterator = page.get("NextShardIterator")
        if is_open and not page["Records"]:
            break
    return ShardRecords(shard["ShardId"], shard.get("ParentShardId"), is_open, records)


def files_equal_tree(found: Iterable[Item], tree: Sequence[File]) -> Proof:
    """The table `files` holds what `git ls-tree` lists, blob, mode and size alike."""
    expected = {
        (file.folder, file.path): {
            name: value
            for name, value in item(file, "", 0).items()
            if name not in ("commit", "time")
        }
        for file in tree
    }
    actual = {
        key_of(each): {name: each[name] for name in each if name not in ("commit", "time")}
        for each in found
    }
    return Proof("files equals git ls-tree -r HEAD", len(tree), difference(actual, expected))


def totals_equal_tree(found: Iterable[Item], tree: Sequence[File]) -> Proof:
    """The table `totals` counts the files and bytes of each folder and extension."""
    expected: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for file in tree:
        total = expected[file.folder, file.extension or "(none)"]
        total[0] += 1
        total[1] += file.size
    actual = {
        (each["folder"]["S"], each["extension"]["S"]): [
            int(each["files"]["N"]),
            int(each["bytes"]["N"]),
        ]
        for each in found
    }
    # What has come and gone leaves a total of nothing behind.
    left = {key: total for key, total in actual.items() if total != [0, 0]}
    return Proof(
        "totals equals what the tree adds up to", len(expected), difference(left, expected)
    )


def stream_replays(shards: Sequence[ShardRecords], found: Iterable[Item]) -> Proof:
    """Applying every record from the stream's start gives the table."""
    state: dict[Key, Item] = {}
    count = 0
    for record in records(shards):
        count += 1
        change = record["dynamodb"]
        if "NewImage" in change:
            state[key_of(change["Keys"])] = change["NewImage"]
        else:
            state.pop(key_of(change["Keys"]), None)
    actual = {key_of(each): each for each in found}
    return Proof("replaying the stream gives files", count, difference(state, actual))


def no_gap_no_duplicate(shards: Sequence[ShardRecords], written: int) -> Proof:
    """Each record starts where the item's last one ended, and there is one for each change."""
    claim = "no gap and no duplicate: each old image is the image before"
    state: dict[Key, Item] = {}
    seen: set[str] = set()
    for record in records(shards):
        change = record["dynamodb"]
        key = key_of(change["Keys"])
        if record["eventID"] in seen:
            return Proof(claim, len(seen), f"{record['eventID']} came twice")
        seen.add(record["eventID"])
        if change.get("OldImage") != state.get(key):
            return Proof(claim, len(seen), f"{key[1]}: the old image is not the one before")
        if "NewImage" in change:
            state[key] = change["NewImage"]
        elif state.pop(key, None) is None:
            return Proof(claim, len(seen), f"{key[1]}: removed, but it was not there")
    fault = None if len(seen) == written else f"{written} changes made, {len(seen)} records"
    return Proof(claim, len(seen), fault)


def order_kept(shards: Sequence[ShardRecords]) -> Proof:
    """Sequence numbers grow within every shard and from parent to child."""
    claim = "order kept per item: sequence numbers grow along every lineage"
    last: dict[str, int] = {}
    count = 0
    for shard in shards:
        number = last.get(shard.parent or "", 0)
        for record in shard.records:
            count += 1
            following = int(record["dynamodb"]["SequenceNumber"])
            if following <= number:
                return Proof(claim, count, f"{shard.shard_id}: {following} follows {number}")
            number = following
        last[shard.shard_id] = number
    return Proof(claim, count, None)


def records(shards: Sequence[ShardRecords]) -> Iterable[Mapping[str, Any]]:
    """All records; those of one item in order, since parents are listed before their children."""
    return (record for shard in shards for record in shard.records)


def key_of(attributes: Item) -> Key:
    """The key of an item of `files`."""
    return attributes["folder"]["S"], attributes["path"]["S"]


def difference(actual: Mapping[Key, Any], expected: Mapping[Key, Any]) -> str | None:
    """The first key in which two tables differ, or None."""
    for key in sorted(actual.keys() | expected.keys()):
        if key not in actual:
            return f"{'/'.join(key)} is missing"
        if key not in expected:
            return f"{'/'.join(key)} should not be there"
        if actual[key] != expected[key]:
            return f"{'/'.join(key)} is {actual[key]}, not {expected[key]}"
    return None
