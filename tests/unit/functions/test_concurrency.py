"""How many invocations may run at once."""

from __future__ import annotations

import pytest

from headwater.errors import InvalidParameterValueException
from headwater.functions.concurrency import Concurrency, after, concurrency_of


def test_those_without_a_share_have_what_is_left() -> None:
    assert concurrency_of(None, None) == Concurrency(None, 1000)
    assert concurrency_of(7, b"300") == Concurrency(7, 700)


def test_sum_moves_by_what_changes() -> None:
    assert after(None, None, 5) == b"5"
    assert after(b"5", 5, 3) == b"3"
    assert after(b"905", None, 0) == b"905"
    assert after(b"3", 3, None) is None


def test_a_hundred_are_left_to_others() -> None:
    assert after(b"500", 100, 500) == b"900"

    with pytest.raises(InvalidParameterValueException, match=r"minimum value of \[100\]"):
        after(b"500", 100, 501)
