"""Items sent to replicas wherever they are: on this server, or on a peer, in several requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog

from headwater.errors import ServiceUnavailable
from headwater.replication.link import Link
from headwater.replication.message import Address
from headwater.replication.payload import bodies
from headwater.replication.receive import Arrival, Receiver
from headwater.replication.wire import PeerRefused, PeerUnreachable, Wire

TAKE: Final = "TakeReplicaItems"
_log = structlog.get_logger(__name__)


class Takers:
    """`Taker` for all links of a store."""

    def __init__(self, receiver: Receiver, wire: Wire) -> None:
        self._receiver = receiver
        self._wire = wire

    async def take(self, link: Link, arrivals: Sequence[Arrival]) -> int:
        if not link.is_remote:
            return await self._receiver.take(link.name, link.target, arrivals)
        address = Address(link.name, link.source, link.target)
        return sum([await self._send(link, body) for body in bodies(address, arrivals)])

    async def _send(self, link: Link, body: bytes) -> int:
        """A peer that will not take items is tried again: whether its replica is still one of the
        group is for exchanges to find out."""
        try:
            return _applied(await self._wire.call(link.target.region, TAKE, body))
        except PeerUnreachable as error:
            raise ServiceUnavailable(str(error)) from error
        except PeerRefused as error:
            _log.warning(
                "peer_takes_no_items",
                table=link.name,
                region=link.target.region,
                code=error.code,
                error=str(error),
            )
            raise ServiceUnavailable(str(error)) from error


def _applied(answer: Any) -> int:
    applied = answer.get("Applied") if isinstance(answer, dict) else None
    if type(applied) is not int:
        raise PeerUnreachable("the answer is not a peer's")
    return applied
