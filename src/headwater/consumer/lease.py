"""Leases: one for each shard, and who should have them. Pure.

A lease is stored with its owner, the owner it is promised to, a counter that every change by an
owner raises, and the position behind what is dealt with. A lease is free if it has no owner, or if
its counter has stood still for the lease's life by the clock of whoever looks: clocks of different
machines are never compared.

Every consumer decides for itself (`plan`), from the same table; where two want the same, the
conditions of the writes let one win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from headwater.consumer.position import Position, ShardEnd
from headwater.consumer.shards import readable


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was last seen.

    owner: who reads the shard. promised: who has asked for it, and gets it once the owner is done.
    """

    shard_id: str
    parent: str | None
    position: Position
    counter: int = 0
    owner: str | None = None
    promised: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether everything in the shard is dealt with."""
        return isinstance(self.position, ShardEnd)


@dataclass(frozen=True, slots=True)
class Plan:
    """take: free leases to take now. ask: leases to ask their owners for."""

    take: Sequence[Lease]
    ask: Sequence[Lease]


class Sightings:
    """How long each lease's counter has stood still, by the clock of this process."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str | None, float]] = {}

    def note(self, leases: Iterable[Lease], now: float) -> None:
        """Remember the leases as they are at a moment; those not there are forgotten."""
        seen = {}
        for lease in leases:
            before = self._seen.get(lease.shard_id)
            if before is not None and before[:2] == (lease.counter, lease.owner):
                seen[lease.shard_id] = before
            else:
                seen[lease.shard_id] = (lease.counter, lease.owner, now)
        self._seen = seen

    def expired(self, now: float, lease_seconds: float) -> set[str]:
        """The shards whose leases have stood still for so long."""
        return {
            shard_id
            for shard_id, (_, _, since) in self._seen.items()
            if now - since >= lease_seconds
        }


def plan(
    leases: Sequence[Lease], owner: str, held: AbstractSet[str], expired: AbstractSet[str]
) -> Plan:
    """What an owner should take, and ask for, so that all owners have about as many.

    leases: all there are; of equals, the earlier is preferred. held: shards the owner reads now.
    An owner's fair share is the number of readable shards by the number of owners, rounded up. It
    takes free leases up to that, its own of an earlier life first; if there are none, and somebody
    has at least two more than it, it asks that one for half of the difference.
    """
    by_id = {lease.shard_id: lease for lease in leases}
    candidates = _readable(by_id, held)
    owners = {lease.shard_id: _owner(lease, held, expired, owner) for lease in candidates}
    counts = Counter(who for who in owners.values() if who is not None)
    counts[owner] += 0
    share = -(-len(candidates) // len(counts))
    free = [lease for lease in candidates if owners[lease.shard_id] is None]
    free.sort(key=lambda lease: lease.owner != owner)
    wanted = max(0, share - counts[owner])
    if free or not wanted:
        return Plan(free[:wanted], [])
    return Plan([], _to_ask(candidates, owners, counts, owner)[:wanted])


def _readable(by_id: Mapping[str, Lease], held: AbstractSet[str]) -> list[Lease]:
    """Leases of shards that can be read now, or are."""
    finished = {shard_id for shard_id, lease in by_id.items() if lease.is_finished}
    parents = {shard_id: lease.parent for shard_id, lease in by_id.items()}
    found = {*readable(parents, finished), *(held - finished)}
    return [lease for shard_id, lease in by_id.items() if shard_id in found]


def _owner(
    lease: Lease, held: AbstractSet[str], expired: AbstractSet[str], owner: str
) -> str | None:
    """Who has, or is promised, a lease; None if it is free. What is ours and not read is free."""
    if lease.shard_id in held:
        return lease.promised or owner
    if lease.owner is None or lease.owner == owner or lease.shard_id in expired:
        return None
    return lease.promised or lease.owner


def _to_ask(
    candidates: Sequence[Lease], owners: Mapping[str, str | None], counts: Counter[str], owner: str
) -> list[Lease]:
    """Leases of the owner that has most, enough for the two to have as many."""
    richest, most = max(counts.items(), key=lambda each: each[1])
    surplus = (most - counts[owner]) // 2
    promised_to_none = [
        lease
        for lease in candidates
        if owners[lease.shard_id] == richest and lease.promised is None
    ]
    return promised_to_none[:surplus]
