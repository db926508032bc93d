"""What a sink hands to its failure destination: changes that its destination refused.

Queues and topics get where the changes are and why they were refused; a bucket gets the changes,
too. The message goes by the outbox, so what it has taken is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from headwater.clock import Chance, Clock
from headwater.outbox.message import Message, service_of
from headwater.outbox.outbox import Outbox
from headwater.sinks.change import Change, dumps
from headwater.sinks.kind import Rejected
from headwater.sinks.sink import Sink
from headwater.sinks.transform import moment, shape
from headwater.streams.shard import sequence_text

_TOLD_MAX: Final = 100


class Refusals:
    """Keeps what sinks could not deliver so that it reaches their failure destinations."""

    def __init__(self, outbox: Outbox, clock: Clock, chance: Chance) -> None:
        self._outbox = outbox
        self._clock = clock
        self._chance = chance

    def refusal(self, destination: str) -> str | None:
        """Why nothing can ever be sent to this ARN, or None."""
        return self._outbox.refusal(destination)

    async def accept(self, sink: Sink, origin: str, refused: Sequence[tuple[Change, str]]) -> None:
        """Keep changes, with why each was refused, if the sink says where to. Raises Unavailable.

        The same may be told again after a crash.
        """
        if sink.manner.failure_destination:
            now_us = int(self._clock.now() * 1e6)
            unique = self._chance.uuid()
            await self._outbox.put(message(sink, (origin, refused), now_us, unique))


def pairs(changes: Sequence[Change], rejected: Sequence[Rejected]) -> list[tuple[Change, str]]:
    """The changes that are meant, each with the reason."""
    return [(changes[each.index], each.reason) for each in rejected]


def message(
    sink: Sink, refused: tuple[str, Sequence[tuple[Change, str]]], now_us: int, unique: str
) -> Message:
    """The message about changes of an origin; unique: ends the name of an object."""
    origin, changes = refused
    destination = sink.manner.failure_destination
    show: Callable[[Change], object] = shape if service_of(destination) == "s3" else _place
    told = {
        "sink": sink.name,
        "kind": sink.kind,
        "region": sink.region,
        "table": sink.table_name,
        "timestamp": moment(now_us),
        "origin": origin,
        "count": len(changes),
        "changes": [
            {"reason": reason, "change": show(change)} for change, reason in changes[: _limit(show)]
        ],
    }
    day = moment(now_us)[:10].replace("-", "/")
    key = f"headwater/sinks/{sink.name}/{day}/{moment(now_us)}-{unique}"
    return Message(f"sink/{sink.name}", sink.region, destination, dumps(told), key)


def _limit(show: Callable[[Change], object]) -> int | None:
    return _TOLD_MAX if show is _place else None


def _place(change: Change) -> dict[str, object]:
    return {
        "id": change.id,
        "event": change.event.value,
        "sequence_number": sequence_text(change.version),
        "keys": orjson.loads(change.key),
    }
