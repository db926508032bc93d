"""Following a table's stream until what a test waits for has come.

Nothing sleeps: a follower reads every shard from where it stopped, again and again up to a limit,
so that a record which AWS shows late is still found and one that never comes fails the test.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.conftest import LOOKS_MAX

Record = dict[str, Any]


class Follower:
    """Reads one stream onwards from its start and remembers its records by partition key `pk`."""

    def __init__(self, client: Any, stream_arn: str) -> None:
        self._client = client
        self.stream_arn = stream_arn
        self._records: dict[str, list[Record]] = defaultdict(list)
        self._iterators: dict[str, str] = {}
        self._seen: set[str] = set()

    def records(self, key: str, count: int) -> list[Record]:
        """The records of a partition key in the order of their shard, at least this many."""
        for _ in range(LOOKS_MAX):
            if len(self._records[key]) >= count:
                return self._records[key]
            self._read_on()
        raise AssertionError(f"{len(self._records[key])} records of {key}, not {count}")

    def _read_on(self) -> None:
        for shard in shards(self._client, self.stream_arn):
            if shard["ShardId"] not in self._seen:
                self._seen.add(shard["ShardId"])
                self._iterators[shard["ShardId"]] = oldest(
                    self._client, self.stream_arn, shard["ShardId"]
                )
        for shard_id, iterator in list(self._iterators.items()):
            page = self._client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                self._records[record["dynamodb"]["Keys"]["pk"]["S"]].append(record)
            if "NextShardIterator" in page:
                self._iterators[shard_id] = page["NextShardIterator"]
            else:
                del self._iterators[shard_id]


def shards(client: Any, stream_arn: str) -> list[dict[str, Any]]:
    """Every shard of a stream, page by page."""
    found: list[dict[str, Any]] = []
    start: dict[str, str] = {}
    while True:
        described = client.describe_stream(StreamArn=stream_arn, **start)["StreamDescription"]
        found += described["Shards"]
        if "LastEvaluatedShardId" not in described:
            return found
        start = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}


def oldest(client: Any, stream_arn: str, shard_id: str) -> str:
    """An iterator at the oldest record of a shard."""
    return str(
        client.get_shard_iterator(
            StreamArn=stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    )


def read_to_end(client: Any, stream_arn: str) -> list[Record]:
    """Everything in a stream whose shards are all closed."""
    found: list[Record] = []
    for shard in shards(client, stream_arn):
        iterator: str | None = oldest(client, stream_arn, shard["ShardId"])
        for _ in range(LOOKS_MAX):
            if iterator is None:
                break
            page = client.get_records(ShardIterator=iterator)
            found += page["Records"]
            iterator = page.get("NextShardIterator")
        assert iterator is None, f"{shard['ShardId']} has no end"
    return found
