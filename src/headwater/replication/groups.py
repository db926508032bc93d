"""Replicas added to a global table and taken out of it, as UpdateTable's ReplicaUpdates asks.

A new replica is an empty table in the state CREATING with links from and to all others, all stored
in the commit that answers the client; `keeper.py` fills it and brings both to a state that lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headwater.clock import Chance, Clock
from headwater.errors import ResourceInUseException, ValidationException
from headwater.replication import link as links
from headwater.replication.request import AddReplica, RemoveReplica, ReplicaChange
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import IndexId, TableId
from headwater.streams.shard import Opening
from headwater.streams.window import ViewType
from headwater.tables import membership, partitions, schema, stream_switch, unsettled
from headwater.tables.catalog import Catalog
from headwater.tables.deletion import check_deletable
from headwater.tables.schema import (
    Index,
    IndexStatus,
    Replica,
    ReplicaStatus,
    Table,
    TableStatus,
    TimeToLive,
    TimeToLiveStatus,
)


class Groups:
    """The global tables of a store."""

    def __init__(self, engine: Engine, catalog: Catalog, clock: Clock, chance: Chance) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock
        self._chance = chance

    async def update(self, region: str, name_or_arn: str, change: ReplicaChange) -> Table:
        """Begin to add a replica or to remove one; the table is UPDATING until that is done.

        Raises ResourceNotFoundException, ResourceInUseException if the table or a replica is busy,
        ValidationException if it cannot be.
        """
        table = await self._catalog.describe(region, name_or_arn)
        match change:
            case AddReplica(added):
                joining = await self._joining(table, added)
                changed = await self._catalog.change(table, joining, joining.reads)
            case RemoveReplica(removed):
                removal = _Removal(removed, self._clock.now())
                changed = await self._catalog.change(table, removal, membership.keys_of)
        assert changed is not None, "a change of replicas leaves the table"
        return changed

    async def _joining(self, table: Table, region: str) -> _Joining:
        now = self._clock.now()
        own = await stream_switch.opening(self._engine, table, now, self._chance)
        blank = replace(table, region=region, table_id=TableId(self._chance.uuid()))
        theirs = await stream_switch.opening(self._engine, blank, now, self._chance)
        index_ids = [IndexId(self._chance.token(8).hex()) for _ in table.indexes]
        return _Joining(region, blank.table_id, index_ids, now, own, theirs)


@dataclass(frozen=True, slots=True)
class _Joining:
    """The step of a table's change that adds a replica.

    own, theirs: openings of the table's stream, if it has none, and of the replica's.
    """

    region: str
    table_id: TableId
    index_ids: Sequence[IndexId]
    now: float
    own: Opening
    theirs: Opening

    def reads(self, table: Table) -> Sequence[bytes]:
        replica = keyspace.table(self.region, table.name)
        stream = keyspace.stream(self.region, table.name, self.theirs.stream_label)
        own = stream_switch.on(table, self.own, ViewType.NEW_AND_OLD_IMAGES)
        return (replica, stream, *own.reads, *membership.keys_of(table))

    def __call__(self, view: View, table: Table) -> Table:
        self._check(view, table)
        if table.stream is None:
            table = stream_switch.on(table, self.own, ViewType.NEW_AND_OLD_IMAGES).run(view, table)
        assert table.stream is not None, "it is on now"
        added = Replica(self.region, self.table_id, ReplicaStatus.CREATING)
        changed = table.changed(
            status=TableStatus.UPDATING, replicas=(*table.replicas, added), source_at=self.now
        )
        present = Replica(table.region, table.table_id, ReplicaStatus.ACTIVE)
        new = self._replica(table, (present, *table.replicas))
        new = stream_switch.on(new, self.theirs, table.stream.view).run(view, new)
        if new.time_to_live is not None:
            view.put(new.expiries_prefix, new.key)
        view.put(new.key, schema.encode(new))
        unsettled.mark(view, new.key, new)
        self._join(view, changed, new)

        def follow(other: Table) -> Table:
            self._join(view, other, new)
            return other.changed(replicas=(*other.replicas, added))

        membership.follow(view, table, follow)
        return changed

    def _join(self, view: View, member: Table, new: Table) -> None:
        now_us = int(self.now * 1e6)
        links.put(view, links.new(member, new, now_us, must_scan=True))
        links.put(view, links.new(new, member, now_us, must_scan=False))

    def _check(self, view: View, table: Table) -> None:
        check_idle(table)
        if table.throughput is not None:
            raise ValidationException(
                "Table write capacity should either be Pay-Per-Request or AutoScaled."
            )
        is_replica = any(replica.region == self.region for replica in table.replicas)
        if is_replica or view.get(keyspace.table(self.region, table.name)) is not None:
            raise ValidationException(
                "Failed to create a the new replica of table with name: "
                f"\u2018{table.name}\u2019 because one or more replicas already existed as tables."
            )

    def _replica(self, table: Table, replicas: tuple[Replica, ...]) -> Table:
        """A table as the one given, of the new region and empty: with what replicas share."""
        return Table(
            self.region,
            table.name,
            self.table_id,
            TableStatus.CREATING,
            self.now,
            table.keys,
            partitions.initial(schema.Units(), len(table.partitions)),
            tuple(map(_index, table.indexes, self.index_ids)),
            table.throughput,
            self.now if table.throughput is None else None,
            time_to_live=_time_to_live(table.time_to_live),
            collection_bytes_max=table.collection_bytes_max,
            table_class=table.table_class,
            on_demand_limit=table.on_demand_limit,
            warm=table.warm,
            replicas=replicas,
        )


@dataclass(frozen=True, slots=True)
class _Removal:
    """The step of a table's change that begins to remove a replica."""

    region: str
    now: float

    def __call__(self, view: View, table: Table) -> Table:
        check_idle(table)
        if all(replica.region != self.region for replica in table.replicas):
            raise ValidationException(
                "Update global table operation failed because one or more replicas were not part "
                "of the global table. Please retry the request without these replicas: "
                f"[{self.region}]."
            )
        stored = view.get(keyspace.table(self.region, table.name))
        assert stored is not None, "an active replica is a table"
        check_deletable(schema.decode(stored), self.now)

        def follow(other: Table) -> Table:
            return membership.marked(other, self.region, ReplicaStatus.DELETING)

        membership.follow(view, table, follow)
        return follow(table).changed(status=TableStatus.UPDATING)


def check_idle(table: Table) -> None:
    """Raises ResourceInUseException if a table's replicas cannot be changed now."""
    is_settled = table.status is TableStatus.ACTIVE and unsettled.has_settled_indexes(table)
    if not is_settled or table.has_pending_replicas:
        raise ResourceInUseException


def _index(index: Index, index_id: IndexId) -> Index:
    status = IndexStatus.CREATING if index.is_global else IndexStatus.ACTIVE
    return replace(index, index_id=index_id, status=status, is_backfilling=False)


def _time_to_live(present: TimeToLive | None) -> TimeToLive | None:
    """Of a replica, which has no items yet."""
    if present is None or present.status is TimeToLiveStatus.DISABLING:
        return None
    return replace(present, status=TimeToLiveStatus.ENABLED)
