"""A sink: which table's changes flow where, in what manner. What is stored of it.

`state` is what a client has asked for, or what has become of it:

    state       told as        when
    ----------  -------------  ----------------------------------------------------------------
    RUNNING     BACKFILLING    the items that were there at its start are still being written
    RUNNING     RUNNING        records of the stream are written as they come
    PAUSED      PAUSED         by a client; goes on from where it is
    STOPPED     STOPPED        its destination cannot take anything more; `reason` says why
    DELETING    DELETING       by a client; gone once nobody writes any more

`round` counts the times it has begun: at its creation and with every replay. Positions, and what a
writer notes, are those of a round. `version` grows with everything that makes readers start anew.
The stored form is JSON of the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson

from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.streams import listing

_VERSION: Final = 1
_CONSUMER: Final = "sink/"
TOPIC: Final = delivery_keys.every_sink_span()[0]
"""Woken when a sink has changed."""


class State(StrEnum):
    """See the module."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    DELETING = "DELETING"


BACKFILLING: Final = "BACKFILLING"


class Start(StrEnum):
    """Where a round begins. BACKFILL: with the items, then everything written since.

    AT_TIMESTAMP: with the first record that is not older than a moment; of rounds after the first.
    """

    BACKFILL = "BACKFILL"
    TRIM_HORIZON = "TRIM_HORIZON"
    LATEST = "LATEST"
    AT_TIMESTAMP = "AT_TIMESTAMP"


@dataclass(frozen=True, slots=True)
class Manner:
    """What of a sink can be changed.

    settings: of its kind. batch_records_max, batch_bytes_max, window_seconds: what makes a batch.
    patterns: of records to see; none is all. transform: a JMESPath expression, or empty.
    function: of the region, with its qualifier if it has one, that transforms; or empty.
    failure_destination: an ARN, or empty.
    """

    settings: Mapping[str, Any]
    batch_records_max: int
    batch_bytes_max: int
    window_seconds: float
    patterns: tuple[str, ...] = ()
    transform: str = ""
    function: str = ""
    failure_destination: str = ""


@dataclass(frozen=True, slots=True)
class Sink:
    """See the module.

    label: of the stream that is read. must_fill: items are still to be written.
    is_configured: it comes from the configuration file. created_at, changed_at: epoch seconds.
    start_at: the epoch second that a round begins at, of one that begins so.
    """

    region: str
    name: str
    sink_id: str
    kind: str
    table_name: str
    table_id: TableId
    label: str
    start: Start
    manner: Manner
    state: State
    must_fill: bool
    created_at: float
    changed_at: float
    reason: str = ""
    is_configured: bool = False
    round: int = 1
    version: int = 1
    start_at: float | None = None

    @property
    def key(self) -> bytes:
        return delivery_keys.sink(self.region, self.name)

    @property
    def progress_key(self) -> bytes:
        """Where it is stored how far items have been written."""
        return delivery_keys.sink_progress(self.sink_id)

    @property
    def stream_key(self) -> bytes:
        return keyspace.stream(self.region, self.table_name, self.label)

    @property
    def table_key(self) -> bytes:
        return keyspace.table(self.region, self.table_name)

    @property
    def consumer(self) -> str:
        """What its positions are stored under; the lab's faults know it by its name."""
        return self.consumer_of(self.round)

    def consumer_of(self, number: int) -> str:
        """What the positions of a round are stored under."""
        return f"{_CONSUMER}{self.sink_id}/{number}/{self.name}"

    @property
    def is_reading(self) -> bool:
        """Whether records of the stream are to be read."""
        return self.state is State.RUNNING and not self.must_fill

    @property
    def is_filling(self) -> bool:
        """Whether items are to be written."""
        return self.state is State.RUNNING and self.must_fill

    @property
    def labels(self) -> tuple[str, str]:
        """What metrics know it by."""
        return self.region, self.name

    @property
    def told_state(self) -> str:
        return BACKFILLING if self.is_filling else self.state.value

    def changed(self, now: float, **fields: Any) -> Sink:
        """The sink with other fields, from an epoch second on; readers start anew."""
        return replace(self, **fields, changed_at=now, version=self.version + 1)


def sink_id_of(consumer: str) -> str | None:
    """The sink whose positions have this name, if they are one's."""
    return consumer.split("/")[1] if consumer.startswith(_CONSUMER) else None


def put(view: View, sink: Sink) -> None:
    view.put(sink.key, encode(sink))
    view.wake(TOPIC)


def stored(view: View, sink: Sink) -> Sink | None:
    """The sink as stored; None if it is gone, or another has its name."""
    value = view.get(sink.key)
    found = None if value is None else decode(value)
    return found if found is not None and found.sink_id == sink.sink_id else None


def encode(sink: Sink) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(sink)})


@lru_cache(maxsize=1024)
def decode(stored: bytes) -> Sink:
    """The sink of stored bytes; kept, since all are looked at whenever one changes."""
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored sink has a version this code does not know"
    manner = fields.pop("manner")
    return Sink(
        **{
            **fields,
            "start": Start(fields["start"]),
            "state": State(fields["state"]),
            "manner": Manner(**{**manner, "patterns": tuple(manner["patterns"])}),
        }
    )


async def every(engine: Engine) -> list[Sink]:
    """All sinks of a store."""
    found = listing.entries(engine, delivery_keys.every_sink_span())
    return [decode(stored) async for _, stored in found]
