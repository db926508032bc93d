"""Numbers of up to 38 significant digits, as canonical text.

Canonical text is what DynamoDB returns: plain decimal, no exponent, no plus sign, no needless
zeros, no negative zero. Two numbers are equal exactly if their canonical texts are.

Range: magnitudes from 1E-130 to 9.99...E+125, and zero. DynamoDB measures the magnitude of a zero
by its spelling: `0e126` is refused where `0.0e126` is accepted (observed). That is what decimal
arithmetic calls the adjusted exponent, so the same measure is used here for every number.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from typing import Final

from headwater.errors import ValidationException
from headwater.limits import number_digits_max

MAGNITUDE_MIN: Final = -130
MAGNITUDE_MAX: Final = 125

_LITERAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_A_NUMBER: Final = "The parameter cannot be converted to a numeric value"
_TOO_MANY_DIGITS: Final = "Attempting to store more than 38 significant digits in a Number"
_OVERFLOW: Final = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)
_UNDERFLOW: Final = (
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)
# Digits of two numbers lie between 10^125 and 10^-167, so every sum is exact within 300 digits.
_EXACT = Context(prec=300, traps=[Inexact])
# Beyond so many digits of exponent no number is in range, whatever its digits say; long before, the
# decimal library would refuse to read it.
_EXPONENT_DIGITS_MAX: Final = 9
_SHORT: Final = 18


def normalise(text: str) -> str:
    """The canonical text of a number as a client spells it.

    Raises ValidationException with DynamoDB's text if it is no number or out of range.
    """
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) <= number_digits_max:
        return text
    if not _LITERAL.fullmatch(text):
        raise ValidationException(f"{_NOT_A_NUMBER}: {text}" if text else _NOT_A_NUMBER)
    return _canonical(_read(text), _TOO_MANY_DIGITS)


def decimal_of(canonical: str) -> Decimal:
    """The number a canonical text stands for."""
    return Decimal(canonical)


def add(a: str, b: str) -> str:
    """The sum of two canonical numbers; a sum of more than 38 digits is refused as an overflow."""
    if len(a) <= _SHORT and len(b) <= _SHORT and "." not in a and "." not in b:
        return str(int(a) + int(b))
    return _canonical(_EXACT.add(Decimal(a), Decimal(b)), _OVERFLOW)


def subtract(a: str, b: str) -> str:
    """The difference of two canonical numbers, under the same rules as `add`."""
    if len(a) <= _SHORT and len(b) <= _SHORT and "." not in a and "." not in b:
        return str(int(a) - int(b))
    return _canonical(_EXACT.subtract(Decimal(a), Decimal(b)), _OVERFLOW)


def scientific(canonical: str) -> tuple[str, int]:
    """The significant digits of a number other than zero, and the power of ten of the first one."""
    whole, _, fraction = canonical.removeprefix("-").partition(".")
    if whole != "0":
        return (whole + fraction).rstrip("0"), len(whole) - 1
    digits = fraction.lstrip("0")
    return digits, len(digits) - len(fraction) - 1


def significant_digits(canonical: str) -> int:
    """How many digits remain without zeros at either end; one for zero itself."""
    return 1 if canonical == "0" else len(scientific(canonical)[0])


def size(canonical: str) -> int:
    """The bytes a number counts for in an item's size.

    DynamoDB keeps two decimal digits a byte, paired from the decimal point, one byte for the
    magnitude and one more for a minus sign.
    """
    if canonical == "0":
        return 1
    if canonical.isdigit():  # a positive whole number, as most are: no need to take it apart
        count, magnitude = len(canonical.rstrip("0")), len(canonical) - 1
    else:
        digits, magnitude = scientific(canonical)
        count = len(digits)
    straddles = count % 2 == 0 and magnitude % 2 == 0
    return 1 + (count + 1) // 2 + straddles + (canonical[0] == "-")


def _read(literal: str) -> Decimal:
    mantissa, _, exponent = literal.lower().partition("e")
    if len(exponent.lstrip("+-0")) > _EXPONENT_DIGITS_MAX:
        raise ValidationException(_UNDERFLOW if exponent[0] == "-" else _OVERFLOW)
    return Decimal(f"{mantissa}e{exponent}" if exponent else mantissa)


def _canonical(number: Decimal, too_many_digits: str) -> str:
    magnitude = number.adjusted()
    if magnitude > MAGNITUDE_MAX:
        raise ValidationException(_OVERFLOW)
    if magnitude < MAGNITUDE_MIN:
        raise ValidationException(_UNDERFLOW)
    if not number:
        return "0"
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if significant_digits(text) > number_digits_max:
        raise ValidationException(too_many_digits)
    return text
