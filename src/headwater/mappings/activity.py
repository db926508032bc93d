"""What each mapping does: its counts since the server started, and what is under way.

Fed by readers through `consumers/observer.py`; read by /metrics and by `headwater mapping show`.
The counts bear AWS's meaning (Lambda Developer Guide, "Event source mapping metrics"): all but the
invocations are of records. They are of this process alone.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import (
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from headwater.consumers.counting import counter_families
from headwater.consumers.delivery import Batch, Delivered, Failed, GivenUp, Outcome, Partly
from headwater.consumers.observer import (
    Advanced,
    Began,
    CutOff,
    Dropped,
    Ended,
    Happening,
    Left,
    Read,
    Trimmed,
)
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.entry import time_us_of

NoteDelay = Callable[[float], None]  # takes a record's seconds from its commit to its function

COUNTS: Final = {
    "polled": "Records read from streams.",
    "filtered": "Records that filter criteria passed.",
    "invoked": "Records handed to functions, each time they were.",
    "failed": "Records of invocations that failed.",
    "dropped": "Records given up.",
    "trimmed": "Times that records were gone from the stream before they could be read.",
    "on_failure": "Records of failed batches that reached their on-failure destination.",
}


@dataclass(slots=True)
class Delivering:
    """A batch that is with the function. began_at: epoch second."""

    batch: Batch
    began_at: float


@dataclass(frozen=True, slots=True)
class Retrying:
    """What failed and comes again. attempts: made in vain. at: epoch second of the next."""

    attempts: int
    at: float | None


@dataclass(slots=True)
class ShardActivity:
    """What is under way in a shard, and what comes again, by its first record.

    Each lane has one thing at most to try again; the close of a window has no record.
    """

    delivering: dict[int, Delivering] = field(default_factory=dict)
    retrying: dict[SequenceNumber | None, Retrying] = field(default_factory=dict)
    last_error: str | None = None
    last_error_at: float | None = None

    @property
    def attempts(self) -> int:
        """The most that were made in vain for one of them."""
        return max((each.attempts for each in self.retrying.values()), default=0)

    @property
    def retry_at(self) -> float | None:
        """When the first of them comes again."""
        return min(
            (each.at for each in self.retrying.values() if each.at is not None), default=None
        )


class MappingActivity:
    """`Observer` of one mapping."""

    def __init__(self, note_delay: NoteDelay) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.iterator_age_seconds: float | None = None
        self.delay_seconds = 0.0
        self.delay_records = 0
        self.shards: dict[ShardId, ShardActivity] = {}
        self._note_delay = note_delay

    def note(self, happening: Happening) -> None:
        match happening:
            case Read(_, records, unwanted):
                self.counts["polled"] += len(records)
                self.counts["filtered"] += len(unwanted)
            case Began(attempt, batch, at):
                self._begin(attempt, batch, at)
            case Ended():
                self._end(happening)
            case CutOff(attempt, batch):
                self.shards[batch.shard_id].delivering.pop(attempt, None)
            case Dropped(given_up):
                self._drop(given_up)
            case Trimmed():
                self.counts["trimmed"] += 1
            case Left(shard_id):
                self.shards.pop(shard_id, None)
            case Advanced():
                pass

    def _begin(self, attempt: int, batch: Batch, at: float) -> None:
        shard = self.shards.setdefault(batch.shard_id, ShardActivity())
        shard.delivering[attempt] = Delivering(batch, at)
        if batch.entries:
            self.iterator_age_seconds = at - time_us_of(batch.entries[-1].entry) / 1e6

    def _end(self, ended: Ended) -> None:
        batch, outcome = ended.batch, ended.outcome
        shard = self.shards.setdefault(batch.shard_id, ShardActivity())
        shard.delivering.pop(ended.attempt, None)
        before = shard.retrying.pop(_first(batch), None)
        if not isinstance(outcome, Delivered):
            passed = outcome.count if isinstance(outcome, Partly) else 0
            attempts = 1 if passed or before is None else before.attempts + 1
            shard.retrying[_first(batch, passed)] = Retrying(attempts, ended.next_at)
            shard.last_error, shard.last_error_at = outcome.reason, ended.at
        if isinstance(outcome, Delivered | Partly | Failed):
            self.counts["invoked"] += len(batch.entries)
            self.counts["failed"] += _failed(batch, outcome)
            self._note_delays(batch, outcome)

    def _note_delays(self, batch: Batch, outcome: Delivered | Partly | Failed) -> None:
        if batch.deliveries or outcome.answer is None:
            return
        started_at, note_delay = outcome.answer.started_at, self._note_delay
        for stored in batch.entries:
            delay = started_at - time_us_of(stored.entry) / 1e6
            self.delay_seconds += delay
            note_delay(delay)
        self.delay_records += len(batch.entries)

    def _drop(self, given_up: GivenUp) -> None:
        self.counts["dropped"] += len(given_up.batch.entries)
        shard = self.shards.get(given_up.batch.shard_id)
        if shard is not None:
            shard.retrying.pop(_first(given_up.batch), None)


class Activities(Collector):
    """Of every mapping that has run in this process, until it is deleted; a metrics collector."""

    def __init__(self, note_delay: NoteDelay) -> None:
        self._note_delay = note_delay
        self._by_uuid: dict[str, MappingActivity] = {}

    def of(self, uuid: str) -> MappingActivity:
        activity = self._by_uuid.get(uuid)
        if activity is None:
            activity = self._by_uuid[uuid] = MappingActivity(self._note_delay)
        return activity

    def keep(self, uuids: Container[str]) -> None:
        """Forget all mappings but these."""
        for uuid in [uuid for uuid in self._by_uuid if uuid not in uuids]:
            del self._by_uuid[uuid]

    def note_on_failure(self, uuid: str) -> None:
        """Count a failed batch's record that has reached its destination."""
        self.of(uuid).counts["on_failure"] += 1

    def collect(self) -> Iterable[Metric]:
        activities = list(self._by_uuid.items())
        counted = (([uuid], activity.counts) for uuid, activity in activities)
        yield from counter_families("headwater_mapping", COUNTS, ["mapping"], counted)
        ages = GaugeMetricFamily(
            "headwater_mapping_iterator_age_seconds",
            "Age of the last record of the batch that was handed over last.",
            labels=["mapping"],
        )
        delays = SummaryMetricFamily(
            "headwater_mapping_delay_seconds",
            "Time from a change's commit to the start of the function that is told of it.",
            labels=["mapping"],
        )
        for uuid, activity in activities:
            if activity.iterator_age_seconds is not None:
                ages.add_metric([uuid], activity.iterator_age_seconds)
            delays.add_metric([uuid], activity.delay_records, activity.delay_seconds)
        yield ages
        yield delays


def _first(batch: Batch, index: int = 0) -> SequenceNumber | None:
    return batch.entries[index].number if batch.entries else None


def _failed(batch: Batch, outcome: Outcome) -> int:
    match outcome:
        case Delivered():
            return 0
        case Partly(count):
            return len(batch.entries) - count
        case _:
            return len(batch.entries)
