"""Key bytes: their order is the order of the values."""

from base64 import b64encode
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.values import number, order

numbers = st.builds(
    lambda mantissa, exponent: number.normalise(f"{mantissa}e{exponent}"),
    st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-200, 200),
    st.integers(-130, 80),
)
parts = st.binary(max_size=6) | st.lists(st.sampled_from([0, 1, 254, 255]), max_size=5).map(bytes)


@given(numbers, numbers)
def test_numbers_sort_by_value(a, b):
    left, right = order.key_bytes("N", a), order.key_bytes("N", b)

    assert (left < right) == (Decimal(a) < Decimal(b))
    assert (left == right) == (a == b)


@pytest.mark.parametrize("count", [1, 2])
def test_numbers_at_the_ends_of_the_range_sort_by_value(count):
    ascending = [
        "-9e125",
        "-1e125",
        "-12",
        "-11",
        "-1.1",
        "-1",
        "-0.9",
        "-1e-130",
        "0",
        "1e-130",
        "0.9",
        "1",
        "1.01",
        "1.1",
        "11",
        "12",
        "1e125",
        "9.9e125",
    ]

    keys = [order.key_bytes("N", number.normalise(text)) * count for text in ascending]

    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(st.text(), st.text())
def test_strings_sort_by_their_utf8(a, b):
    assert (order.key_bytes("S", a) < order.key_bytes("S", b)) == (a.encode() < b.encode())


def test_binaries_are_their_bytes():
    assert order.key_bytes("B", "AP8=") == b"\x00\xff"


@given(st.tuples(parts, parts), st.tuples(parts, parts))
def test_parts_written_one_after_the_other_sort_as_tuples(a, b):
    left, right = b"".join(map(order.escape, a)), b"".join(map(order.escape, b))

    assert (left < right) == (a < b)
    assert (left == right) == (a == b)


@given(parts, parts)
def test_no_part_is_a_prefix_of_another(a, b):
    assert order.escape(a).startswith(order.escape(b)) == (a == b)


@given(st.lists(parts, min_size=1, max_size=3))
def test_parts_are_read_back(written):
    key = b"".join(map(order.escape, written))
    read = []
    at = 0

    while at < len(key):
        part, at = order.unescape(key, at)
        read.append(part)

    assert read == written


@given(parts.filter(lambda part: part.strip(b"\xff")), parts, parts)
def test_after_prefix_parts_the_keys_with_a_prefix_from_those_after(prefix, rest, other):
    stop = order.after_prefix(prefix)

    assert prefix + rest < stop
    assert other < stop or other > prefix
    assert (prefix <= other < stop) == other.startswith(prefix)


@given(parts, parts)
def test_a_prefix_range_holds_exactly_the_values_that_begin_with_the_value(prefix, value):
    start, stop = order.prefix_range("B", b64encode(prefix).decode())
    before = order.escape(b"partition")

    key = before + order.escape(value)

    assert (before + start <= key < before + stop) == value.startswith(prefix)


@given(st.text(max_size=3), st.text(max_size=4))
def test_a_prefix_range_of_strings_holds_exactly_the_strings_that_begin_so(prefix, value):
    start, stop = order.prefix_range("S", prefix)

    key = order.escape(order.key_bytes("S", value))

    assert (start <= key < stop) == value.startswith(prefix)


def test_a_prefix_range_after_nothing_but_ff_reaches_past_the_longest_key():
    start, stop = order.prefix_range("B", b64encode(b"\xff").decode())

    assert start <= order.escape(b"\xff" * 1024) < stop


def test_stored_key_bytes_do_not_change():
    golden = {
        ("S", "a\x00b"): "6100ff620001",
        ("B", "AP8="): "00ffff0001",
        ("N", "0"): "020001",
        ("N", "1"): "03820b0001",
        ("N", "-1"): "017df4ff0001",
        ("N", "120.5"): "03840d060001",
        ("N", number.normalise("1e-130")): "0300ff0b0001",
    }

    written = {key: order.escape(order.key_bytes(*key)).hex() for key in golden}

    assert written == golden
    assert order.partition_hash(b"pk").hex() == "6b63d750b9bb2196"
