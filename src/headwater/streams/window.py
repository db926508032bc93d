"""Streams: windows over a table's log, from enabling to disabling, each with its label.

A stream outlives its table: it stays readable by its ARN until its entries are trimmed. Its shards
are those of the table's whose `stream_label` is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

import orjson

from headwater.arn import stream_arn, table_arn
from headwater.storage import keyspace
from headwater.storage.keyspace import TableId


class StreamStatus(StrEnum):
    ENABLING = "ENABLING"
    ENABLED = "ENABLED"
    DISABLING = "DISABLING"
    DISABLED = "DISABLED"


class ViewType(StrEnum):
    """What a stream's records show of a change beside its keys."""

    KEYS_ONLY = "KEYS_ONLY"
    NEW_IMAGE = "NEW_IMAGE"
    OLD_IMAGE = "OLD_IMAGE"
    NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


class AnyStream(Protocol):
    """What reading needs to know of a stream, be it a table's or one that clients put records into.

    label: of its shards, among those of its log; None if all are. keys: names of what its records'
    keys hold.
    table_name: of the table whose it is, or empty.
    """

    @property
    def table_name(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def table_id(self) -> TableId: ...

    @property
    def label(self) -> str | None: ...

    @property
    def keys(self) -> tuple[str, ...]: ...

    def arn(self, account: str) -> str: ...


@dataclass(frozen=True, slots=True)
class WholeLog:
    """All of a table's log, whichever streams show it: for readers that need no order of shards."""

    region: str
    table_id: TableId
    table_name: str
    keys: tuple[str, ...]
    label = None

    def arn(self, account: str) -> str:
        return table_arn(self.region, account, self.table_name)


@dataclass(frozen=True, slots=True)
class Stream:
    """One incarnation of a table's stream.

    keys: names of the partition key and, if there is one, the sort key. created_at, disabled_at:
    epoch seconds. is_whole: on since the table's creation. iterators_since_ms: milliseconds since
    the epoch; iterators issued before it are expired.
    """

    region: str
    table_name: str
    table_id: TableId
    label: str
    view: ViewType
    status: StreamStatus
    keys: tuple[str, ...]
    created_at: float
    disabled_at: float | None = None
    is_whole: bool = False
    iterators_since_ms: int = 0

    def issued_ms(self, now: float) -> int:
        """When an iterator made at an epoch second counts as issued: after those that expired."""
        return max(int(now * 1000), self.iterators_since_ms)

    @property
    def key(self) -> bytes:
        """Where the stream is stored."""
        return keyspace.stream(self.region, self.table_name, self.label)

    def arn(self, account: str) -> str:
        return stream_arn(self.region, account, self.table_name, self.label)


def label(created_at: float) -> str:
    """The label of a stream created at an epoch second: UTC to the millisecond, without a zone."""
    moment = datetime.fromtimestamp(int(created_at * 1000) / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"


def encode(stream: Stream) -> bytes:
    """The stored bytes of a stream."""
    return orjson.dumps(stream)


@lru_cache(maxsize=1024)
def decode(stored: bytes) -> Stream:
    """The stream of stored bytes; kept, since every page read asks for it."""
    fields: dict[str, Any] = orjson.loads(stored)
    fields["view"] = ViewType(fields["view"])
    fields["status"] = StreamStatus(fields["status"])
    fields["keys"] = tuple(fields["keys"])
    return Stream(**fields)
