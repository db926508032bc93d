"""What each streaming destination does, counted: an observer of its readers, and metrics.

Kept in memory, of what this process has done since its start. The counts are those that AWS has
(Developer Guide, "DynamoDB metrics": ThrottledPutRecordCount, FailedToReplicateRecordCount,
AgeOfOldestUnreplicatedRecord).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, TypeAlias

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.consumers.counting import counter_families
from headwater.consumers.delivery import Delivered, Partly, Throttled
from headwater.consumers.observer import Dropped, Ended, Happening
from headwater.streams.entry import time_us_of

Labels: TypeAlias = tuple[str, str, str]

COUNTS: Final = {
    "put": "Changes that are in the data stream, those too large for it included.",
    "throttled": "Changes that could not be put and were tried again.",
    "failed": "Changes that the data stream never gets: too large, or too old by now.",
}
_LABELS: Final = ("region", "table", "stream")


class StreamingActivity:
    """`Observer` of one destination. age_seconds: how old the oldest change was when last tried."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.age_seconds: float | None = None

    def note(self, happening: Happening) -> None:
        match happening:
            case Ended(_, batch, outcome, at):
                self.age_seconds = at - time_us_of(batch.entries[0].entry) / 1e6
                match outcome:
                    case Delivered():
                        self.counts["put"] += len(batch.entries)
                    case Partly(count):
                        self.counts["put"] += count
                        self.counts["throttled"] += len(batch.entries) - count
                    case Throttled():
                        self.counts["throttled"] += len(batch.entries)
            case Dropped(given_up):
                self.counts["failed"] += len(given_up.batch.entries)

    def note_too_large(self) -> None:
        self.counts["failed"] += 1


class StreamingActivities(Collector):
    """Of every destination that has run in this process, until it is off; a metrics collector."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, tuple[Labels, StreamingActivity]] = {}

    def of(self, key: bytes, labels: Labels) -> StreamingActivity:
        """Of the destination of a key. labels: its region, table and data stream."""
        return self._by_key.setdefault(key, (labels, StreamingActivity()))[1]

    def keep(self, keys: Container[bytes]) -> None:
        """Forget all destinations but these."""
        for key in [key for key in self._by_key if key not in keys]:
            del self._by_key[key]

    def collect(self) -> Iterable[Metric]:
        activities = list(self._by_key.values())
        counted = ((labels, activity.counts) for labels, activity in activities)
        yield from counter_families("headwater_streaming", COUNTS, _LABELS, counted)
        ages = GaugeMetricFamily(
            "headwater_streaming_age_seconds",
            "How old the oldest change of a batch was when it was last put, or tried.",
            labels=_LABELS,
        )
        for labels, activity in activities:
            if activity.age_seconds is not None:
                ages.add_metric(labels, activity.age_seconds)
        yield ages
