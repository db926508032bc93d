"""What happens while a shard is read, for whoever counts, traces, shows or explains it.

One seam for all of them: a reader tells its consumer's `Observer` of every happening, in order for
each shard, after it has happened. Metrics, trace lines, `headwater mapping show` and the lab's
stories are made of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from headwater.consumers.delivery import Batch, GivenUp, Outcome
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.log import Stored


@dataclass(frozen=True, slots=True)
class Read:
    """Records were read. unwanted: those of them that the consumer's selection passes."""

    shard_id: ShardId
    records: Sequence[Stored]
    unwanted: Sequence[SequenceNumber]


@dataclass(frozen=True, slots=True)
class Began:
    """A delivery began. attempt: tells it from others of the shard; `Ended` bears the same."""

    attempt: int
    batch: Batch
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery ended. next_at: epoch second of the next try, if that is to be made."""

    attempt: int
    batch: Batch
    outcome: Outcome
    at: float
    next_at: float | None


@dataclass(frozen=True, slots=True)
class CutOff:
    """The reader ended during a delivery: nobody learns how it went, and the batch comes again."""

    attempt: int
    batch: Batch
    at: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Records were given up."""

    given_up: GivenUp
    at: float


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Records behind one number and up to another were gone before they could be read."""

    shard_id: ShardId
    after: SequenceNumber
    upto: SequenceNumber


@dataclass(frozen=True, slots=True)
class Advanced:
    """A position was stored: whatever is up to it never comes again."""

    shard_id: ShardId
    position: SequenceNumber
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The shard is not read here any more, finished or not."""

    shard_id: ShardId


Happening: TypeAlias = Read | Began | Ended | CutOff | Dropped | Trimmed | Advanced | Left


class Observer(Protocol):
    """Is told what happens. Must not raise, nor take long: the reader waits for it."""

    def note(self, happening: Happening) -> None: ...


class Observers:
    """Several observers as one, told in their order."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def note(self, happening: Happening) -> None:
        for observer in self._observers:
            observer.note(happening)
