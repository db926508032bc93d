"""Replicas on different servers, telling each other what they have come to.

In one exchange a replica sends its state and gets the other's; each merges what it is told in one
commit, with its siblings: the replicas of its own server. Merging the same again changes nothing,
so an exchange may be lost, repeated or late. A replica that is to be is made by the first exchange
with its server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from headwater.clock import Clock
from headwater.errors import (
    AccessDeniedException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.replication import blueprint, roster, settings
from headwater.replication import link as links
from headwater.replication import state as states
from headwater.replication.blueprint import Check
from headwater.replication.changes import heard
from headwater.replication.link import End, Link
from headwater.replication.message import Address
from headwater.replication.state import Member, State
from headwater.replication.wire import PeerRefused, Wire
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.tables import membership, schema
from headwater.tables.catalog import Catalog
from headwater.tables.definition import Definition
from headwater.tables.schema import (
    Replica,
    ReplicaStatus,
    Table,
    TableStatus,
    TimeToLive,
    TimeToLiveStatus,
)
from headwater.tables.stream_switch import Switch
from headwater.tables.transitions import Stores

EXCHANGE: Final = "ExchangeReplicaState"
_log = structlog.get_logger(__name__)


class ReplicaGone(Exception):
    """The other server has no such replica."""


class NameTaken(ReplicaGone):
    """The other server has another table of the name."""


def state_of(table: Table, target: End, found: Sequence[Link]) -> State:
    """What a table tells another replica. found: all links of the store."""
    own = [link for link in found if link.source.table_id == table.table_id]
    to_target = (link for link in own if link.target.table_id == target.table_id)
    filling = next(to_target, None)
    is_sound = bool(own) and not any(link.must_scan for link in own)
    time_to_live = table.time_to_live
    is_on = time_to_live is not None and time_to_live.status is not TimeToLiveStatus.DISABLING
    return State(
        Address(table.name, links.end_of(table), target),
        roster.members_of(table),
        table.departed,
        blueprint.input_of(table),
        time_to_live.attribute if time_to_live is not None and is_on else None,
        table.shared,
        has_filled=filling is not None and not filling.must_scan,
        sound_us=min(link.sound_us for link in own) if is_sound else None,
        overrides=table.overrides,
    )


class Exchanges:
    """Both ends of exchanges. check: of CreateTable's body, against AWS's model."""

    def __init__(
        self, stores: Stores, catalog: Catalog, wire: Wire, clock: Clock, check: Check
    ) -> None:
        self._stores = stores
        self._catalog = catalog
        self._wire = wire
        self._clock = clock
        self._check = check

    async def send(self, link: Link, state: State) -> State:
        """Tell a link's target, and take what it tells; returns that.

        Raises PeerUnreachable, PeerRefused, or ReplicaGone if it is not there.
        """
        try:
            answer = await self._wire.call(link.target.region, EXCHANGE, states.encode(state))
        except PeerRefused as error:
            if error.code == ResourceNotFoundException.__name__:
                raise ReplicaGone(str(error)) from error
            if error.code == ResourceInUseException.__name__:
                raise NameTaken(str(error)) from error
            raise
        told = self._read(answer)
        expected = Address(link.name, link.target, link.source)
        if told.address != expected:
            raise ValidationException("The peer has answered for another replica")
        table = await self._catalog.describe(link.source.region, link.name)
        if table.table_id == link.source.table_id:
            await self._take(table, told)
        return told

    async def receive(self, body: Any) -> State:
        """Take what a replica of another server tells; returns what is to be told in turn.

        Whoever calls has made sure that the sender speaks for its region. Raises ServiceError.
        """
        told = self._read(body)
        table = await self._told(told)
        await self._take(table, told)
        present = await self._catalog.describe(table.region, table.name)
        found = await links.every(self._stores.engine)
        return state_of(present, told.address.source, found)

    def _read(self, body: Any) -> State:
        told = states.decode(body)
        blueprint.definition_of(told.address.name, told.definition, self._check)
        return told

    async def _told(self, told: State) -> Table:
        """The replica that is addressed; made, if it is to be."""
        target = told.address.target
        key = keyspace.table(target.region, told.address.name)
        (stored,) = await self._stores.engine.get([key])
        table = None if stored is None else schema.decode(stored)
        is_invited = told.status_of(target.table_id) is ReplicaStatus.CREATING
        if table is None and is_invited:
            return await self._create(told)
        if table is None or table.table_id != target.table_id:
            if table is not None and is_invited:
                raise ResourceInUseException(f"Table already exists: {table.name}")
            raise ResourceNotFoundException
        return table

    async def _create(self, told: State) -> Table:
        """A replica, empty and CREATING, with links to all others; siblings hear of it at once."""
        name, target = told.address.name, told.address.target
        definition = blueprint.definition_of(name, told.definition, self._check)
        if definition.view is None:
            raise ValidationException("A replica needs a stream")
        now_us = int(self._clock.now() * 1e6)
        joining = _Joining(told, now_us)
        keys = tuple(keyspace.table(each.region, name) for each in told.members)
        try:
            created = await self._catalog.create(
                target.region, definition, Switch(keys, joining), target.table_id
            )
        except ResourceInUseException:
            present = await self._catalog.describe(target.region, name)
            if present.table_id == target.table_id:
                return present  # another member was as quick
            raise
        _log.info("replica_created", table=name, region=target.region)
        return created

    async def _take(self, table: Table, told: State) -> None:
        """Merge what a replica tells into a table, its siblings, and its link to that replica."""
        source = told.address.source
        if all(each.table_id != source.table_id for each in table.replicas):
            if source.table_id in table.departed:
                return  # it is told in turn that it has left
            raise AccessDeniedException("The table is not shared with this replica")
        merging = self._merging(told)
        changed = await self._catalog.change(table, merging, membership.keys_of)
        assert changed is not None, "merging leaves the table"
        await self._note(changed, told)
        await self._obey(changed, told)

    def _merging(self, told: State) -> _Merging:
        definition = blueprint.definition_of(told.address.name, told.definition, self._check)
        return _Merging(told, definition, frozenset(self._wire.regions), self._clock.now())

    async def _note(self, table: Table, told: State) -> None:
        key = delivery_keys.link(table.table_id, told.address.source.table_id)
        (stored,) = await self._stores.engine.get([key])
        if stored is None:
            return
        link = links.decode(stored)
        said = (True, told.has_filled, told.sound_us)
        if said != (link.has_met, link.has_filled, link.heard_us):
            await self._stores.committer.submit(
                heard(link, has_filled=told.has_filled, sound_us=told.sound_us)
            )

    async def _obey(self, table: Table, told: State) -> None:
        """Begin to go, if others have removed this replica."""
        has_left_unfinished = not table.replicas and table.status is TableStatus.CREATING
        is_removed = told.status_of(table.table_id) is ReplicaStatus.DELETING
        if table.status is TableStatus.DELETING or not (has_left_unfinished or is_removed):
            return

        def check(present: Table) -> None:
            if present.table_id != table.table_id:
                raise ResourceNotFoundException

        await self._catalog.delete(table.region, table.name, check)


@dataclass(frozen=True, slots=True)
class _Joining:
    """The step that makes a replica one of its group, as it is created."""

    told: State
    now_us: int

    def __call__(self, view: View, table: Table) -> Table:
        others = tuple(
            Replica(each.region, each.table_id, each.status, not _is_here(view, table.name, each))
            for each in self.told.members
            if each.table_id != table.table_id and each.table_id not in self.told.departed
        )
        attribute = self.told.expires_by
        time_to_live = None
        if attribute is not None:
            time_to_live = TimeToLive(attribute, TimeToLiveStatus.ENABLED)
            view.put(table.expiries_prefix, table.key)
        new = table.changed(
            replicas=others,
            departed=tuple(self.told.departed),
            shared=dict(self.told.shared),
            overrides=dict(self.told.overrides),
            time_to_live=time_to_live,
        )
        for each in others:
            links.put(view, links.new(new, each, self.now_us, must_scan=False))
        added = Replica(table.region, table.table_id, ReplicaStatus.CREATING)

        def follow(sibling: Table) -> Table:
            links.put(view, links.new(sibling, added, self.now_us, must_scan=True))
            return sibling.changed(replicas=(*sibling.replicas, added))

        membership.follow(view, new, follow)
        return new


@dataclass(frozen=True, slots=True)
class _Merging:
    """The step that merges what was told into a table and its siblings."""

    told: State
    definition: Definition
    peers: frozenset[str]
    now: float

    def __call__(self, view: View, table: Table) -> Table:
        membership.follow(view, table, lambda sibling: self._merged(view, sibling))
        return self._merged(view, table)

    def _merged(self, view: View, table: Table) -> Table:
        merged = roster.merged(table, self.told, self.peers)
        for each in _new(table.replicas, merged.replicas):
            now_us = int(self.now * 1e6)
            links.put(view, links.new(merged, each, now_us, must_scan=True))
        if not merged.replicas:
            return merged
        return settings.taken(view, merged, self.told, self.definition, self.now)


def _is_here(view: View, name: str, member: Member) -> bool:
    """Whether a replica is of this server."""
    stored = view.get(keyspace.table(member.region, name))
    return stored is not None and schema.decode(stored).table_id == member.table_id


def _new(before: Sequence[Replica], after: Sequence[Replica]) -> list[Replica]:
    known = {each.table_id for each in before}
    return [each for each in after if each.table_id not in known]
