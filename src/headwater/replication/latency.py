"""How long changes take from one replica to another, among the metrics.

AWS's ReplicationLatency, of each table and receiving region, emitted in the sending one.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from headwater.consumers.delivery import Delivered
from headwater.consumers.observer import Ended, Happening, Observer
from headwater.replication.link import Link
from headwater.streams.entry import time_us_of

_LABELS = ("table", "region", "receiving_region")


class _Latency:
    """`Observer` of one link."""

    def __init__(self) -> None:
        self.records = 0
        self.seconds = 0.0

    def note(self, happening: Happening) -> None:
        match happening:
            case Ended(_, batch, Delivered(), at):
                self.records += len(batch.entries)
                self.seconds += sum(at - time_us_of(each.entry) / 1e6 for each in batch.entries)
            case _:
                pass


class Latencies(Collector):
    """Of every link that has run in this process; a metrics collector."""

    def __init__(self) -> None:
        self._by_link: dict[tuple[str, str, str], _Latency] = {}

    def observer(self, link: Link) -> Observer:
        labels = link.name, link.source.region, link.target.region
        return self._by_link.setdefault(labels, _Latency())

    def collect(self) -> Iterable[Metric]:
        latencies = SummaryMetricFamily(
            "headwater_replication_latency_seconds",
            "Time from a change's commit to its commit in another region's replica.",
            labels=_LABELS,
        )
        for labels, latency in list(self._by_link.items()):
            latencies.add_metric(labels, latency.records, latency.seconds)
        yield latencies
