"""What consumers of a kind have counted, as metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily


def counter_families(
    prefix: str,
    meanings: Mapping[str, str],
    label_names: Sequence[str],
    counted: Iterable[tuple[Sequence[str], Mapping[str, int]]],
) -> Iterable[CounterMetricFamily]:
    """A counter for each name that has a meaning. counted: labels, and the counts by name."""
    found = list(counted)
    for name, meaning in meanings.items():
        counter = CounterMetricFamily(f"{prefix}_{name}", meaning, labels=label_names)
        for labels, counts in found:
            counter.add_metric(labels, counts[name])
        yield counter
