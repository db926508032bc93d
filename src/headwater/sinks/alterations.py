"""Changes of stored sinks, as work for one commit each.

A sink that begins at a moment gets its positions in the commit that stores it: whatever is written
after that will be read, and the back-fill reads items after it, so there is no gap between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import orjson

from headwater.consumers.coordinator import start_at_latest, start_behind
from headwater.errors import ResourceInUseException, ResourceNotFoundException
from headwater.sinks import sink as sinks
from headwater.sinks.sink import Manner, Sink, State
from headwater.storage.committer import View
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.shard import Shard
from headwater.streams.window import Stream

Latest: TypeAlias = Sequence[tuple[Shard, bytes]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a round begins to read: at the oldest record, unless something is said.

    latest: shards whose latest record, as of the commit, it begins behind. positions: that it
    begins behind.
    """

    latest: Latest = ()
    positions: Mapping[ShardId, SequenceNumber] = field(default_factory=dict)

    @property
    def heads(self) -> list[bytes]:
        return [head_key for _, head_key in self.latest]


@dataclass(frozen=True, slots=True)
class SinkWork:
    """A change of stored sinks; results in the sink."""

    reads: Sequence[bytes]
    step: Callable[[View], Sink]

    def run(self, view: View) -> Sink:
        return self.step(view)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the items of a round have been written.

    after: key of the last item, as hexadecimal digits; empty before the first. number: of the next
    step. items: how many have been written.
    """

    round: int
    after: str = ""
    number: int = 0
    items: int = 0


def create(new: Sink, stream: Stream, beginning: Beginning) -> SinkWork:
    """Store a new sink.

    Raises ResourceInUseException if there is one of its name, ShardsChanged.
    """

    def step(view: View) -> Sink:
        if view.get(new.key) is not None:
            raise ResourceInUseException(f"Sink already exists: {new.name}")
        return _begin(view, new, stream, beginning)

    return SinkWork([new.key, stream.key, *beginning.heads], step)


def replay(before: Sink, after: Sink, stream: Stream, beginning: Beginning) -> SinkWork:
    """Have a sink begin anew. Raises ResourceInUseException if it has changed meanwhile."""

    def step(view: View) -> Sink:
        _unchanged(view, before)
        return _begin(view, after, stream, beginning)

    return SinkWork([before.key, stream.key, *beginning.heads], step)


def change(before: Sink, now: float, manner: Manner, *, is_configured: bool) -> SinkWork:
    """Give a sink another manner. Raises ResourceInUseException if it has changed meanwhile."""
    return _change(before, now, manner=manner, is_configured=is_configured)


def pause(before: Sink, now: float) -> SinkWork:
    """Have a sink take no more. Raises ResourceInUseException."""
    return _change(before, now, state=State.PAUSED, reason="")


def resume(before: Sink, now: float) -> SinkWork:
    """Have a sink go on from where it is. Raises ResourceInUseException."""
    return _change(before, now, state=State.RUNNING, reason="")


def delete(before: Sink, now: float) -> SinkWork:
    """Mark a sink as to be deleted. Raises ResourceInUseException."""
    return _change(before, now, state=State.DELETING)


def stop(sink: Sink, now: float, reason: str) -> SinkWork:
    """Have a sink stop, unless a client has changed it meanwhile."""

    def step(view: View) -> Sink:
        stored = sinks.stored(view, sink)
        if stored is None or stored.version != sink.version:
            return sink
        stopped = stored.changed(now, state=State.STOPPED, reason=reason)
        sinks.put(view, stopped)
        return stopped

    return SinkWork([sink.key], step)


def advance(sink: Sink, before: Progress, after: Progress) -> SinkWork:
    """Note that a step of the back-fill is written, unless another process was quicker."""

    def step(view: View) -> Sink:
        is_there = sinks.stored(view, sink) is not None
        if is_there and decode_progress(view.get(sink.progress_key), sink) == before:
            view.put(sink.progress_key, orjson.dumps(asdict(after)))
        return sink

    return SinkWork([sink.key, sink.progress_key], step)


def filled(sink: Sink) -> SinkWork:
    """Note that a round's items are all written: its records are to be read now."""

    def step(view: View) -> Sink:
        stored = sinks.stored(view, sink)
        if stored is None or stored.round != sink.round:
            return sink
        done = replace(stored, must_fill=False)
        sinks.put(view, done)
        return done

    return SinkWork([sink.key], step)


def remove(sink: Sink, keys: Sequence[bytes]) -> SinkWork:
    """Remove a sink that is to be deleted, with all that is stored for it."""

    def step(view: View) -> Sink:
        stored = sinks.stored(view, sink)
        if stored is not None:
            view.delete(sink.key)
            view.wake(sinks.TOPIC)
        for key in (*keys, sink.progress_key):
            view.delete(key)
        return sink

    return SinkWork([sink.key], step)


def decode_progress(stored: bytes | None, sink: Sink) -> Progress:
    """How far a sink's items have been written; nowhere if what is stored is of another round."""
    if stored is not None:
        progress = Progress(**orjson.loads(stored))
        if progress.round == sink.round:
            return progress
    return Progress(sink.round)


def _begin(view: View, sink: Sink, stream: Stream, beginning: Beginning) -> Sink:
    if view.get(stream.key) is None:
        raise ResourceNotFoundException(f"Stream of table {sink.table_name} not found")
    start_at_latest(view, sink.consumer, stream, beginning.latest)
    start_behind(view, sink.consumer, stream, beginning.positions)
    sinks.put(view, sink)
    return sink


def _change(before: Sink, now: float, **fields: Any) -> SinkWork:
    def step(view: View) -> Sink:
        changed = _unchanged(view, before).changed(now, **fields)
        sinks.put(view, changed)
        return changed

    return SinkWork([before.key], step)


def _unchanged(view: View, before: Sink) -> Sink:
    """The sink as stored. Raises if it is gone, on its way, or another than it was."""
    stored = sinks.stored(view, before)
    if stored is None:
        raise ResourceNotFoundException(f"Sink not found: {before.name}")
    if stored.version != before.version or stored.state is State.DELETING:
        raise ResourceInUseException(f"Sink {before.name} is being changed or deleted")
    return stored
