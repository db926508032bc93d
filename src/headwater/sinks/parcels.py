"""Batches as parcels, for places that take a delivery as a whole: a request, a mail.

A parcel has a key, and a key never stands for other bytes than the first time. A batch that comes
again may be longer or shorter than it was, so what is about to be sent is sealed first: kept, with
its key, until it is known what has become of it.

    kept for each shard = head newline body
    head = JSON: the key, the number of the last change in the parcel, its state, why it was refused
    body = what is sent; empty once it was

    state    found when a batch comes                     what is done
    -------  -------------------------------------------  ------------------------------------------
    SEALED   the process died while it was being sent     the same bytes are sent again
    TAKEN    the place has its changes                    those up to the last are left out
    REFUSED  the place will never take it                 those up to the last are sent one by one,
                                                          each in a parcel of its own, if they may

What a back-fill reads has no such order, and may be other images when it comes again: so the key
of such a parcel is made of what it holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson

from headwater.sinks.change import Change, dumps
from headwater.sinks.kind import BACKFILL, ChangeBatch, Rejected
from headwater.sinks.notes import Notes
from headwater.sinks.sink import Sink

_KEY_BYTES: Final = 16


class ParcelRefused(Exception):
    """The place will never take this parcel; the text says why."""


Pack: TypeAlias = Callable[[str, Sequence[Change]], Awaitable[bytes]]
"""Makes the body of a parcel, of its key and its changes. Raises SinkBroken."""

Send: TypeAlias = Callable[[str, bytes], Awaitable[None]]
"""Sends a parcel: its key and its body. Raises ParcelRefused, SinkUnavailable, SinkBroken."""


class _State(StrEnum):
    SEALED = "SEALED"
    TAKEN = "TAKEN"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A shard's latest parcel. See the module."""

    key: str = ""
    last: int = -1
    state: _State = _State.TAKEN
    reason: str = ""
    body: bytes = field(default=b"", repr=False)

    def sent(self, reason: str | None) -> _Kept:
        """What is kept once it is known whether the place refuses it."""
        state = _State.TAKEN if reason is None else _State.REFUSED
        return replace(self, state=state, reason=reason or "", body=b"")


@dataclass(frozen=True, slots=True)
class Way:
    """How parcels are made and sent. is_one_by_one: a refused one is tried change by change."""

    pack: Pack
    send: Send
    is_one_by_one: bool


class Parcels:
    """Of one round of a sink."""

    def __init__(self, notes: Notes, sink: Sink, way: Way) -> None:
        self._notes = notes
        self._name = f"{sink.sink_id}/{sink.round}"
        self._way = way

    async def deliver(self, batch: ChangeBatch) -> Sequence[Rejected]:
        """Send a batch; returns once all of it is taken, but for the changes that are refused.

        Raises SinkUnavailable or SinkBroken.
        """
        changes = list(enumerate(batch.changes))
        if batch.origin == BACKFILL:
            return await self._deliver_items(changes)
        kept = await self._kept(batch.origin)
        if kept.state is _State.SEALED:
            kept = await self._send(batch.origin, kept)
        rejected: list[Rejected] = []
        if kept.state is _State.REFUSED:
            before = [each for each in changes if each[1].version <= kept.last]
            rejected += await self._send_apart(before, kept.reason)
        left = [each for each in changes if each[1].version > kept.last]
        if left:
            kept = await self._send(batch.origin, await self._sealed(batch.origin, left))
            if kept.state is _State.REFUSED:
                rejected += await self._send_apart(left, kept.reason)
        return rejected

    async def _deliver_items(self, changes: _Placed) -> Sequence[Rejected]:
        only = [change for _, change in changes]
        held = dumps([[change.keys, change.document] for change in only])
        key = self._key(BACKFILL, held.decode())
        reason = await self._refusal(key, await self._way.pack(key, only))
        return [] if reason is None else await self._send_apart(changes, reason)

    async def _sealed(self, origin: str, changes: _Placed) -> _Kept:
        """Pack changes, and keep the parcel."""
        only = [change for _, change in changes]
        key = self._key(origin, str(only[0].version))
        body = await self._way.pack(key, only)
        kept = _Kept(key, only[-1].version, _State.SEALED, body=body)
        await self._keep(origin, kept)
        return kept

    async def _send(self, origin: str, sealed: _Kept) -> _Kept:
        """Send a sealed parcel, and keep what has become of it."""
        sent = sealed.sent(await self._refusal(sealed.key, sealed.body))
        await self._keep(origin, sent)
        return sent

    async def _send_apart(self, changes: _Placed, reason: str) -> list[Rejected]:
        """Send refused changes one by one, where one may be the reason; gives those refused."""
        if not self._way.is_one_by_one or len(changes) < 2:
            return [Rejected(index, reason) for index, _ in changes]
        rejected = []
        for index, change in changes:
            body = await self._way.pack(change.id, [change])
            own_reason = await self._refusal(change.id, body)
            if own_reason is not None:
                rejected.append(Rejected(index, own_reason))
        return rejected

    async def _refusal(self, key: str, body: bytes) -> str | None:
        try:
            await self._way.send(key, body)
        except ParcelRefused as error:
            return str(error)
        return None

    async def _kept(self, origin: str) -> _Kept:
        # Read each time: another process may have had the shard meanwhile.
        stored = await self._notes.get(self._note(origin))
        if stored is None:
            return _Kept()
        head, _, body = stored.partition(b"\n")
        fields: dict[str, Any] = orjson.loads(head)
        return _Kept(**{**fields, "state": _State(fields["state"])}, body=body)

    async def _keep(self, origin: str, kept: _Kept) -> None:
        fields = asdict(kept)
        body: bytes = fields.pop("body")
        await self._notes.put(self._note(origin), orjson.dumps(fields) + b"\n" + body)

    def _note(self, origin: str) -> str:
        return f"parcel/{self._name}/{origin}"

    def _key(self, origin: str, what: str) -> str:
        named = f"{self._name}/{origin}/{what}".encode()
        return blake2b(named, digest_size=_KEY_BYTES).hexdigest()


_Placed: TypeAlias = Sequence[tuple[int, Change]]
"""Changes with their places in the batch."""
