"""Capacity enforced: every read and write takes its units, or is refused.

A write is judged within its commit, where its cost is known: refused, it leaves nothing behind, no
record either. So is a read once it is known what it would return; a Query or a Scan is refused only
while nothing is left, and else takes what it has read. What is on demand is
limited where it has been given a limit; deletions by time to live never are. A local index takes
from its table.

Buckets live in memory: after a restart a table has what it gained since. A server that does not
enforce has no `Meters`, and its paths do not come by here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headwater.arn import index_arn, table_arn
from headwater.clock import Clock
from headwater.errors import (
    ConditionalCheckFailedException,
    ProvisionedThroughputExceededException,
    ServiceError,
    ThrottlingException,
)
from headwater.limits import throughput_buckets_max
from headwater.storage.committer import View
from headwater.tables.capacity import Tally, tally_of_write, write_units
from headwater.tables.override import NO_LIMIT
from headwater.tables.overriding import in_force
from headwater.tables.schema import Index, Table
from headwater.tables.throughput import Bucket, new_bucket
from headwater.tables.write import Effect, Write, apply, current_table, reads_of
from headwater.values import codec

_INDEX_EXCEEDED: Final = (
    "The level of configured provisioned throughput for one or more global secondary indexes of "
    "the table was exceeded. Consider increasing your provisioning level for the under-provisioned "
    "global secondary indexes with the UpdateTable API"
)
_LIMIT_EXCEEDED: Final = (
    "Throughput exceeds the maximum OnDemandThroughput configured on table or index."
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A bucket's name: a table or, by its index's id, a global index, and what is done to it."""

    table_id: str
    index_id: str | None
    is_write: bool


@dataclass(frozen=True, slots=True)
class _Cost:
    """Units wanted of one bucket."""

    place: _Place
    rate: int
    units: float
    table: Table
    index: Index | None

    @property
    def is_on_demand(self) -> bool:
        return (self.index or self.table).throughput is None


Taken = Sequence[tuple[_Place, float]]
"""Units taken, to be given back where what took them has not happened."""


class Meters:
    """The buckets of all tables. account: for the ARNs that a refusal names."""

    def __init__(self, clock: Clock, account: str) -> None:
        self._clock = clock
        self._account = account
        self._started_at = clock.now()
        self._buckets: dict[_Place, Bucket] = {}

    def take_read(self, table: Table, tally: Tally) -> Taken:
        """Take what a read costs, or raise one of THROTTLED."""
        return self._take(table, tally, is_write=False)

    def take_write(self, table: Table, tally: Tally) -> Taken:
        """Take what a write costs, of the table and its indexes, or of none of them and raise."""
        return self._take(table, tally, is_write=True)

    def check_read(self, table: Table, index: Index | None) -> None:
        """Refuse a read of unknown cost if nothing is left where it reads."""
        tally = Tally()
        tally.add(index, 0.0)
        for cost in _costs(table, tally, is_write=False):
            if self._bucket(table, cost).is_empty:
                raise self._refused(cost)

    def count_read(self, table: Table, tally: Tally) -> None:
        """Take what a read has cost, even if that leaves a debt."""
        for cost in _costs(table, tally, is_write=False):
            self._buckets[cost.place] = self._bucket(table, cost).less(cost.units)

    def give_back(self, taken: Taken) -> None:
        for place, units in taken:
            bucket = self._buckets.get(place)
            if bucket is not None:
                self._buckets[place] = bucket.less(-units)

    def work(self, write: Write, now_us: int) -> MeteredWork:
        """A write as work for the committer."""
        return MeteredWork(write, now_us, self)

    def _take(self, table: Table, tally: Tally, *, is_write: bool) -> Taken:
        costs = _costs(table, tally, is_write=is_write)
        left = []
        for cost in costs:
            bucket = self._bucket(table, cost)
            if not bucket.affords(cost.units):
                raise self._refused(cost)
            left.append(bucket.less(cost.units))
        for cost, bucket in zip(costs, left, strict=True):
            self._buckets[cost.place] = bucket
        return [(cost.place, cost.units) for cost in costs]

    def _bucket(self, table: Table, cost: _Cost) -> Bucket:
        """The bucket as it is now; unseen, it has gained since the table or this server began."""
        now = self._clock.now()
        bucket = self._buckets.get(cost.place)
        if bucket is not None:
            return bucket.filled(cost.rate, now)
        while len(self._buckets) >= throughput_buckets_max:  # the oldest is of a deleted table
            del self._buckets[next(iter(self._buckets))]
        return new_bucket(cost.rate, max(self._started_at, table.created_at), now)

    def _refused(self, cost: _Cost) -> ServiceError:
        table, index = cost.table, cost.index
        subject = "Table" if index is None else "Index"
        action = "Write" if cost.place.is_write else "Read"
        arn = table_arn(table.region, self._account, table.name)
        if index is not None:
            arn = index_arn(table.region, self._account, table.name, index.name)
        if cost.is_on_demand:
            reason = f"{subject}{action}MaxOnDemandThroughputExceeded"
            members = {"throttlingReasons": [{"reason": reason, "resource": arn}]}
            return ThrottlingException(_LIMIT_EXCEEDED, members)
        reason = f"{subject}{action}ProvisionedThroughputExceeded"
        return ProvisionedThroughputExceededException(
            None if index is None else _INDEX_EXCEEDED,
            {"ThrottlingReasons": [{"reason": reason, "resource": arn}]},
        )


