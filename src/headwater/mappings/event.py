"""Records as the event a function is given, and how large they are there.

Shape: Lambda Developer Guide, "Using Lambda to process records from Amazon DynamoDB Streams".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import orjson

from headwater.consumers.delivery import Batch
from headwater.limits import KB, window_state_bytes_max
from headwater.storage.keyspace import ShardId
from headwater.streams import render
from headwater.streams.log import Stored
from headwater.streams.window import Stream

_OPEN: Final = b'{"Records":['
_CLOSE: Final = b"]}"
FRAME_BYTES: Final = len(_OPEN) + len(_CLOSE)
# What a window adds: its members, at their longest, and the largest state that goes on.
WINDOW_BYTES: Final = window_state_bytes_max + KB


class Records(Protocol):
    """The records of one stream, as events hold them."""

    def records(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        """Each record of a shard as an event holds it."""

    def seen(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        """Each record of a shard as a filter sees it."""

    def size(self, entry: bytes) -> int:
        """The bytes a stored entry adds to an event, or a few more."""


class Events:
    """The events of one stream."""

    def __init__(self, records: Records, stream_arn: str) -> None:
        self.records = records
        self._stream_arn = stream_arn

    def event(self, batch: Batch) -> bytes:
        """The payload for a batch."""
        records = self.records.records(batch.shard_id, batch.entries)
        return render.framed(_OPEN, records, self._close(batch))

    def _close(self, batch: Batch) -> bytes:
        """What follows the records: of a window, where it stands."""
        window = batch.window
        if window is None:
            return _CLOSE
        members = {
            "window": {"start": _moment(window.start_us), "end": _moment(window.end_us)},
            "state": orjson.Fragment(window.state or b"{}"),
            "shardId": batch.shard_id,
            "eventSourceARN": self._stream_arn,
            "isFinalInvokeForWindow": batch.is_closing,
            "isWindowTerminatedEarly": batch.is_early,
        }
        return b"]," + orjson.dumps(members)[1:]


class Changes:
    """The records of a table's stream."""

    def __init__(self, stream: Stream, stream_arn: str) -> None:
        self._style = render.event_style(stream.region, stream.view, stream_arn)

    def records(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        return render.events(self._style, shard_id, records)

    def seen(self, shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        return self.records(shard_id, records)

    def size(self, entry: bytes) -> int:
        return render.event_bytes(self._style, entry)


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
