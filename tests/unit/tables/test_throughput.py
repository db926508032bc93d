from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.tables.throughput import Bucket, new_bucket


def test_a_bucket_gains_its_rate_each_second() -> None:
    bucket = Bucket(5, 0, 100.0)

    assert bucket.filled(5, 102.0).level == 10


def test_a_bucket_keeps_five_minutes_of_unused_capacity() -> None:
    bucket = Bucket(5, 0, 100.0)

    assert bucket.filled(5, 100_000.0).level == 5 * 300


def test_a_bucket_gains_nothing_from_a_clock_that_has_not_moved_on() -> None:
    bucket = Bucket(5, 1, 100.0)

    assert bucket.filled(5, 99.0).level == 1


def test_a_lower_rate_caps_what_was_kept() -> None:
    bucket = Bucket(5, 1000, 100.0)

    assert bucket.filled(2, 100.0).level == 600


def test_a_new_bucket_holds_one_second_and_what_it_gained_since() -> None:
    assert new_bucket(5, 100.0, 100.0).level == 5
    assert new_bucket(5, 100.0, 110.0).level == 55


@pytest.mark.parametrize(
    ("level", "units", "affords"), [(5, 5, True), (4.9, 5, False), (300, 400, True)]
)
def test_a_bucket_affords_what_it_holds_and_anything_when_it_is_full(
    level: float, units: float, *, affords: bool
) -> None:
    assert Bucket(1, level, 0.0).affords(units) is affords


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 60)), max_size=60),
)
def test_never_more_passes_than_was_gained(rate: int, tries: list[tuple[float, int]]) -> None:
    bucket = new_bucket(rate, 0.0, 0.0)
    passed, largest, now = 0, 0, 0.0

    for pause, units in tries:
        now += pause
        bucket = bucket.filled(rate, now)
        if bucket.affords(units):
            bucket = bucket.less(units)
            passed += units
            largest = max(largest, units)

    assert passed <= rate * (now + 1) + largest + 1e-6
