from __future__ import annotations

import pytest

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import (
    Checkpoint,
    CheckpointWork,
    Claim,
    Lease,
    LeaseLost,
    Standing,
    decode,
    encode,
)
from headwater.storage.committer import View
from headwater.storage.keyspace import SequenceNumber

KEY = b"k"
START = SequenceNumber(7)


class Stored(dict[bytes, bytes | None]):
    """What is stored, with work run over it as a commit would."""

    def run(self, work: CheckpointWork) -> object:
        view = View({key: self.get(key) for key in work.reads})
        result = work.run(view)
        self.update(view._own)
        return result

    def take(self, owner: str, now: float = 0.0, *, takes_over: bool = False) -> Lease | None:
        claim = Claim(owner, now, now + 15, lambda _: takes_over)
        taken = self.run(checkpoints.take(KEY, START, claim))
        return taken[0] if isinstance(taken, tuple) else None

    def checkpoint(self) -> Checkpoint:
        stored = self[KEY]
        assert stored is not None
        return decode(stored)


def held(stored: Stored, owner: str = "a", now: float = 0.0) -> Lease:
    lease = stored.take(owner, now)
    assert lease is not None
    return lease


def test_shard_never_read_begins_at_the_start_given() -> None:
    stored = Stored()

    stored.take("a")

    assert stored.checkpoint() == Checkpoint(START, "a", 1, 15.0)


def test_held_shard_is_not_taken_before_its_lease_expires() -> None:
    stored = Stored()
    stored.take("a")

    assert stored.take("b", now=14.9) is None
    assert stored.take("b", now=15.0) == Lease(KEY, "b", 2)


def test_sole_process_takes_over_dead_owners_leases_at_once_but_not_its_own() -> None:
    stored = Stored()
    stored.take("a")

    assert stored.take("b", takes_over=True) == Lease(KEY, "b", 2)
    assert stored.take("b", takes_over=True) is None


def test_position_survives_a_change_of_owner() -> None:
    stored = Stored()
    stored.run(checkpoints.advance(held(stored), Standing(SequenceNumber(9)), 15.0))

    stored.take("b", now=20.0)

    assert stored.checkpoint().position == 9


def test_lost_lease_cannot_store_a_position() -> None:
    stored = Stored()
    lost = held(stored, "a")
    held(stored, "b", now=20.0)

    with pytest.raises(LeaseLost):
        stored.run(checkpoints.advance(lost, Standing(SequenceNumber(9)), 40.0))

    assert stored.checkpoint().position == START


def test_lease_taken_again_by_the_same_owner_voids_the_earlier_one() -> None:
    stored = Stored()
    earlier = held(stored, "a")
    held(stored, "a", now=20.0)

    with pytest.raises(LeaseLost):
        stored.run(checkpoints.advance(earlier, Standing(SequenceNumber(9)), 40.0))


def test_renewing_names_the_leases_that_are_lost() -> None:
    stored = Stored()
    kept = held(stored)

    gone = Lease(b"other", "a", 1)
    lost = stored.run(checkpoints.renew([kept, gone], 99.0))

    assert lost == [gone]
    assert stored.checkpoint().expires_at == 99.0


def test_released_shard_can_be_taken_at_once() -> None:
    stored = Stored()
    stored.run(checkpoints.release(held(stored)))

    assert stored.take("b") == Lease(KEY, "b", 2)


def test_releasing_a_lost_lease_leaves_its_heir_alone() -> None:
    stored = Stored()
    lost = held(stored, "a")
    held(stored, "b", now=20.0)

    stored.run(checkpoints.release(lost))

    assert stored.checkpoint().owner == "b"


def test_finished_shard_is_not_taken() -> None:
    stored = Stored()
    lease = held(stored)
    stored.run(checkpoints.advance(lease, Standing(SequenceNumber(9), is_finished=True), 15.0))

    assert stored.take("b", now=1000.0) is None


def test_forgotten_checkpoint_voids_its_lease() -> None:
    stored = Stored()
    lease = held(stored)
    stored.run(checkpoints.forget([KEY]))

    with pytest.raises(LeaseLost):
        stored.run(checkpoints.advance(lease, Standing(SequenceNumber(9)), 15.0))


def test_stored_form_is_kept() -> None:
    checkpoint = Checkpoint(SequenceNumber(2**63), "a", 3, 1.5, is_finished=True)

    stored = encode(checkpoint)

    assert stored == (
        b'{"v":1,"position":9223372036854775808,"owner":"a","counter":3,"expires_at":1.5,'
        b'"is_finished":true}'
    )
    assert decode(stored) == checkpoint


def test_stored_form_has_what_is_done_ahead_as_steps() -> None:
    ahead = (SequenceNumber(2**63 + 3), SequenceNumber(2**63 + 70_000))
    checkpoint = Checkpoint(SequenceNumber(2**63), "a", 3, 1.5, ahead=ahead)

    stored = encode(checkpoint)

    assert stored == (
        b'{"v":1,"position":9223372036854775808,"owner":"a","counter":3,"expires_at":1.5,'
        b'"is_finished":false,"ahead":[3,69997]}'
    )
    assert decode(stored) == checkpoint
