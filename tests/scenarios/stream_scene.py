"""A stream that workers in other processes consume, and what they have told.

The stream is a table's, whose items change, or one of data that records are put into.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

import pytest

from headwater.testing.lab import Lab
from tests.scenarios.commands import STREAM, TABLE, clients
from tests.scenarios.told import Told

KEYS = [f"key-{number}" for number in range(12)]
WAIT_SECONDS_MAX = 300
DATA_STREAM = "clicks"


class Source(Protocol):
    """What has the stream. name: what its readers ask for it by."""

    name: str

    def put(self, key: str, count: int) -> None:
        """Have a record of a key and a count."""

    def split(self, shard: str) -> list[str]:
        """Split a shard in the middle; returns its children."""

    def close(self) -> None:
        """Close its client."""


class TableSource:
    """A table with a stream, whose ARN is the name; its records are the changes of its items."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._tables = clients(endpoint)
        made = self._tables.create_table(**TABLE, StreamSpecification=STREAM)
        self.name: str = made["TableDescription"]["LatestStreamArn"]
        self._tables.get_waiter("table_exists").wait(TableName=TABLE["TableName"])

    def put(self, key: str, count: int) -> None:
        item = {"pk": {"S": key}, "n": {"N": str(count)}}
        self._tables.put_item(TableName=TABLE["TableName"], Item=item)

    def split(self, shard: str) -> list[str]:
        with closing(Lab(self._endpoint)) as lab:
            return lab.split(self.name, shard)

    def close(self) -> None:
        self._tables.close()


class DataSource:
    """A data stream of two shards; the data of a record is a key and a count."""

    name = DATA_STREAM

    def __init__(self, endpoint: str) -> None:
        self._streams = clients(endpoint, "kinesis")
        self._streams.create_stream(StreamName=self.name, ShardCount=2)
        self._become_active()

    def put(self, key: str, count: int) -> None:
        data = f"{key} {count}".encode()
        self._streams.put_record(StreamName=self.name, PartitionKey=key, Data=data)

    def split(self, shard: str) -> list[str]:
        (found,) = (each for each in self._shards() if each["ShardId"] == shard)
        hashes = found["HashKeyRange"]
        middle = (int(hashes["StartingHashKey"]) + int(hashes["EndingHashKey"])) // 2
        self._streams.split_shard(
            StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(middle)
        )
        self._become_active()
        return [each["ShardId"] for each in self._shards() if each.get("ParentShardId") == shard]

    def merge(self, shard: str, adjacent: str) -> str:
        """Merge two shards whose ranges meet; returns their child."""
        self._streams.merge_shards(
            StreamName=self.name, ShardToMerge=shard, AdjacentShardToMerge=adjacent
        )
        self._become_active()
        parents = {shard, adjacent}
        (child,) = (each for each in self._shards() if parents == _parents(each))
        found: str = child["ShardId"]
        return found

    def close(self) -> None:
        self._streams.close()

    def _shards(self) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = self._streams.list_shards(StreamName=self.name)["Shards"]
        return shards

    def _become_active(self) -> None:
        self._streams.get_waiter("stream_exists").wait(
            StreamName=self.name, WaiterConfig={"Delay": 1}
        )


def _parents(shard: dict[str, Any]) -> set[str]:
    names = ("ParentShardId", "AdjacentParentShardId")
    return {shard[name] for name in names if name in shard}


class Scene:
    """The stream, with so many records of each key, and the workers' lines."""

    def __init__(self, endpoint: str, source: Source) -> None:
        self.endpoint = endpoint
        self.tables = clients(endpoint)
        self.source = source
        self.told = Told()
        self._counts = dict.fromkeys(KEYS, 0)

    def close(self) -> None:
        self.tables.close()
        self.source.close()

    def write(self) -> None:
        """Have one more record of every key."""
        for key in KEYS:
            self._counts[key] += 1
            self.source.put(key, self._counts[key])

    def owners(self, application: str) -> dict[str, str]:
        """Who has each shard that is not finished, by the lease table."""
        items = self.tables.scan(TableName=application, ConsistentRead=True)["Items"]
        return {
            item["leaseKey"]["S"]: item["leaseOwner"]["S"]
            for item in items
            if "leaseOwner" in item and item["checkpoint"]["S"] != "SHARD_END"
        }

    def until(self, what: str, holds: Callable[[], object]) -> None:
        if not self.told.wait(lambda: bool(holds()), WAIT_SECONDS_MAX):
            said = "\n".join(f"{name}: {' '.join(words)}" for name, words in self.told.lines)
            pytest.fail(f"{what} never came:\n{said}")

    def until_all_is_read(self, what: str) -> None:
        wanted = {(key, n) for key, count in self._counts.items() for n in range(1, count + 1)}
        self.until(what, lambda: wanted <= set(self._records()))

    def check_order(self) -> None:
        """No count of a key jumps ahead: a repeat may go back, none leaves any out."""
        reached = dict.fromkeys(KEYS, 0)
        for key, count in self._records():
            assert count <= reached[key] + 1, f"{key}: {count} after {reached[key]}"
            reached[key] = max(reached[key], count)

    def _records(self) -> list[tuple[str, int]]:
        return [(key, int(count)) for _, key, count in self.told.words("record")]