class MeteredWork:
    """A write that takes its units in the commit that makes it."""

    __slots__ = ("_meters", "_now_us", "_taken", "_write", "reads")

    def __init__(self, write: Write, now_us: int, meters: Meters) -> None:
        self.reads = reads_of(write)
        self._write = write
        self._now_us = now_us
        self._meters = meters
        self._taken: Taken = ()

    def run(self, view: View) -> Effect:
        self._meters.give_back(self._taken)  # by a run whose commit did not come about
        self._taken = ()
        effect, self._taken = metered(view, self._write, self._now_us, self._meters)
        return effect


def metered(
    view: View, write: Write, now_us: int, meters: Meters, factor: int = 1
) -> tuple[Effect, Taken]:
    """Apply a write and take its units. A failed condition costs as its old item does.

    Raises one of THROTTLED beside what `apply` raises.
    """
    table = current_table(view, write.table)
    try:
        effect = apply(view, write, now_us)
    except ConditionalCheckFailedException:
        stored = view.get(write.key.stored)
        tally = Tally()
        size = 0 if stored is None else codec.size(stored)
        tally.add(None, factor * write_units(size, 0))
        meters.take_write(table, tally)
        raise
    return effect, meters.take_write(table, tally_of_write(effect, factor))


def _costs(table: Table, tally: Tally, *, is_write: bool) -> list[_Cost]:
    """What a tally wants of which buckets; of unlimited ones nothing."""
    costs = []
    table = in_force(table)
    own = tally.table_units + sum(tally.local_indexes.values())
    rate = _rate(table, is_write=is_write)
    if rate is not None and (own > 0 or not tally.global_indexes):
        costs.append(_Cost(_Place(table.table_id, None, is_write), rate, own, table, None))
    for name, units in tally.global_indexes.items():
        index = table.indexes_by_name.get(name)
        rate = None if index is None else _rate(index, is_write=is_write)
        if index is not None and rate is not None:
            place = _Place(table.table_id, index.index_id, is_write)
            costs.append(_Cost(place, rate, units, table, index))
    return costs


def _rate(what: Table | Index, *, is_write: bool) -> int | None:
    """Units gained each second; None without limit."""
    if what.throughput is not None:
        return what.throughput.write_units if is_write else what.throughput.read_units
    if what.on_demand_limit is None:
        return None
    limit = what.on_demand_limit.writes if is_write else what.on_demand_limit.reads
    return None if limit == NO_LIMIT else limit
