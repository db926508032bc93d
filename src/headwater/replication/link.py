"""A link: from one replica of a global table to another. What is stored of it.

source, target: the tables, by region and id; both have the name. label: of the stream that is read.
is_started: positions in the stream are set, so its records may be read.
must_scan: the target may lack what the log no longer has, so everything is to be sent to it.
sound_us: microseconds since the epoch; what was written before has been delivered, unless the
target is to be sent everything anyway.

scan_began_us, scanned: when the scan under way began, and up to which key it has come; 0 and empty
while there is none.

Of a target on another server, whose own links are stored there:

is_remote: it is one. has_met: it knows of the source. has_filled: it has sent the source
everything. heard_us: what it took before that moment is with all others; None while it sends to one
of them everything, or has not said.

The stored form is JSON of the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.streams import listing
from headwater.tables.schema import Replica, Table

_VERSION: Final = 1
_CONSUMER: Final = "replica/"
TOPIC: Final = delivery_keys.every_link_span()[0]
"""Woken when links, or the replicas they join, have changed."""


@dataclass(frozen=True, slots=True)
class End:
    """One of the two tables."""

    region: str
    table_id: TableId


@dataclass(frozen=True, slots=True)
class Link:
    """See the module."""

    name: str
    source: End
    target: End
    label: str
    is_started: bool
    must_scan: bool
    sound_us: int
    scan_began_us: int = 0
    scanned: str = ""
    is_remote: bool = False
    has_met: bool = False
    has_filled: bool = False
    heard_us: int | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its records may be sent."""
        return self.is_started and (self.has_met or not self.is_remote)

    @property
    def key(self) -> bytes:
        return delivery_keys.link(self.source.table_id, self.target.table_id)

    @property
    def source_key(self) -> bytes:
        """Where the source table is stored."""
        return keyspace.table(self.source.region, self.name)

    @property
    def target_key(self) -> bytes:
        return keyspace.table(self.target.region, self.name)

    @property
    def stream_key(self) -> bytes:
        return keyspace.stream(self.source.region, self.name, self.label)

    @property
    def consumer(self) -> str:
        """What its positions are stored under; the lab's faults know it by the target's id."""
        return f"{_CONSUMER}{self.source.table_id}/{self.target.table_id}"


def new(source: Table, target: Replica, now_us: int, *, must_scan: bool) -> Link:
    """A link that begins at what is written now; or, without a scan, with the stream."""
    assert source.stream is not None, "a global table has a stream"
    return Link(
        source.name,
        end_of(source),
        end_of(target),
        source.stream.label,
        is_started=not must_scan,
        must_scan=must_scan,
        sound_us=now_us,
        is_remote=target.is_remote,
    )


def end_of(table: Table | Replica) -> End:
    return End(table.region, table.table_id)


def is_link(consumer: str) -> bool:
    """Whether positions of this name are a link's."""
    return consumer.startswith(_CONSUMER)


def put(view: View, link: Link) -> None:
    view.put(link.key, encode(link))
    view.wake(TOPIC)


def encode(link: Link) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(link)})


def decode(stored: bytes) -> Link:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored link has a version this code does not know"
    fields["source"] = End(**fields["source"])
    fields["target"] = End(**fields["target"])
    return Link(**fields)


async def every(engine: Engine) -> Sequence[Link]:
    """All links of a store."""
    found = listing.entries(engine, delivery_keys.every_link_span())
    return [decode(stored) async for _, stored in found]
