from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.clock import SeededChance
from headwater.storage.keyspace import (
    SequenceNumber,
    ShardId,
    counted_shard_id,
    shard_bytes,
    shard_id_of,
)
from headwater.streams import shard as shards
from headwater.streams.shard import HASH_MAX, HashRange, Head, Opening, Shard

NOW_US = 1_700_000_000_123_456
lanes = st.integers(0, 2**16 - 1)
numbers = st.integers(0, 2**63)


def opening(now_us: int = NOW_US) -> Opening:
    return Opening("label", now_us, SeededChance(1))


def root() -> tuple[Shard, Head]:
    return shards.open_root(opening(), HashRange(0, HASH_MAX), 7)


def test_shard_id_has_the_form_of_awss() -> None:
    shard, _ = root()

    prefix, milliseconds, suffix = shard.shard_id.split("-")

    assert (prefix, milliseconds) == ("shardId", "00000001700000000123")
    assert len(suffix) == 8
    assert int(suffix, 16) >= 0


def test_root_has_no_parent_and_is_open() -> None:
    shard, head = root()

    assert (shard.parent, shard.is_closed, head.is_closed) == (None, False, False)


@given(numbers, lanes, lanes)
def test_number_grows_whatever_the_lanes(last: int, lane: int, next_lane: int) -> None:
    number = shards.next_number(last, lane)

    assert last < number < shards.next_number(number, next_lane)
    assert number & 0xFFFF == lane


@given(numbers)
def test_sequence_text_is_21_digits_and_reads_back(number: int) -> None:
    text = shards.sequence_text(number)

    assert len(text) == 21
    assert text.isdecimal()
    assert shards.parse_sequence(text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("0" * 21, -1), ("9" * 40, 2**64), ("1" + "0" * 20, 0)]
)
def test_sequence_text_beyond_any_number_stays_on_its_side(text: str, number: int) -> None:
    assert shards.parse_sequence(text) == number


def test_rollover_closes_the_parent_and_opens_one_child_of_its_range() -> None:
    parent, head = root()

    closed, (child, child_head) = shards.roll_over(opening(NOW_US + 5), parent, head, 8)

    assert closed.is_closed
    assert (child.parent, child.range, child.lane) == (parent.shard_id, parent.range, 8)
    assert closed.last is not None
    assert child.first > closed.last
    assert child_head.last == child.first


def test_child_has_an_id_behind_its_parents_even_in_the_same_millisecond() -> None:
    parent, head = root()

    _, (child, child_head) = shards.roll_over(opening(), parent, head, 8)
    _, grandchildren = shards.split(opening(), (child, child_head), child.range.halves(), (9, 10))

    assert parent.shard_id < child.shard_id < min(each.shard_id for each, _ in grandchildren)


def test_split_gives_each_half_a_child() -> None:
    parent, head = root()

    closed, children = shards.split(opening(), (parent, head), parent.range.halves(), (8, 9))

    assert closed.is_closed
    assert [child.range for child, _ in children] == list(parent.range.halves())
    assert {child.parent for child, _ in children} == {parent.shard_id}
    assert len({child.first for child, _ in children}) == 2
    assert len({child.shard_id for child, _ in children}) == 2


def test_closing_ends_with_the_last_number_given() -> None:
    shard, head = root()
    last = shards.next_number(head.last, shard.lane)

    closed = shards.close(shard, Head(last, NOW_US + 9), NOW_US + 1)

    assert (closed.last, closed.closed_us) == (last, NOW_US + 9)


def test_child_opens_no_earlier_than_its_parent_closed() -> None:
    parent, _ = root()
    late = Head(SequenceNumber(parent.first), NOW_US + 1_000)

    closed, (child, child_head) = shards.roll_over(opening(NOW_US), parent, late, 8)

    assert closed.closed_us == child.opened_us == child_head.time_us == NOW_US + 1_000


@given(st.integers(1, 300))
def test_even_ranges_cover_the_hash_space_without_overlap(count: int) -> None:
    ranges = shards.even_ranges(count)

    assert (ranges[0].start, ranges[-1].end, len(ranges)) == (0, HASH_MAX, count)
    assert all(left.end + 1 == right.start for left, right in itertools.pairwise(ranges))


def test_lanes_begin_again_after_the_last() -> None:
    assert (shards.next_lane(0), shards.next_lane(65_535)) == (1, 0)


@given(numbers, numbers, st.booleans())
def test_head_comes_back_from_its_bytes(last: int, time_us: int, is_closed: bool) -> None:
    head = Head(SequenceNumber(last), time_us, is_closed)

    assert shards.decode_head(shards.encode_head(head)) == head


def test_descriptor_comes_back_from_its_bytes() -> None:
    shard, head = root()
    closed = shards.close(shard, head, NOW_US)

    assert shards.decode(shards.encode(shard)) == shard
    assert shards.decode(shards.encode(closed)) == closed


def test_stored_descriptor_is_pinned() -> None:
    shard = Shard(
        ShardId("shardId-00000001700000000123-0a0b0c0d"),
        "2023-11-14T22:13:20.123",
        7,
        HashRange(0, HASH_MAX),
        None,
        SequenceNumber(65543),
        NOW_US,
    )

    assert shards.encode(shard) == (
        b'{"shard_id":"shardId-00000001700000000123-0a0b0c0d",'
        b'"stream_label":"2023-11-14T22:13:20.123","lane":7,'
        b'"range":{"start":0,"end":18446744073709551615},"parent":null,"first":65543,'
        b'"opened_us":1700000000123456,"last":null,"closed_us":null}'
    )


class Counted:
    """An opening of shards that are counted, as data streams' are."""

    stream_label = "records"
    now_us = NOW_US

    def __init__(self, number: int = 0) -> None:
        self._numbers = itertools.count(number)

    def shard_id(self, _parent: Shard | None) -> ShardId:
        return counted_shard_id(next(self._numbers))


def test_merge_gives_both_parents_one_child_behind_their_ends() -> None:
    counted = Counted()
    low, high = HashRange(0, HASH_MAX).cut(99)
    first, (second, second_head) = (
        shards.open_root(counted, low, 7),
        shards.open_root(counted, high, 8),
    )
    second_head = Head(shards.next_number(second_head.last + 2**40, 8), NOW_US)

    closed, (child, _) = shards.merge(counted, (second, second_head), first, 9)

    assert [each.is_closed for each in closed] == [True, True]
    assert child.parents == (second.shard_id, first[0].shard_id)
    assert child.range == HashRange(0, HASH_MAX)
    assert child.first > max(each.last or 0 for each in closed)


def test_wide_range_and_second_parent_read_back() -> None:
    counted = Counted()
    low, high = HashRange(0, 2**128 - 1).cut(2**127 + 1)
    parents = [shards.open_root(counted, each, lane) for lane, each in enumerate((low, high))]

    closed, (child, _) = shards.merge(counted, parents[0], parents[1], 3)

    for each in (*closed, child):
        assert shards.decode(shards.encode(each)) == each


def test_numbers_of_data_streams_have_56_digits_and_read_back() -> None:
    text = shards.sequence_text(2**64 - 1, counted_shard_id(0))

    assert (len(text), text[:3]) == (56, "495")
    assert shards.parse_sequence(text) == 2**64 - 1


@given(st.integers(0, 10**12 - 1))
def test_counted_shard_ids_keep_their_order_in_keys(number: int) -> None:
    shard_id = counted_shard_id(number)

    assert shard_id_of(shard_bytes(shard_id)) == shard_id
    assert shard_bytes(shard_id) < shard_bytes(counted_shard_id(number + 1))
