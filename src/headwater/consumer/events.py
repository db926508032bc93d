"""What happens to a consumer, and counters made of it.

Whoever wants to know is an `Observer`: a function that is called with every event, on the loop, and
should be quick. `Counters` is one, and `log` is another; a consumer always has both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from headwater.consumer.position import Position

_logger: Final = logging.getLogger("headwater.consumer")


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """The shard is read here from now on. before: its owner until now, if it had another."""

    shard_id: str
    position: Position
    before: str | None


@dataclass(frozen=True, slots=True)
class LeaseAsked:
    """Another owner was asked to hand a shard over, so that all have as many."""

    shard_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Another has the shard, or may have: what was delivered and not stored comes again."""

    shard_id: str


@dataclass(frozen=True, slots=True)
class LeaseReleased:
    """The shard was let go with its position stored; after: who it was handed to."""

    shard_id: str
    after: str | None


@dataclass(frozen=True, slots=True)
class ShardFinished:
    """Everything in a closed shard is dealt with; is_gone: the rest of it is trimmed away."""

    shard_id: str
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch is dealt with. age_seconds: of its last record."""

    shard_id: str
    records: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A shard had nothing more."""

    shard_id: str


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """The handler raised an error; the same batch comes again."""

    shard_id: str
    attempts: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A position was stored."""

    shard_id: str
    position: Position


@dataclass(frozen=True, slots=True)
class RecordsTrimmed:
    """Records older than the stream keeps were never read: reading goes on at the oldest kept."""

    shard_id: str
    after: Position


@dataclass(frozen=True, slots=True)
class BackedOff:
    """The service refused a call for its rate, or failed; it is made again."""

    what: str
    code: str
    seconds: float


Event: TypeAlias = (
    LeaseTaken
    | LeaseAsked
    | LeaseLost
    | LeaseReleased
    | ShardFinished
    | Delivered
    | CaughtUp
    | DeliveryFailed
    | Checkpointed
    | RecordsTrimmed
    | BackedOff
)
Observer: TypeAlias = Callable[[Event], None]


@dataclass(slots=True)
class Counters:
    """Counts since the start; only `leases_held` and `ages_seconds` can fall.

    ages_seconds: by shard that is read here, the age of its last record when it was dealt with, and
    nought once there was nothing more.
    """

    records: int = 0
    batches: int = 0
    deliveries_failed: int = 0
    checkpoints: int = 0
    leases_held: int = 0
    leases_taken: int = 0
    leases_stolen: int = 0
    leases_lost: int = 0
    leases_released: int = 0
    shards_finished: int = 0
    trims_met: int = 0
    back_offs: int = 0
    ages_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def age_seconds_max(self) -> float:
        """How far the shard that is furthest behind is behind."""
        return max(self.ages_seconds.values(), default=0.0)

    def note(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Delivered(shard_id, records, age_seconds):
                self.records += records
                self.batches += 1
                self.ages_seconds[shard_id] = age_seconds
            case CaughtUp(shard_id):
                self.ages_seconds[shard_id] = 0.0
            case DeliveryFailed():
                self.deliveries_failed += 1
            case Checkpointed():
                self.checkpoints += 1
            case RecordsTrimmed():
                self.trims_met += 1
            case BackedOff():
                self.back_offs += 1
            case LeaseTaken() | LeaseAsked() | LeaseLost() | LeaseReleased() | ShardFinished():
                self._note_lease(event)

    def _note_lease(
        self, event: LeaseTaken | LeaseAsked | LeaseLost | LeaseReleased | ShardFinished
    ) -> None:
        match event:
            case LeaseTaken(_, _, before):
                self.leases_held += 1
                self.leases_taken += 1
                self.leases_stolen += before is not None
                return
            case LeaseAsked():
                return
            case LeaseLost():
                self.leases_lost += 1
            case LeaseReleased():
                self.leases_released += 1
            case ShardFinished():
                self.shards_finished += 1
        self.leases_held -= 1
        self.ages_seconds.pop(event.shard_id, None)


def log(event: Event) -> None:
    """Write an event to the logger `headwater.consumer`; a warning if someone must hear of it."""
    match event:
        case RecordsTrimmed() | LeaseLost():
            level = logging.WARNING
        case DeliveryFailed(error=error):
            _logger.warning("%s", event, exc_info=error)
            return
        case LeaseTaken() | LeaseReleased() | LeaseAsked() | ShardFinished() | BackedOff():
            level = logging.INFO
        case _:
            level = logging.DEBUG
    _logger.log(level, "%s", event)
