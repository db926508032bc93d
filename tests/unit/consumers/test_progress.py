from __future__ import annotations

from headwater.consumers.checkpoint import Checkpoint
from headwater.consumers.progress import ShardProgress
from headwater.storage.keyspace import SequenceNumber
from headwater.streams.shard import HASH_MAX, HashRange, Head, Shard, next_number
from tests.stream_batches import SHARD

FIRST = SequenceNumber(0)


def after(count: int) -> SequenceNumber:
    """The number of the last of so many records."""
    number = FIRST
    for _ in range(count):
        number = next_number(number, 0)
    return number


def shard_progress(last: SequenceNumber, checkpoint: Checkpoint | None) -> ShardProgress:
    shard = Shard(SHARD, "label", 0, HashRange(0, HASH_MAX), None, FIRST, 0)
    return ShardProgress(shard, Head(last, 0), checkpoint)


def test_lag_is_what_follows_the_position() -> None:
    assert shard_progress(after(7), Checkpoint(after(3))).lag_records == 4
    assert shard_progress(after(7), Checkpoint(after(7))).lag_records == 0


def test_shard_not_read_yet_is_behind_by_all_it_has() -> None:
    assert shard_progress(after(7), None).lag_records == 7
    assert shard_progress(FIRST, None).lag_records == 0


def test_finished_shard_is_never_behind() -> None:
    finished = Checkpoint(after(3), is_finished=True)

    assert shard_progress(after(7), finished).lag_records == 0
