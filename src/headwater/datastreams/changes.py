"""A change of a stored data stream: one piece of work for the committer.

The stream is read in the commit that changes it, as it is for every record put: no record can fall
between a shard that closes and those that follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from headwater.datastreams import stream as streams
from headwater.datastreams.stream import DataStream
from headwater.storage.committer import View

TOPIC: Final = b"cd"  # woken when any data stream has changed

Step: TypeAlias = Callable[[View, DataStream], DataStream]
"""Returns the stream as it is to be stored, or raises."""


class StreamChanged(Exception):
    """The stream is not as it was when the work was planned: plan again."""


class StreamGone(Exception):
    """There is no such stream any more."""


@dataclass(frozen=True, slots=True)
class Create:
    """Store a new stream, if its name is free; results in whether it was."""

    stream: DataStream
    open: Callable[[View, DataStream], DataStream]

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.stream.key,)

    def run(self, view: View) -> bool:
        if view.get(self.stream.key) is not None:
            return False
        put(view, self.open(view, self.stream))
        return True


@dataclass(frozen=True, slots=True)
class Change:
    """Change a stream as it was read; results in the stream as it is then.

    further: what the step reads beside the stream. Raises StreamChanged, StreamGone, and whatever
    the step does.
    """

    planned: DataStream
    step: Step
    further: Sequence[bytes] = ()

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.planned.key, *self.further)

    def run(self, view: View) -> DataStream:
        present = loaded(view, self.planned)
        if present.version != self.planned.version:
            raise StreamChanged
        changed = self.step(view, present)
        put(view, changed)
        return changed


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a stream that is erased."""

    stream: DataStream

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.stream.key,)

    def run(self, view: View) -> None:
        loaded(view, self.stream)
        view.delete(self.stream.key)
        view.wake(TOPIC)


def loaded(view: View, planned: DataStream) -> DataStream:
    """The stream as the view has it. Raises StreamGone if it is another of the name, or none."""
    stored = view.get(planned.key)
    present = None if stored is None else streams.decode(stored)
    if present is None or present.table_id != planned.table_id:
        raise StreamGone
    return present


def put(view: View, stream: DataStream) -> None:
    view.put(stream.key, streams.encode(stream))
    view.wake(TOPIC)
