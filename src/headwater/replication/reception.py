"""What peers send, taken or refused: a peer speaks for its region and for nothing else.

The caller's key tells which peer it is; every message says from which replica it is and to which.
What is said for another region, to a region that is not of this server, or to a table that is not
shared with that replica is refused, and so is what is malformed, before anything is changed.
"""

from __future__ import annotations

from typing import Any

from headwater.clock import Clock
from headwater.errors import (
    AccessDeniedException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.limits import peer_clock_seconds_max
from headwater.peers import Peers
from headwater.replication import consultation
from headwater.replication import state as states
from headwater.replication.exchange import Exchanges
from headwater.replication.link import End
from headwater.replication.message import read_address
from headwater.replication.payload import read_items
from headwater.replication.receive import Receiver
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table


class Reception:
    """The operations that peers call. caller: the access key that has signed."""

    def __init__(
        self,
        peers: Peers,
        exchanges: Exchanges,
        receiver: Receiver,
        catalog: Catalog,
        clock: Clock,
    ) -> None:
        self._peers = peers
        self._exchanges = exchanges
        self._receiver = receiver
        self._catalog = catalog
        self._clock = clock

    async def consult(self, caller: str | None, body: Any) -> None:
        """Say whether a group may change; see `consultation.py`."""
        self._check_speaker(caller, consultation.read_source(body))
        await consultation.answer(body, self._catalog, self._peers, self._clock.now())

    async def exchange(self, caller: str | None, body: Any) -> bytes:
        """Take a replica's state and give another's; see `exchange.py`."""
        address = read_address(body)
        self._check_speaker(caller, address.source)
        self._check_here(address.target)
        return states.encode(await self._exchanges.receive(body))

    async def take(self, caller: str | None, body: Any) -> int:
        """Apply items; returns how many were newer than what there was. See `payload.py`."""
        address = read_address(body)
        self._check_speaker(caller, address.source)
        self._check_here(address.target)
        table = await self._catalog.known(address.target.region, address.name)
        if table.table_id != address.target.table_id:
            raise ResourceNotFoundException
        _check_shared(table, address.source)
        latest_us = int((self._clock.now() + peer_clock_seconds_max) * 1e6)
        arrivals = read_items(body, table, latest_us)
        return await self._receiver.take(address.name, address.target, arrivals)

    def _check_speaker(self, caller: str | None, source: End) -> None:
        peer = self._peers.get(source.region)
        if peer is None or caller is None or peer.access_key_id != caller:
            raise AccessDeniedException(f"This key does not speak for the region {source.region}")

    def _check_here(self, target: End) -> None:
        if target.region in self._peers:
            raise ValidationException(f"The region {target.region} is not one of this server's")


def _check_shared(table: Table, source: End) -> None:
    if all(each.table_id != source.table_id for each in table.replicas):
        raise AccessDeniedException("The table is not shared with this replica")
