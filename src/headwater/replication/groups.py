"""Replicas added to a global table and taken out of it, as UpdateTable's ReplicaUpdates asks.

A new replica of this server is an empty table in the state CREATING with links from and to all
others, all stored in the commit that answers the client; `keeper.py` fills it and brings both to a
state that lasts. Of one on another server only the links to it are stored; `contacts.py` has that
server create it. Servers concerned are asked before (`consultation.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headwater.clock import Chance, Clock
from headwater.errors import ValidationException
from headwater.replication import link as links
from headwater.replication.consultation import (
    check_idle,
    consult_on_addition,
    consult_on_removal,
    exists_already,
)
from headwater.replication.request import AddReplica, OverrideReplicas, RemoveReplica, ReplicaChange
from headwater.replication.scan import percent
from headwater.replication.wire import Wire
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import IndexId, TableId
from headwater.streams.shard import Opening
from headwater.streams.window import ViewType
from headwater.tables import membership, overriding, partitions, schema, stream_switch, unsettled
from headwater.tables.catalog import Catalog
from headwater.tables.deletion import check_deletable
from headwater.tables.override import Override
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

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        clock: Clock,
        chance: Chance,
        wire: Wire,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock
        self._chance = chance
        self._wire = wire

    async def update(self, region: str, name_or_arn: str, change: ReplicaChange) -> Table:
        """Begin to add a replica or to remove one; the table is UPDATING until that is done.

        Raises ResourceNotFoundException, ResourceInUseException if the table or a replica is busy,
        ValidationException if it cannot be.
        """
        table = await self._catalog.describe(region, name_or_arn)
        match change:
            case AddReplica(added, override):
                _check_addable(table, added)
                await consult_on_addition(self._wire, table, added)
                joining = await self._joining(table, added, override)
                changed = await self._catalog.change(table, joining, joining.reads)
            case OverrideReplicas(overrides):
                overriding_step = _Overriding(overrides, self._clock.now())
                changed = await self._catalog.change(table, overriding_step, membership.keys_of)
            case RemoveReplica(removed):
                step = await self._removal(table, removed)
                changed = await self._catalog.change(table, step, membership.keys_of)
        assert changed is not None, "a change of replicas leaves the table"
        return changed

    async def progress(self, table: Table) -> Mapping[str, int]:
        """How much of a table its new replicas have from here, in hundredths, by region."""
        new = [each for each in table.replicas if each.status is ReplicaStatus.CREATING]
        if not new:
            return {}
        keys = [delivery_keys.link(table.table_id, each.table_id) for each in new]
        stored = await self._engine.get(keys)
        return {
            each.region: percent(table, bytes.fromhex(links.decode(found).scanned))
            for each, found in zip(new, stored, strict=True)
            if found is not None
        }

    async def _joining(self, table: Table, region: str, override: Override) -> _Joining:
        now = self._clock.now()
        own = await stream_switch.opening(self._engine, table, now, self._chance)
        blank = replace(table, region=region, table_id=TableId(self._chance.uuid()))
        added = Replica(region, blank.table_id, ReplicaStatus.CREATING)
        if region in self._wire.regions:
            return _Joining(replace(added, is_remote=True), override, (), now, own, None)
        theirs = await stream_switch.opening(self._engine, blank, now, self._chance)
        index_ids = [IndexId(self._chance.token(8).hex()) for _ in table.indexes]
        return _Joining(added, override, index_ids, now, own, theirs)

    async def _removal(self, table: Table, region: str) -> _Removal | _Release:
        replica = next((each for each in table.replicas if each.region == region), None)
        if replica is not None and replica.is_remote:
            if region not in self._wire.regions:
                return _Release(replica)
            check_idle(table)
            await consult_on_removal(self._wire, table, replica)
        return _Removal(region, self._clock.now())


@dataclass(frozen=True, slots=True)
class _Joining:
    """The step of a table's change that adds a replica.

    own, theirs: openings of the table's stream, if it has none, and of the replica's; None if it is
    of another server.
    """

    added: Replica
    override: Override
    index_ids: Sequence[IndexId]
    now: float
    own: Opening
    theirs: Opening | None

    def reads(self, table: Table) -> Sequence[bytes]:
        own = stream_switch.on(table, self.own, ViewType.NEW_AND_OLD_IMAGES).reads
        keys = [keyspace.table(self.added.region, table.name), *own, *membership.keys_of(table)]
        if self.theirs is not None:
            label = self.theirs.stream_label
            keys.append(keyspace.stream(self.added.region, table.name, label))
        return keys

    def __call__(self, view: View, table: Table) -> Table:
        _check_addable(table, self.added.region)
        if view.get(keyspace.table(self.added.region, table.name)) is not None:
            raise exists_already(table.name)
        if table.stream is None:
            table = stream_switch.on(table, self.own, ViewType.NEW_AND_OLD_IMAGES).run(view, table)
        assert table.stream is not None, "it is on now"
        overrides = table.overrides
        if self.override != overriding.NONE:
            overrides = overriding.merged(table, self.added.region, self.override, self.now)
        changed = table.changed(
            status=TableStatus.UPDATING,
            replicas=(*table.replicas, self.added),
            source_at=self.now,
            overrides=overrides,
        )
        new = None
        if self.theirs is not None:
            new = self._create(view, replace(table, overrides=overrides), self.theirs)
        self._join(view, changed, new)

        def follow(other: Table) -> Table:
            self._join(view, other, new)
            return other.changed(replicas=(*other.replicas, self.added), overrides=overrides)

        membership.follow(view, table, follow)
        return changed

    def _create(self, view: View, table: Table, opening: Opening) -> Table:
        """Store the replica, with its links to those of other servers."""
        assert table.stream is not None, "it is on now"
        present = Replica(table.region, table.table_id, ReplicaStatus.ACTIVE)
        new = self._replica(table, (present, *table.replicas))
        new = stream_switch.on(new, opening, table.stream.view).run(view, new)
        if new.time_to_live is not None:
            view.put(new.expiries_prefix, new.key)
        view.put(new.key, schema.encode(new))
        unsettled.mark(view, new.key, new)
        for replica in table.replicas:
            if replica.is_remote:
                links.put(view, links.new(new, replica, self._now_us, must_scan=False))
        return new

    def _join(self, view: View, member: Table, new: Table | None) -> None:
        """Link a member to the replica, and, if that is of this server, back."""
        links.put(view, links.new(member, self.added, self._now_us, must_scan=True))
        if new is not None:
            back = Replica(member.region, member.table_id, ReplicaStatus.ACTIVE)
            links.put(view, links.new(new, back, self._now_us, must_scan=False))

    @property
    def _now_us(self) -> int:
        return int(self.now * 1e6)

    def _replica(self, table: Table, replicas: tuple[Replica, ...]) -> Table:
        """A table as the one given, of the new region and empty: with what replicas share."""
        return Table(
            self.added.region,
            table.name,
            self.added.table_id,
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
            departed=table.departed,
            shared=table.shared,
            overrides=table.overrides,
        )


@dataclass(frozen=True, slots=True)
class _Removal:
    """The step of a table's change that begins to remove a replica."""

    region: str
    now: float

    def __call__(self, view: View, table: Table) -> Table:
        check_idle(table)
        if all(replica.region != self.region for replica in table.replicas):
            raise _not_of_the_group([self.region])
        stored = view.get(keyspace.table(self.region, table.name))
        if stored is not None:  # else it is another server's, which was asked
            check_deletable(schema.decode(stored), self.now)

        def follow(other: Table) -> Table:
            return membership.marked(other, self.region, ReplicaStatus.DELETING)

        membership.follow(view, table, follow)
        return follow(table).changed(status=TableStatus.UPDATING)


