"""What the server says of itself: its log, and its metrics for Prometheus.

Log texts are constant and what varies stands in named fields; item contents and credentials are
never logged. Requests are counted in plain dictionaries, which cost a fraction of a metric object
on the hot path, and turned into metrics when they are collected.
"""

from __future__ import annotations

import logging
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TextIO, TypeAlias

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from structlog.typing import EventDict

from headwater.clock import SystemClock

# Upper bounds of the request duration's buckets, in seconds.
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

# How many delays are kept one by one, for their quantiles.
_LATEST_DELAYS_MAX: Final = 20_000

Report: TypeAlias = Sequence[tuple[str, str, str, Sequence[tuple[str, Mapping[str, str], float]]]]
"""Metrics: name, documentation, kind, and of every sample name, labels and value."""

METRICS_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


# A line that says what another has said is held back for so long; how many such lines are known.
_REPEAT_SECONDS: Final = 60.0
_LINES_MAX: Final = 1000


def configure_log(
    *,
    is_console: bool,
    stream: TextIO = sys.stderr,
    monotonic: Callable[[], float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Send the log to a stream, for eyes or as JSON lines. labels: fields of every line.

    Each line is one write, so those of several processes do not run into each other.
    """

    def label(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {**event, **(labels or {})}

    structlog.configure(
        processors=[
            label,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Repeats(monotonic or SystemClock().monotonic),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if is_console else [structlog.processors.format_exc_info]),
            # The plain form of a traceback: the others print local variables, so items, too.
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
            if is_console
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )


class Repeats:
    """Lets a warning, or a traceback, through once a minute, however often it is said.

    A full disk refuses thousands of writes a second for one cause, and the log must not fill what
    is left. Lines are the same when all their fields are; the first one after the minute says in
    `repeated` how many were held back. Errors without a traceback tell what was lost: each is said.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said: dict[str, tuple[float, int]] = {}

    def __call__(self, logger: object, method: str, event: EventDict) -> EventDict:
        """A processor of structlog's; raises DropEvent for a line to be held back."""
        del logger
        if method != "warning" and not event.get("exc_info"):
            return event
        line = repr(sorted(event.items(), key=lambda field: field[0]))
        now = self._monotonic()
        said_at, count = self._said.pop(line, (-_REPEAT_SECONDS, 0))
        if now - said_at < _REPEAT_SECONDS:
            self._said[line] = (said_at, count + 1)
            raise structlog.DropEvent
        self._said[line] = (now, 0)
        if len(self._said) > _LINES_MAX:
            del self._said[next(iter(self._said))]
        return {**event, "repeated": count} if count else event


class _Durations:
    """How often, how long in all, and how many within each bucket."""

    __slots__ = ("buckets", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(_BUCKETS) + 1)  # the last is of those beyond all bounds

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds
        self.buckets[bisect_left(_BUCKETS, seconds)] += 1

    def cumulated(self) -> list[tuple[str, float]]:
        total = 0
        found: list[tuple[str, float]] = []
        for bound, count in zip(_BUCKETS, self.buckets, strict=False):
            total += count
            found.append((str(bound), total))
        return [*found, ("+Inf", self.count)]


class RequestCounts:
    """Requests by operation and outcome, and how long they took."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str], int] = {}
        self._durations: dict[str, _Durations] = {}

    def note(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a request. outcome: `OK` or the code of the error."""
        key = operation, outcome
        outcomes = self._outcomes
        outcomes[key] = outcomes.get(key, 0) + 1
        durations = self._durations.get(operation)
        if durations is None:
            durations = self._durations[operation] = _Durations()
        durations.add(seconds)

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "headwater_requests", "Requests answered.", labels=["operation", "outcome"]
        )
        for (operation, outcome), count in self._outcomes.items():
            requests.add_metric([operation, outcome], count)
        yield requests
        seconds = HistogramMetricFamily(
            "headwater_request_seconds", "Time from request to answer.", labels=["operation"]
        )
        for operation, durations in self._durations.items():
            seconds.add_metric([operation], durations.cumulated(), durations.seconds)
        yield seconds


class Delays:
    """How long records take from their write to the start of the function that is told of them."""

    def __init__(self) -> None:
        self._durations = _Durations()
        self._latest: deque[float] = deque(maxlen=_LATEST_DELAYS_MAX)

    def note(self, seconds: float) -> None:
        """Count a record's delay."""
        self._durations.add(seconds)
        self._latest.append(seconds)

    @property
    def count(self) -> int:
        return self._durations.count

    def quantile(self, fraction: float) -> float | None:
        """The delay that this fraction of the latest records did not exceed; None without any."""
        ordered = sorted(self._latest)
        return ordered[min(int(fraction * len(ordered)), len(ordered) - 1)] if ordered else None

    def collect(self) -> Iterable[Metric]:
        delays = HistogramMetricFamily(
            "headwater_delivery_delay_seconds",
            "Time from a change's commit to the start of the function that is told of it.",
        )
        delays.add_metric([], self._durations.cumulated(), self._durations.seconds)
        yield delays


class MessageCounts:
    """Messages that have left the outbox, by service of their destination and outcome."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str], int] = {}

    def note(self, service: str, *, is_delivered: bool) -> None:
        key = service, "delivered" if is_delivered else "lost"
        self._outcomes[key] = self._outcomes.get(key, 0) + 1

    def collect(self) -> Iterable[Metric]:
        messages = CounterMetricFamily(
            "headwater_messages",
            "Messages to destinations of failed batches and asynchronous invocations.",
            labels=["service", "outcome"],
        )
        for labels, count in self._outcomes.items():
            messages.add_metric(labels, count)
        yield messages


class Telemetry:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.requests = RequestCounts()
        self.delays = Delays()
        self.messages = MessageCounts()
        self._registry = CollectorRegistry()
        self._registry.register(self.requests)
        self._registry.register(self.delays)
        self._registry.register(self.messages)
        ProcessCollector(registry=self._registry)

    def add(self, collector: Collector) -> None:
        """Have what a part of the server counts among the metrics."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text form (`METRICS_CONTENT_TYPE`)."""
        return generate_latest(self._registry)

    def report(self) -> Report:
        """All metrics as values of JSON, for `joint_exposition`."""
        return [
            (
                metric.name,
                metric.documentation,
                metric.type,
                [(sample.name, sample.labels, sample.value) for sample in metric.samples],
            )
            for metric in self._registry.collect()
        ]


class _Joint:
    """The metrics of several processes, told apart by a label."""

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self._reports = reports

    def collect(self) -> Iterable[Metric]:
        joint: dict[str, Metric] = {}
        for worker, report in self._reports.items():
            for name, documentation, kind, samples in report:
                metric = joint.setdefault(name, Metric(name, documentation, kind))
                for sample, labels, value in samples:
                    metric.add_sample(sample, {**labels, "worker": worker}, value)
        return joint.values()


def joint_exposition(reports: Mapping[str, Report]) -> bytes:
    """The metrics of several processes, by their names, in one exposition.

    They are not added up: a process that is replaced begins at nothing, and a sum would go down.
    """
    return generate_latest(_Joint(reports))
