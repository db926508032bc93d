"""The share of each process that shares a store."""

from __future__ import annotations

import random

import pytest

from headwater.consumers.members import Alone, share_of
from headwater.storage.keyspace import ShardId

MEMBERS = ("a", "b", "c")


def shard_ids(count: int) -> list[ShardId]:
    return [ShardId(f"shard-{number:02d}") for number in range(count)]


def test_sole_process_wants_everything_and_knows_all_others_dead() -> None:
    alone = Alone("a")

    share = share_of("c", shard_ids(5), {}, alone.serving(), "a")

    assert (share.wanted, share.count, share.surplus) == (shard_ids(5), 5, [])
    assert alone.is_dead("b")
    assert not alone.is_dead("a")


def test_even_shares_stay_where_they_are() -> None:
    shards = shard_ids(6)
    owners = dict(zip(shards, "abcabc", strict=True))

    for member in MEMBERS:
        share = share_of("c", shards, owners, MEMBERS, member)
        assert (share.count, share.surplus) == (0, [])


def test_single_shards_of_many_consumers_are_spread() -> None:
    takers = {
        member
        for consumer in map(str, range(30))
        for member in MEMBERS
        if share_of(consumer, shard_ids(1), {}, MEMBERS, member).count == 1
    }

    assert takers == set(MEMBERS)


@pytest.mark.parametrize("seed", range(20))
def test_any_distribution_becomes_even_and_then_rests(seed: int) -> None:
    luck = random.Random(seed)
    shards = shard_ids(luck.randrange(1, 40))
    owners = {shard: luck.choice([*MEMBERS, "gone"]) for shard in shards}
    owners = {shard: owner for shard, owner in owners.items() if owner != "gone"}

    for _ in range(4):
        for member in luck.sample(MEMBERS, len(MEMBERS)):
            share = share_of("c", shards, owners, MEMBERS, member)
            for shard in share.surplus:
                del owners[shard]
            owners |= dict.fromkeys(share.wanted[: share.count], member)

    counts = [list(owners.values()).count(member) for member in MEMBERS]
    assert sum(counts) == len(shards)
    assert max(counts) - min(counts) <= 1
