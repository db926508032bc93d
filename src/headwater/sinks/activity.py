"""What each sink does, counted: an observer of its readers, and metrics.

Kept in memory, of what this process has done since its start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence
from typing import Final

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.clock import Clock
from headwater.consumers.counting import counter_families
from headwater.consumers.delivery import Delivered, Throttled
from headwater.consumers.observer import Ended, Happening, Read, Trimmed
from headwater.sinks.kind import Rejected
from headwater.streams.entry import time_us_of

COUNTS: Final = {
    "read": "Records read from the stream.",
    "filtered": "Records that its filter passes.",
    "written": "Changes written, those of the back-fill included.",
    "backfilled": "Items written by the back-fill.",
    "rejected": "Changes that the transform or the destination refused.",
    "retries": "Batches that could not be written and were tried again.",
    "trimmed": "Times that records were gone before they could be read.",
}
_THROUGHPUT_SECONDS: Final = 60.0
_WARNINGS_MAX: Final = 20
_log = structlog.get_logger(__name__)


class SinkActivity:
    """`Observer` of one sink. last_error: of the last that went wrong; at an epoch second."""

    def __init__(self, labels: tuple[str, str], clock: Clock) -> None:
        """labels: the sink's region and name."""
        region, name = labels
        self._log = _log.bind(region=region, sink=name)
        self._clock = clock
        self.counts = dict.fromkeys(COUNTS, 0)
        self.lag_seconds: float | None = None
        self.last_error: str | None = None
        self.last_error_at = 0.0
        self.warnings: deque[str] = deque(maxlen=_WARNINGS_MAX)
        self._lately: deque[tuple[float, int]] = deque()

    @property
    def throughput(self) -> float:
        """Changes written a second, over the last minute."""
        self._forget()
        return sum(count for _, count in self._lately) / _THROUGHPUT_SECONDS

    def note(self, happening: Happening) -> None:
        match happening:
            case Read(_, records, unwanted):
                self.counts["read"] += len(records)
                self.counts["filtered"] += len(unwanted)
            case Ended(_, batch, Delivered(), at):
                self.lag_seconds = at - time_us_of(batch.entries[-1].entry) / 1e6
            case Ended(_, _, Throttled(reason)):
                self.note_retry(reason)
            case Trimmed():
                self.counts["trimmed"] += 1
                self.note_error("Records were gone before they could be read; replay the sink.")
            case _:
                pass

    def note_retry(self, reason: str) -> None:
        """Note that a batch is to be tried again."""
        self.counts["retries"] += 1
        self.note_error(reason)

    def note_written(self, count: int, *, is_snapshot: bool) -> None:
        self.counts["written"] += count
        if is_snapshot:
            self.counts["backfilled"] += count
        self._lately.append((self._clock.now(), count))
        self._forget()

    def note_rejected(self, rejected: Sequence[Rejected]) -> None:
        self.counts["rejected"] += len(rejected)
        self.note_error(rejected[-1].reason)

    def note_warning(self, text: str) -> None:
        """Note what clients should know of, while writing goes on."""
        self._log.warning("sink_warning", warning=text)
        self.warnings.append(text)

    def note_error(self, reason: str) -> None:
        self.last_error, self.last_error_at = reason, self._clock.now()

    def _forget(self) -> None:
        before = self._clock.now() - _THROUGHPUT_SECONDS
        while self._lately and self._lately[0][0] < before:
            self._lately.popleft()


class SinkActivities(Collector):
    """Of every sink that has run in this process, until it is deleted; a metrics collector."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_key: dict[bytes, tuple[tuple[str, str], SinkActivity]] = {}

    def of(self, key: bytes, labels: tuple[str, str]) -> SinkActivity:
        """Of the sink that is stored under a key. labels: its region and its name."""
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = labels, SinkActivity(labels, self._clock)
        return found[1]

    def keep(self, keys: Container[bytes]) -> None:
        """Forget all sinks but these."""
        for key in [key for key in self._by_key if key not in keys]:
            del self._by_key[key]

    def collect(self) -> Iterable[Metric]:
        activities = list(self._by_key.values())
        names = ["region", "sink"]
        counted = ((labels, activity.counts) for labels, activity in activities)
        yield from counter_families("headwater_sink", COUNTS, names, counted)
        lags = GaugeMetricFamily(
            "headwater_sink_lag_seconds",
            "Time from the commit of the last record written to its being there.",
            labels=names,
        )
        for labels, activity in activities:
            if activity.lag_seconds is not None:
                lags.add_metric(labels, activity.lag_seconds)
        yield lags
