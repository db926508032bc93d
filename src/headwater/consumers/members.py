"""The processes that share a store, as each of them knows the others.

What is known decides only who reads what, and how soon; that no two move one position is the
leases' doing. So it may come late: a process that is not known of yet counts as alive, and one that
is dead is known as such for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from headwater.storage.keyspace import ShardId


class Members(Protocol):
    """The processes that take leases."""

    @property
    def owner(self) -> str:
        """This process's name: unlike any other's, and another after each start."""

    @property
    def is_alone(self) -> bool:
        """Whether no other process can have the store open."""

    def serving(self) -> Sequence[str]:
        """The names of those that are ready to read, this one's among them, the oldest first."""

    def is_dead(self, owner: str) -> bool:
        """Whether another has certainly ended, so that its leases need not run out."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A process that has its store to itself: whoever else has a lease in it is dead."""

    owner: str
    is_alone: bool = True

    def serving(self) -> Sequence[str]:
        return (self.owner,)

    def is_dead(self, owner: str) -> bool:
        return owner != self.owner


@dataclass(frozen=True, slots=True)
class Share:
    """What a process does for its part of a consumer's shards.

    wanted: free shards, of which to take as many as `count`. surplus: own ones to let go of.
    """

    wanted: Sequence[ShardId]
    count: int
    surplus: Sequence[ShardId]


def share_of(
    consumer: str,
    readable: Sequence[ShardId],
    owners: Mapping[ShardId, str],
    members: Sequence[str],
    own: str,
) -> Share:
    """A process's share of the shards that can be read now, as even as it can be.

    owners: those who hold a lease now. members: the processes that share, this one among them, in
    the order in which all of them see them. Shards stay where they are, as far as they are shared
    evenly; which of the members have one more than others differs between consumers.
    """
    held = [shard_id for shard_id in readable if owners.get(shard_id) == own]
    free = [shard_id for shard_id in readable if shard_id not in owners]
    each, left = divmod(len(readable), len(members))
    rank = (members.index(own) + crc32(consumer.encode())) % len(members)
    quota = each + (rank < left)
    return Share(free, max(0, quota - len(held)), held[quota:])
