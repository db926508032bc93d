"""The pipelines of the sinks that work in this process, each opened when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass, field, replace

import structlog

from headwater.consumers.observer import Observer
from headwater.sinks import kinds, settings
from headwater.sinks.activity import SinkActivities
from headwater.sinks.alterations import Progress
from headwater.sinks.backfill import ItemReader
from headwater.sinks.change import Change, change_of
from headwater.sinks.failure import Refusals
from headwater.sinks.kind import InvalidSettings, Kind, Opening, SinkBroken, Surroundings
from headwater.sinks.local import LocalFunctions
from headwater.sinks.notes import Notes
from headwater.sinks.pipeline import Pipeline
from headwater.sinks.selection import selection_of
from headwater.sinks.sink import Sink
from headwater.sinks.transform import ByFunction, Expression, Invoke, Transform, Whole
from headwater.sinks.verification import Verdict
from headwater.storage.committer import Committer
from headwater.storage.engine import Engine
from headwater.streams.window import Stream

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """What sinks work with beside streams.

    kind_of: the kind of a name; raises InvalidSettings. further: an observer for a consumer's
    name, beside the metrics.
    """

    around: Surroundings
    refusals: Refusals
    functions: LocalFunctions
    activities: SinkActivities
    kind_of: Callable[[str], Kind] = kinds.kind
    further: Callable[[str], Observer] | None = None


@dataclass(slots=True)
class _Slot:
    """version: of the sink that the pipeline is opened for."""

    version: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    pipeline: Pipeline | None = None


class Pipelines:
    """See the module. A sink that has changed is opened anew."""

    def __init__(self, engine: Engine, committer: Committer, outside: Outside) -> None:
        self._engine = engine
        self._committer = committer
        self._outside = outside
        self._slots: dict[bytes, _Slot] = {}

    async def of(self, sink: Sink, stream: Stream) -> Pipeline:
        """A sink's pipeline. Raises SinkUnavailable or SinkBroken."""
        slot = self._slots.get(sink.key)
        if slot is None or slot.version != sink.version:
            await self._close(sink.key)
            slot = self._slots.setdefault(sink.key, _Slot(sink.version))
        async with slot.lock:
            if slot.pipeline is None:
                slot.pipeline = await self._opened(sink, stream)
            return slot.pipeline

    async def filled(self, sink: Sink, stream: Stream) -> None:
        """Tell a sink's kind that all items are there. Raises SinkUnavailable or SinkBroken."""
        try:
            kind, opening, _ = self._parts(sink, stream)
            if kind.filled is not None:
                await kind.filled(opening)
        except InvalidSettings as error:
            raise SinkBroken(str(error)) from error

    async def keep(self, keys: Container[bytes]) -> None:
        """Close those of sinks that do not work any more."""
        for key in [key for key in self._slots if key not in keys]:
            await self._close(key)

    async def close(self) -> None:
        await self.keep(())

    async def verify(self, sink: Sink, stream: Stream) -> Verdict:
        """Compare what a sink's destination holds with its table.

        Raises InvalidSettings if it cannot be asked, ResourceNotFoundException if the table is
        gone, SinkUnavailable, SinkBroken.
        """
        kind, opening, change = self._parts(sink, stream)
        if kind.verify is None:
            raise InvalidSettings(f"what a sink of kind {kind.name} has written cannot be read")
        reader = ItemReader(self._engine, self._committer, sink, selection_of(sink, stream))
        now_us = int(self._outside.around.clock.now() * 1e6)
        return await kind.verify(opening, _snapshots(sink, reader, change, now_us))

    async def _opened(self, sink: Sink, stream: Stream) -> Pipeline:
        try:
            kind, opening, change = self._parts(sink, stream)
            writer = await kind.open(opening)
        except InvalidSettings as error:  # another version of the server took them
            raise SinkBroken(str(error)) from error
        outside = self._outside
        activity = outside.activities.of(sink.key, sink.labels)
        return Pipeline(sink, writer, change, outside.refusals, activity)

    def _parts(self, sink: Sink, stream: Stream) -> tuple[Kind, Opening, Transform]:
        outside = self._outside
        kind = outside.kind_of(sink.kind)
        opening = Opening(
            sink,
            stream,
            settings.parse(kind, sink.manner.settings),
            Notes(self._engine, self._committer, sink),
            outside.around,
            outside.activities.of(sink.key, sink.labels).note_warning,
        )
        return kind, opening, transform(sink, outside.functions.invoke)

    async def _close(self, key: bytes) -> None:
        slot = self._slots.pop(key, None)
        if slot is None or slot.pipeline is None:
            return
        try:
            await slot.pipeline.close()
        except Exception as error:  # noqa: BLE001 - a boundary: a writer's fault stays its own
            _log.error("sink_not_closed", exc_info=error)


def transform(sink: Sink, invoke: Invoke) -> Transform:
    """What a sink makes of changes. Raises InvalidSettings."""
    manner = sink.manner
    if manner.transform:
        return Expression(manner.transform)
    if manner.function:
        return ByFunction((sink.region, sink.name), manner.function, invoke)
    return Whole()


async def _snapshots(
    sink: Sink, reader: ItemReader, change: Transform, now_us: int
) -> AsyncIterator[Sequence[Change]]:
    """The items of a sink's table as its writer would be given them."""
    progress: Progress | None = Progress(sink.round)
    while progress is not None:
        step = await reader.step(progress, now_us)
        changes = [change_of(shard, stored, is_snapshot=True) for shard, stored in step.records]
        yield (await change.apply(changes)).changes
        progress = None if step.after is None else replace(progress, after=step.after.hex())
