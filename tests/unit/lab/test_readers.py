"""Readers of a shard are told apart by their iterators."""

from __future__ import annotations

from headwater.lab.readers import ShardReaders
from headwater.limits import lab_reader_seconds

SHARD = ("stream", "shard")
a1, a2, b1, b2, c1 = (("key", name) for name in ("a1", "a2", "b1", "b2", "c1"))


def test_who_goes_on_with_what_it_was_given_is_the_same_reader() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, a1, a2, 0.0)
    readers.admit(SHARD, b1, b2, 0.0)

    assert [readers.number(SHARD, token, 1.0) for token in (a2, b2, c1)] == [1, 2, 3]


def test_who_repeats_a_request_is_the_same_reader() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, a1, a2, 0.0)
    readers.admit(SHARD, a1, a2, 0.1)

    assert readers.number(SHARD, a1, 0.2) == 1
    assert readers.number(SHARD, b1, 0.2) == 2


def test_who_was_refused_is_none_of_the_readers() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, a1, a2, 0.0)
    readers.number(SHARD, b1, 0.0)

    assert readers.number(SHARD, c1, 0.0) == 2


def test_reader_that_has_not_read_for_a_while_has_left() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, a1, a2, 0.0)

    assert readers.number(SHARD, b1, lab_reader_seconds - 0.1) == 2
    assert readers.number(SHARD, b1, lab_reader_seconds) == 1


def test_shards_have_readers_of_their_own() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, a1, a2, 0.0)

    assert readers.number(("stream", "other"), b1, 0.0) == 1


def test_access_keys_tell_readers_apart_that_start_at_once() -> None:
    readers = ShardReaders()
    readers.admit(SHARD, ("key", "same"), ("key", "same"), 0.0)

    assert readers.number(SHARD, ("other", "same"), 0.0) == 2