@dataclass(frozen=True, slots=True)
class _Overriding:
    """The step of a table's change that changes what replicas have otherwise."""

    overrides: Mapping[str, Override]
    now: float

    def __call__(self, view: View, table: Table) -> Table:
        check_idle(table)
        known = {table.region, *(each.region for each in table.replicas)}
        if not table.replicas or not self.overrides.keys() <= known:
            known = known if table.replicas else set()
            raise _not_of_the_group(sorted(self.overrides.keys() - known))
        overrides = table.overrides
        for region, asked in self.overrides.items():
            overrides = overriding.merged(
                replace(table, overrides=overrides), region, asked, self.now
            )
        membership.follow(view, table, lambda other: other.changed(overrides=overrides))
        return table.changed(status=TableStatus.UPDATING, overrides=overrides)


def _not_of_the_group(regions: Sequence[str]) -> ValidationException:
    return ValidationException(
        "Update global table operation failed because one or more replicas were not part of the "
        f"global table. Please retry the request without these replicas: [{', '.join(regions)}]."
    )


@dataclass(frozen=True, slots=True)
class _Release:
    """The step that lets go of a replica whose server is not known any more."""

    gone: Replica

    def __call__(self, view: View, table: Table) -> Table:
        def follow(other: Table) -> Table:
            return membership.without(other, self.gone)

        membership.follow(view, table, follow)
        return follow(table)


def _check_addable(table: Table, region: str) -> None:
    check_idle(table)
    if table.throughput is not None:
        raise ValidationException(
            "Table write capacity should either be Pay-Per-Request or AutoScaled."
        )
    if any(replica.region == region for replica in table.replicas):
        raise exists_already(table.name)


def _index(index: Index, index_id: IndexId) -> Index:
    status = IndexStatus.CREATING if index.is_global else IndexStatus.ACTIVE
    return replace(index, index_id=index_id, status=status, is_backfilling=False)


def _time_to_live(present: TimeToLive | None) -> TimeToLive | None:
    """Of a replica, which has no items yet."""
    if present is None or present.status is TimeToLiveStatus.DISABLING:
        return None
    return replace(present, status=TimeToLiveStatus.ENABLED)
