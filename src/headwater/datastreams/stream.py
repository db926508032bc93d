"""What a data stream is: its name, mode, retention and open shards.

The stored form is JSON of the fields; hashes have 128 bits and are stored as text. `version` grows
with every change, so that a state which passes is ended only if nothing has come between.

A record goes to the open shard that has its hash: the MD5 of its partition key as a number, or the
one that the client says.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson

from headwater.arn import data_stream_arn
from headwater.limits import data_stream_record_kib_default, data_stream_retention_hours_min
from headwater.storage import keyspace
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import listing

HASH_KEY_MAX: Final = 2**128 - 1
LABEL: Final = "records"
"""What the shards of data streams have as their stream's label."""

_VERSION: Final = 1
_HOUR_SECONDS: Final = 3600


class StreamMode(StrEnum):
    PROVISIONED = "PROVISIONED"
    ON_DEMAND = "ON_DEMAND"


class DataStreamStatus(StrEnum):
    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    DELETING = "DELETING"

    @property
    def is_at_rest(self) -> bool:
        return self is DataStreamStatus.ACTIVE

    @property
    def takes_records(self) -> bool:
        return self in (DataStreamStatus.ACTIVE, DataStreamStatus.UPDATING)


@dataclass(frozen=True, slots=True)
class OpenShard:
    """An open shard: the first hash of its range, and the lane of its numbers."""

    start: int
    shard_id: ShardId
    lane: int


def _start(shard: OpenShard) -> int:
    return shard.start


@dataclass(frozen=True, slots=True)
class DataStream:
    """A data stream; see the module.

    table_id: its id, under which its log is stored. shards: in the order of their ranges.
    next_shard, next_lane: of the shard that opens next. created_at: epoch seconds.
    iterators_since_ms: milliseconds since the epoch; iterators issued before it are expired.
    """

    region: str
    name: str
    table_id: TableId
    mode: StreamMode
    status: DataStreamStatus
    created_at: float
    retention_hours: int = data_stream_retention_hours_min
    record_kib_max: int = data_stream_record_kib_default
    shards: tuple[OpenShard, ...] = ()
    next_shard: int = 0
    next_lane: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    version: int = 1
    iterators_since_ms: int = 0

    label = LABEL
    keys = ("PartitionKey",)
    table_name = ""

    @property
    def key(self) -> bytes:
        """Where the stream is stored."""
        return keyspace.data_stream(self.region, self.name)

    @property
    def retention_seconds(self) -> float:
        return self.retention_hours * _HOUR_SECONDS

    def arn(self, account: str) -> str:
        return data_stream_arn(self.region, account, self.name)

    def issued_ms(self, now: float) -> int:
        """When an iterator made at an epoch second counts as issued: after those that expired."""
        return max(int(now * 1000), self.iterators_since_ms)

    def horizon_us(self, now: float) -> int:
        """Microseconds since the epoch before which records cannot be read any more."""
        return listing.horizon_us(now, self.retention_seconds)

    def shard_of(self, hashed: int) -> OpenShard:
        """The open shard that has a hash."""
        return self.shards[bisect_right(self.shards, hashed, key=_start) - 1]

    def end_of(self, shard: OpenShard) -> int:
        """The last hash of an open shard's range."""
        following = bisect_right(self.shards, shard.start, key=_start)
        return HASH_KEY_MAX if following == len(self.shards) else self.shards[following].start - 1

    def changed(self, **fields: Any) -> DataStream:
        return replace(self, **fields, version=self.version + 1)


def hash_key(partition_key: str) -> int:
    """The hash of a partition key, of 128 bits."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def encode(stream: DataStream) -> bytes:
    """The stored bytes of a data stream."""
    fields = asdict(stream)
    for shard in fields["shards"]:
        shard["start"] = str(shard["start"])
    return orjson.dumps({"v": _VERSION, **fields})


@lru_cache(maxsize=1024)
def decode(stored: bytes) -> DataStream:
    """The data stream of stored bytes; kept, since every record put asks for it."""
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored data stream has a version this code does not know"
    fields["mode"] = StreamMode(fields["mode"])
    fields["status"] = DataStreamStatus(fields["status"])
    fields["shards"] = tuple(
        OpenShard(int(each["start"]), ShardId(each["shard_id"]), each["lane"])
        for each in fields["shards"]
    )
    return DataStream(**fields)
