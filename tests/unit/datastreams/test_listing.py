from __future__ import annotations

import pytest

from headwater.datastreams.listing import NO_FILTER, ShardFilter, filtered
from headwater.storage.keyspace import SequenceNumber, counted_shard_id
from headwater.streams.shard import HashRange, Shard


def shard(number: int, opened: int, closed: int | None, *parents: int) -> Shard:
    ids = [counted_shard_id(each) for each in parents]
    return Shard(
        counted_shard_id(number),
        "records",
        number,
        HashRange(0, 1),
        ids[0] if ids else None,
        SequenceNumber(1),
        opened,
        SequenceNumber(2) if closed is not None else None,
        closed,
        ids[1] if len(ids) > 1 else None,
    )


# 0 splits at 10 into 1 and 2, which merge at 20 into 3.
FAMILY = [shard(0, 0, 10), shard(1, 10, 20, 0), shard(2, 10, 20, 0), shard(3, 20, None, 1, 2)]


@pytest.mark.parametrize(
    ("shard_filter", "expected"),
    [
        (NO_FILTER, [0, 1, 2, 3]),
        (ShardFilter("AFTER_SHARD_ID", counted_shard_id(1)), [2, 3]),
        (ShardFilter("AT_TRIM_HORIZON"), [0]),
        (ShardFilter("AT_LATEST"), [3]),
        (ShardFilter("AT_TIMESTAMP", moment_us=5), [0]),
        (ShardFilter("AT_TIMESTAMP", moment_us=10), [0]),
        (ShardFilter("AT_TIMESTAMP", moment_us=15), [1, 2]),
        (ShardFilter("AT_TIMESTAMP", moment_us=25), [3]),
        (ShardFilter("FROM_TIMESTAMP", moment_us=15), [1, 2, 3]),
    ],
)
def test_filter_lets_through(shard_filter: ShardFilter, expected: list[int]) -> None:
    found = filtered(FAMILY, shard_filter)

    assert [int(each.shard_id.partition("-")[2]) for each in found] == expected


def test_child_of_trimmed_parents_is_open_at_the_trim_horizon() -> None:
    found = filtered(FAMILY[1:], ShardFilter("AT_TRIM_HORIZON"))

    assert [each.shard_id for each in found] == [counted_shard_id(1), counted_shard_id(2)]
