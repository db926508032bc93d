"""What has happened to records while they were read, so that the lab can tell the story of each.

One `Observer` for each consumer; all share the room. The oldest goes first, batch by batch, once
more than `lab_journal_records_max` records are noted, counted each time they were in a batch. Kept
in memory: after a restart stories begin anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.consumers.delivery import Delivered, Failed, Outcome, Partly, Reason
from headwater.consumers.observer import Began, CutOff, Dropped, Ended, Happening, Observer, Read
from headwater.limits import lab_journal_records_max
from headwater.storage.keyspace import SequenceNumber, ShardId


@dataclass(slots=True)
class Delivery:
    """A batch and how it went. numbers: of its records. outcome, ended_at: None while under way.

    next_at: epoch second of the next try, if it was in vain. is_cut_off: the reader ended during
    it, so there is no outcome.
    """

    shard_id: ShardId
    numbers: Sequence[SequenceNumber]
    began_at: float
    ended_at: float | None = None
    outcome: Outcome | None = None
    next_at: float | None = None
    is_cut_off: bool = False

    def took(self, number: SequenceNumber) -> bool:
        """Whether the destination has a record of the batch for good."""
        match self.outcome:
            case Delivered():
                return True
            case Partly(count):
                return number in self.numbers[:count]
            case _:
                return False

    @property
    def request_id(self) -> str | None:
        """Of the invocation, where one took place."""
        match self.outcome:
            case Delivered(answer) | Failed(_, answer) if answer is not None:
                return answer.request_id
            case Partly(_, _, answer) if answer is not None:
                return answer.request_id
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Discard:
    """Records that were given up, or that the consumer's selection passed (no reason)."""

    shard_id: ShardId
    numbers: Sequence[SequenceNumber]
    reason: Reason | None
    at: float | None


Noted = Delivery | Discard


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a record and a consumer. is_passed: the selection did not want it."""

    deliveries: Sequence[Delivery]
    given_up: Discard | None
    is_passed: bool


class Journal:
    """The notes of all consumers, by their names."""

    def __init__(self, records_max: int = lab_journal_records_max) -> None:
        self._records_max = records_max
        self._records = 0
        self._notes: deque[tuple[str, Noted]] = deque()

    def observer(self, consumer: str) -> Observer:
        """Takes notes of a consumer."""
        return _Notes(self, consumer)

    def add(self, consumer: str, noted: Noted) -> None:
        """Note something, and forget the oldest if that is too much."""
        self._notes.append((consumer, noted))
        self._records += len(noted.numbers)
        while self._records > self._records_max:
            _, oldest = self._notes.popleft()
            self._records -= len(oldest.numbers)

    def past(self, consumer: str, shard_id: ShardId, number: SequenceNumber) -> Past:
        """What is known of a record and a consumer, oldest first."""
        found = [
            noted
            for name, noted in self._notes
            if name == consumer and noted.shard_id == shard_id and number in noted.numbers
        ]
        discards = [noted for noted in found if isinstance(noted, Discard)]
        given_up = [noted for noted in discards if noted.reason is not None]
        return Past(
            [noted for noted in found if isinstance(noted, Delivery)],
            given_up[-1] if given_up else None,
            len(given_up) < len(discards),
        )


class _Notes:
    """`Observer` of one consumer."""

    def __init__(self, journal: Journal, consumer: str) -> None:
        self._journal = journal
        self._consumer = consumer
        self._under_way: dict[tuple[ShardId, int], Delivery] = {}

    def note(self, happening: Happening) -> None:
        match happening:
            case Read(shard_id, _, unwanted) if unwanted:
                self._journal.add(self._consumer, Discard(shard_id, tuple(unwanted), None, None))
            case Began(attempt, batch, at) if batch.entries:
                numbers = tuple(stored.number for stored in batch.entries)
                delivery = Delivery(batch.shard_id, numbers, at)
                self._under_way[batch.shard_id, attempt] = delivery
                self._journal.add(self._consumer, delivery)
            case Ended(attempt, batch, outcome, at, next_at):
                ended = self._under_way.pop((batch.shard_id, attempt), None)
                if ended is not None:
                    ended.outcome, ended.ended_at, ended.next_at = outcome, at, next_at
            case CutOff(attempt, batch, at):
                ended = self._under_way.pop((batch.shard_id, attempt), None)
                if ended is not None:
                    ended.ended_at, ended.is_cut_off = at, True
            case Dropped(given_up, at):
                batch = given_up.batch
                numbers = tuple(stored.number for stored in batch.entries)
                self._journal.add(
                    self._consumer, Discard(batch.shard_id, numbers, given_up.reason, at)
                )
            case _:
                pass
