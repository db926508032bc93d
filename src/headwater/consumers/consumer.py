"""Who reads a stream, in which manner and where to; and what every reader works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headwater.clock import Clock
from headwater.consumers.delivery import Destination, Selection
from headwater.consumers.observer import Observer, Observers
from headwater.consumers.policy import PolicySettings
from headwater.consumers.watch import HeadWatch
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine
from headwater.streams.window import AnyStream


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads a stream, in which manner, and where to.

    name: what its checkpoints are stored under; holds no zero byte. selection: the records it is to
    see; None is all. observer: is told what happens. retention_seconds: how long the stream's
    records can be read; None is as long as those of tables' streams.
    """

    name: str
    stream: AnyStream
    settings: PolicySettings
    destination: Destination
    selection: Selection | None = None
    observer: Observer = field(default_factory=Observers)
    retention_seconds: float | None = None


def destination_of(consumer: Consumer) -> Destination:
    """A consumer's destination itself."""
    return consumer.destination


@dataclass(frozen=True, slots=True)
class Services:
    """What every reader works with.

    reach: gives the destination that a consumer's readers deliver to, where something is to stand
    between the two.
    """

    engine: Engine
    committer: Committer
    wakeups: Wakeups
    clock: Clock
    watch: HeadWatch
    reach: Callable[[Consumer], Destination] = destination_of
