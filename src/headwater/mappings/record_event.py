"""Records of data streams as the event a function is given.

For a filter a record's data is what it says, where it says it in JSON, and the members beside it
stand at the top as well.
Shape: Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams"
and "Using event filtering with a Kinesis event source".
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any, Final

import orjson

from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams.log import Stored
from headwater.streams.shard import sequence_text

_FRAME_BYTES: Final = 512  # of a record's members beside its key, its data and ARNs


class DataRecords:
    """The records of one data stream. role: of whoever invokes the function."""

    def __init__(self, region: str, stream_arn: str, role: str) -> None:
        self._around = {
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": region,
            "eventSourceARN": stream_arn,
        }
        self._overhead = _FRAME_BYTES + len(stream_arn) + len(role)

    def records(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        return [orjson.dumps(self._record(shard_id, each)) for each in records]

    def seen(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        return [self._seen(shard_id, each) for each in records]

    def size(self, entry: bytes) -> int:
        decoded = entries.decode(entry)
        key = len(orjson.dumps(decoded.keys.body.decode()))
        return self._overhead + key + (len(decoded.new.body) + 2) // 3 * 4

    def _record(self, shard_id: ShardId, stored: Stored) -> dict[str, Any]:
        entry = entries.decode(stored.entry)
        number = sequence_text(stored.number, shard_id)
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": entry.keys.body.decode(),
                "sequenceNumber": number,
                "data": b2a_base64(entry.new.body, newline=False).decode(),
                "approximateArrivalTimestamp": entry.time_us // 1000 / 1000,
            },
            "eventID": f"{shard_id}:{number}",
            **self._around,
        }

    def _seen(self, shard_id: ShardId, stored: Stored) -> bytes:
        record = self._record(shard_id, stored)
        inner = {**record["kinesis"], "data": _said(entries.decode(stored.entry).new.body)}
        return orjson.dumps({**record, **inner, "kinesis": inner})


def _said(data: bytes) -> Any:
    """What data says: its JSON, else its text, else its base64."""
    try:
        orjson.loads(b'{"kinesis":{"data":%b}}' % data)  # what is too deep there is only a text
        return orjson.Fragment(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return b2a_base64(data, newline=False).decode()
