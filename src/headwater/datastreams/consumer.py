"""Consumers registered with a stream: a name, an ARN, tags.

The server pushes nothing to them; clients that register before they read find what they expect. A
consumer is CREATING for as long as other things are in a state that passes, by its age alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import orjson

from headwater.arn import stream_consumer_arn
from headwater.clock import Clock
from headwater.datastreams.changes import StreamGone, loaded
from headwater.datastreams.stream import DataStream
from headwater.datastreams.tags import merged, without
from headwater.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.limits import data_stream_consumers_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.streams import listing

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StreamConsumer:
    """A registered consumer. created_at: epoch seconds."""

    name: str
    created_at: float
    tags: dict[str, str] = field(default_factory=dict)

    def arn(self, stream_arn: str) -> str:
        return stream_consumer_arn(stream_arn, self.name, self.created_at)


def encode(consumer: StreamConsumer) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(consumer)})


def decode(stored: bytes) -> StreamConsumer:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored consumer has a version this code does not know"
    return StreamConsumer(**fields)


async def has_consumers(engine: Engine, stream: DataStream) -> bool:
    start, stop = keyspace.stream_consumers_span(stream.table_id)
    return bool(await engine.scan(Span(start, stop, 1)))


@dataclass(frozen=True, slots=True)
class _Register:
    """Work: store a new consumer of a stream that is there; results in whether its name is free."""

    stream: DataStream
    consumer: StreamConsumer

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.stream.key, keyspace.stream_consumer(self.stream.table_id, self.consumer.name))

    def run(self, view: View) -> bool:
        loaded(view, self.stream)
        _, key = self.reads
        if view.get(key) is not None:
            return False
        view.put(key, encode(self.consumer))
        return True


@dataclass(frozen=True, slots=True)
class _Replace:
    """Work: store a consumer anew, or remove it, if it is there; results in whether it was."""

    key: bytes
    consumer: StreamConsumer | None

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.key,)

    def run(self, view: View) -> bool:
        if view.get(self.key) is None:
            return False
        if self.consumer is None:
            view.delete(self.key)
        else:
            view.put(self.key, encode(self.consumer))
        return True


class StreamConsumers:
    """The consumers registered with streams."""

    def __init__(self, engine: Engine, committer: Committer, clock: Clock, account: str) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._account = account

    async def register(self, stream: DataStream, name: str, tags: dict[str, str]) -> StreamConsumer:
        """Raises ResourceInUseException, LimitExceededException, ResourceNotFoundException."""
        if len(await self.all(stream)) >= data_stream_consumers_max:
            raise LimitExceededException(
                f"A stream has at most {data_stream_consumers_max} consumers."
            )
        consumer = StreamConsumer(name, self._clock.now(), merged({}, tags))
        try:
            is_new = await self._committer.submit(_Register(stream, consumer))
        except StreamGone:
            raise ResourceNotFoundException(
                f"Stream {stream.name} under account {self._account} not found."
            ) from None
        if not is_new:
            raise ResourceInUseException(
                f"Consumer {name} under stream {stream.arn(self._account)} already exists for "
                f"account {self._account}."
            )
        return consumer

    async def find(
        self, stream: DataStream, name: str, created: str | None = None
    ) -> StreamConsumer:
        """The consumer of a name; created: the second of its registration, if an ARN says it.

        Raises ResourceNotFoundException.
        """
        (stored,) = await self._engine.get([keyspace.stream_consumer(stream.table_id, name)])
        consumer = None if stored is None else decode(stored)
        if consumer is None or created not in (None, str(int(consumer.created_at))):
            raise self._missing(stream, name)
        return consumer

    async def deregister(self, stream: DataStream, name: str) -> None:
        """Raises ResourceNotFoundException."""
        await self._replace(stream, name, None)

    async def tag(
        self,
        stream: DataStream,
        name: str,
        given: dict[str, str],
        removed: Sequence[str] = (),
    ) -> None:
        """Set tags of a consumer and remove some. Raises ResourceNotFoundException."""
        consumer = await self.find(stream, name)
        tags = without(merged(consumer.tags, given), removed)
        await self._replace(stream, name, replace(consumer, tags=tags))

    async def all(self, stream: DataStream) -> list[StreamConsumer]:
        """Every consumer of a stream, in the order of their names."""
        span = keyspace.stream_consumers_span(stream.table_id)
        return [decode(stored) async for _, stored in listing.entries(self._engine, span)]

    async def _replace(
        self, stream: DataStream, name: str, consumer: StreamConsumer | None
    ) -> None:
        key = keyspace.stream_consumer(stream.table_id, name)
        if not await self._committer.submit(_Replace(key, consumer)):
            raise self._missing(stream, name)

    def _missing(self, stream: DataStream, name: str) -> ResourceNotFoundException:
        return ResourceNotFoundException(
            f"Consumer {name} under stream {stream.arn(self._account)} not found for account "
            f"{self._account}."
        )
