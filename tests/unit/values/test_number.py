"""Numbers: canonical text, range, arithmetic and size."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import ValidationException
from headwater.values import number

NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
TOO_MANY = "Attempting to store more than 38 significant digits in a Number"
OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)
UNDERFLOW = (
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("0", "0"),
        ("-0.0", "0"),
        ("000", "0"),
        ("1.00", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("007", "7"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("-1.50", "-1.5"),
        ("1e-20", "0.00000000000000000001"),
        ("1e125", "1" + "0" * 125),
        ("1e-130", "0." + "0" * 129 + "1"),
        ("9" * 38, "9" * 38),
        ("1" + "0" * 60, "1" + "0" * 60),
        ("0.0e126", "0"),
        ("10000000000000000000000000000000000000000.0", "1" + "0" * 40),
    ],
)
def test_a_number_has_one_canonical_text(spelled, canonical):
    assert number.normalise(spelled) == canonical


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        ("", NOT_NUMERIC),
        ("dog", f"{NOT_NUMERIC}: dog"),
        (" 1", f"{NOT_NUMERIC}:  1"),
        ("1 ", f"{NOT_NUMERIC}: 1 "),
        ("1_0", f"{NOT_NUMERIC}: 1_0"),
        ("1\n", f"{NOT_NUMERIC}: 1\n"),
        ("NaN", f"{NOT_NUMERIC}: NaN"),
        ("Infinity", f"{NOT_NUMERIC}: Infinity"),
        ("\u0661", f"{NOT_NUMERIC}: \u0661"),
        ("\u00b2", f"{NOT_NUMERIC}: \u00b2"),
        (".", f"{NOT_NUMERIC}: ."),
        ("1e", f"{NOT_NUMERIC}: 1e"),
        ("--1", f"{NOT_NUMERIC}: --1"),
        ("1e126", OVERFLOW),
        ("-1e126", OVERFLOW),
        ("0e126", OVERFLOW),
        ("10e125", OVERFLOW),
        ("1e99999999999999999999999", OVERFLOW),
        ("1e-131", UNDERFLOW),
        ("1e-99999999999999999999999", UNDERFLOW),
        ("1" * 39, TOO_MANY),
        ("0." + "1" * 39, TOO_MANY),
        ("1." + "0" * 37 + "1", TOO_MANY),
    ],
)
def test_what_is_no_number_in_range_is_refused_with_the_text_of_dynamodb(spelled, message):
    with pytest.raises(ValidationException) as refused:
        number.normalise(spelled)

    assert refused.value.message == message


@pytest.mark.parametrize(
    ("a", "b", "total", "difference"),
    [
        ("1", "2", "3", "-1"),
        ("-5", "5", "0", "-10"),
        ("0.1", "0.2", "0.3", "-0.1"),
        ("9" * 37, "1", "1" + "0" * 37, "9" * 36 + "8"),
        ("1" + "0" * 37, "0", "1" + "0" * 37, "1" + "0" * 37),
    ],
)
def test_sums_and_differences_are_exact(a, b, total, difference):
    assert number.add(a, b) == total
    assert number.subtract(a, b) == difference


@pytest.mark.parametrize(
    ("a", "b"), [("1" + "0" * 50, "1"), ("9" * 38, "0.1"), ("9" + "0" * 125, "9" + "0" * 125)]
)
def test_a_sum_that_needs_more_than_38_digits_or_more_range_is_an_overflow(a, b):
    with pytest.raises(ValidationException) as refused:
        number.add(a, b)

    assert refused.value.message == OVERFLOW


def test_a_difference_below_the_range_is_an_underflow():
    smallest_but_one = number.normalise("1.1e-130")

    with pytest.raises(ValidationException) as refused:
        number.subtract(smallest_but_one, number.normalise("1e-130"))

    assert refused.value.message == UNDERFLOW


@pytest.mark.parametrize(
    ("canonical", "size"),
    [
        ("0", 1),
        ("1", 2),
        ("-1", 3),
        ("12", 2),
        ("123", 3),
        ("1000", 2),
        ("1200", 2),
        ("120", 3),
        ("1.2", 3),
        ("0.12", 2),
        ("0.012", 3),
        ("9" * 38, 20),
        ("-" + "9" * 38, 21),
    ],
)
def test_size_counts_pairs_of_digits_from_the_decimal_point(canonical, size):
    assert number.size(canonical) == size


@pytest.mark.parametrize(
    ("canonical", "digits"), [("0", 1), ("100", 1), ("1.05", 3), ("0.0012", 2), ("-12", 2)]
)
def test_significant_digits_leave_out_zeros_at_both_ends(canonical, digits):
    assert number.significant_digits(canonical) == digits


@given(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-100, 80),
    st.sampled_from(["{}e{}", "{}E{}", "{}.0e{}", "{}.000E{}"]),
)
def test_every_spelling_gives_the_same_text_and_the_same_value(mantissa, exponent, spelling):
    canonical = number.normalise(f"{mantissa}e{exponent}")

    other = number.normalise(spelling.format(mantissa, exponent))

    assert other == canonical
    assert number.decimal_of(canonical) == Decimal(f"{mantissa}e{exponent}")
    assert number.normalise(canonical) == canonical
