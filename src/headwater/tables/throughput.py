"""Token buckets: how many capacity units may still be used of what is provisioned.

Pure. A bucket fills at its rate and holds at most what it gains in five minutes: that is the burst
of unused capacity that DynamoDB keeps (Developer Guide, "Burst capacity"). What costs more than a
full bucket holds passes when it is full, and what is only known to cost something once it has been
done is taken afterwards; either leaves a debt, which is paid before anything else passes.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.limits import throughput_burst_seconds


@dataclass(frozen=True, slots=True)
class Bucket:
    """Units left at a moment. rate: gained each second. level: below zero it is a debt."""

    rate: float
    level: float
    at: float

    def filled(self, rate: float, now: float) -> Bucket:
        """The bucket at a later moment, filling at another rate from then on."""
        gained = self.rate * max(0.0, now - self.at)
        return Bucket(rate, min(self.level + gained, rate * throughput_burst_seconds), now)

    def affords(self, units: float) -> bool:
        """Whether so many units may be taken: they are there, or the bucket is full."""
        return self.level >= min(units, self.rate * throughput_burst_seconds)

    @property
    def is_empty(self) -> bool:
        return self.level <= 0

    def less(self, units: float) -> Bucket:
        """The bucket without these units; negative ones are given back."""
        return Bucket(self.rate, self.level - units, self.at)


def new_bucket(rate: float, since: float, now: float) -> Bucket:
    """A bucket that held one second's units at `since` and of which nothing was taken until now."""
    return Bucket(rate, rate, since).filled(rate, now)
