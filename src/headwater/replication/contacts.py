"""When a replica tells those on other servers what it has come to, and what it is when it cannot.

A replica tells another at once when what it has to say is new, again and again (with growing
pauses) until it is heard, and else now and then, to hear of the other. A replica that is not there
any more is dropped if it was to go. One that cannot be told stays in the group, however long; that
it is in trouble is shown with the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import structlog

from headwater.clock import Chance, Clock
from headwater.errors import ServiceError, ValidationException
from headwater.limits import (
    contact_retry_seconds_first,
    contact_retry_seconds_max,
    contact_seconds,
    contact_trouble_seconds,
)
from headwater.replication import state as states
from headwater.replication.exchange import Exchanges, NameTaken, ReplicaGone, state_of
from headwater.replication.link import Link
from headwater.replication.state import State
from headwater.replication.wire import PeerRefused, PeerUnreachable, Wire
from headwater.storage.committer import View
from headwater.storage.engine import Unavailable
from headwater.tables import membership
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Replica, ReplicaStatus, Table, Trouble

_DOUBLINGS_MAX: Final = 10
_FAILURES_PATIENT: Final = 5  # one that has failed so often is no reason to look at all links soon
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Contact:
    """With one link's target.

    told: what it has heard last. has_all: nothing is expected of it. next_at: epoch seconds.
    tries: exchanges since it had all; failures: those in vain, since an epoch second.
    """

    told: bytes = b""
    has_all: bool = False
    next_at: float = 0.0
    tries: int = 0
    failures: int = 0
    failing_since: float = 0.0
    is_under_way: bool = False


class Contacts:
    """Of all links to other servers."""

    def __init__(
        self, exchanges: Exchanges, catalog: Catalog, wire: Wire, clock: Clock, chance: Chance
    ) -> None:
        self._exchanges = exchanges
        self._catalog = catalog
        self._wire = wire
        self._clock = clock
        self._chance = chance
        self._contacts: dict[bytes, _Contact] = {}

    def reaches(self, region: str) -> bool:
        """Whether a peer is configured for a region."""
        return region in self._wire.regions

    def has_told(self, link: Link, table: Table, found: Sequence[Link]) -> bool:
        """Whether the target has heard what the table has to say now."""
        contact = self._contacts.get(link.key)
        return contact is not None and contact.told == _digest(state_of(table, link.target, found))

    def forget(self, link: Link) -> None:
        self._contacts.pop(link.key, None)

    async def tend(
        self, tasks: asyncio.TaskGroup, link: Link, table: Table, found: Sequence[Link]
    ) -> bool:
        """Begin to tell a link's target, if it is time; returns whether that can wait long.

        found: all links of the store.
        """
        replica = _target(table, link)
        if replica is None:
            return True
        if replica.status is ReplicaStatus.DELETING and not self.reaches(replica.region):
            await self._depart(table, replica)
            return True
        contact = self._contacts.setdefault(link.key, _Contact())
        state = state_of(table, link.target, found)
        has_news = contact.told != _digest(state)
        is_due = self._clock.now() >= contact.next_at or (has_news and not contact.failures)
        if is_due and not contact.is_under_way:
            contact.is_under_way = True
            tasks.create_task(self._tell(link, state, contact))
        return contact.failures > _FAILURES_PATIENT or (contact.has_all and not has_news)

    async def _tell(self, link: Link, state: State, contact: _Contact) -> None:
        try:
            await self._try(link, state, contact)
        except (ServiceError, Unavailable) as error:
            _log.info("replica_changes_meanwhile", table=link.name, error=str(error))
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged and tried again
            _log.error("peer_not_told", table=link.name, exc_info=error)
        finally:
            contact.is_under_way = False

    async def _try(self, link: Link, state: State, contact: _Contact) -> None:
        contact.next_at = self._clock.now() + self._pause(contact)
        contact.tries += 1
        try:
            told = await self._exchanges.send(link, state)
        except ReplicaGone as error:
            await self._gone(link, contact, error)
        except (PeerUnreachable, PeerRefused, ValidationException) as error:
            await self._failed(link, contact, error)
        else:
            contact.told = _digest(state)
            contact.failures = 0
            is_going = state.status_of(link.target.table_id) is ReplicaStatus.DELETING
            contact.has_all = told.shared == state.shared and not is_going
            if contact.has_all:
                contact.tries = 0
                contact.next_at = self._clock.now() + contact_seconds
            await self._show(link, None)

    def _pause(self, contact: _Contact) -> float:
        doubled = contact_retry_seconds_first * 2 ** min(contact.tries, _DOUBLINGS_MAX)
        longest = min(doubled, contact_retry_seconds_max)
        return self._chance.uniform(longest / 2, longest)

    async def _gone(self, link: Link, contact: _Contact, error: ReplicaGone) -> None:
        table = await self._catalog.describe(link.source.region, link.name)
        replica = _target(table, link)
        if replica is None:
            return
        is_taken = replica.status is ReplicaStatus.CREATING and isinstance(error, NameTaken)
        if is_taken or replica.status is ReplicaStatus.DELETING:
            if is_taken:
                _log.warning("replica_not_created", table=link.name, error=str(error))
            await self._depart(table, replica)
        else:
            await self._failed(link, contact, error)

    async def _failed(self, link: Link, contact: _Contact, error: Exception) -> None:
        now = self._clock.now()
        if not contact.failures:
            contact.failing_since = now
        contact.failures += 1
        if now < contact.failing_since + contact_trouble_seconds:
            return
        status = ReplicaStatus.REGION_DISABLED
        if isinstance(error, PeerRefused):
            status = ReplicaStatus.REPLICATION_NOT_AUTHORIZED
        await self._show(link, Trouble(status, str(error), contact.failing_since))

    async def _show(self, link: Link, trouble: Trouble | None) -> None:
        """Have a replica's trouble, or its end, shown with the table."""
        table = await self._catalog.describe(link.source.region, link.name)
        replica = _target(table, link)
        if replica is None or _is_same(replica.trouble, trouble):
            return
        if trouble is None:
            _log.info("peer_reached", table=link.name, region=link.target.region)
        else:
            said = trouble.description
            _log.warning("peer_in_trouble", table=link.name, region=replica.region, error=said)

        def step(_view: View, present: Table) -> Table:
            return present.changed(
                replicas=tuple(
                    replace(each, trouble=trouble) if each.table_id == replica.table_id else each
                    for each in present.replicas
                )
            )

        await self._catalog.change(table, step)

    async def _depart(self, table: Table, replica: Replica) -> None:
        def step(_view: View, present: Table) -> Table:
            return membership.without(present, replica)

        await self._catalog.change(table, step)


def _target(table: Table, link: Link) -> Replica | None:
    known = (each for each in table.replicas if each.table_id == link.target.table_id)
    return next(known, None)


def _is_same(one: Trouble | None, other: Trouble | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.status, one.description) == (other.status, other.description)


def _digest(state: State) -> bytes:
    """What tells whether a state has news; how sound a link is is no news but a report."""
    return blake2b(states.encode(replace(state, sound_us=None)), digest_size=16).digest()
