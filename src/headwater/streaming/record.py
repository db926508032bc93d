"""A change as the record that a data stream gets: JSON, with both images always.

Shape: observed on AWS. The id of an event is the same at every delivery, so that whoever meets a
record twice can tell.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from uuid import UUID

import orjson

from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams.log import Stored

_BY_SERVICE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_MICROSECOND: Final = "MICROSECOND"
FRAME_BYTES: Final = 512  # of a record beside its images and its table's name


def data(table: tuple[str, str], shard_id: ShardId, stored: Stored, precision: str | None) -> bytes:
    """A change's record; table: its region and its name. precision: as it was asked for."""
    region, name = table
    entry = entries.decode(stored.entry)
    is_fine = precision == _MICROSECOND
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": entry.time_us if is_fine else entry.time_us // 1000
    }
    if precision is not None:
        change["ApproximateCreationDateTimePrecision"] = precision
    change["Keys"] = orjson.Fragment(entry.keys.body)
    if entry.new.body:
        change["NewImage"] = orjson.Fragment(entry.new.body)
    if entry.old.body:
        change["OldImage"] = orjson.Fragment(entry.old.body)
    change["SizeBytes"] = entry.keys.size + entry.new.size + entry.old.size
    return orjson.dumps(
        {
            "awsRegion": region,
            "eventID": _event_id(shard_id, stored.number),
            "eventName": entry.kind.name,
            "userIdentity": _BY_SERVICE if entry.is_by_service else None,
            "recordFormat": "application/json",
            "tableName": name,
            "dynamodb": change,
            "eventSource": "aws:dynamodb",
        }
    )


def partition_key(table_name: str, entry: bytes) -> str:
    """The key that all changes of an item have."""
    content = table_name.encode() + b"\x00" + entries.keys_of(entry)
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper()


def _event_id(shard_id: ShardId, number: int) -> str:
    content = f"{shard_id}/{number}".encode()
    return str(UUID(bytes=hashlib.blake2b(content, digest_size=16).digest(), version=4))
