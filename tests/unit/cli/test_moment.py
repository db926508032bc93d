"""Moments as options give them."""

from __future__ import annotations

import click
import pytest

from headwater.cli.moment import Ago, Moment, MomentType, second_of


def parsed(text: str) -> Moment:
    return MomentType().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-11-28T09:00", 1_795_856_400.0),
        ("2026-11-28T09:00:00Z", 1_795_856_400.0),
        ("2026-11-28T10:00+01:00", 1_795_856_400.0),
        ("2026-11-28", 1_795_824_000.0),
        ("start", None),
    ],
)
def test_moment(text: str, second: float | None) -> None:
    assert second_of(parsed(text), 1_900_000_000.0) == second


def test_while_ago_counts_from_the_time_that_is_given() -> None:
    assert parsed("1h30m") == Ago(5400)
    assert second_of(parsed("24h"), 1_000_000.0) == 913_600.0


def test_future_is_refused() -> None:
    with pytest.raises(click.UsageError, match="future"):
        second_of(2.0, 1.0)


def test_what_is_none_is_told() -> None:
    with pytest.raises(click.BadParameter, match="tomorrow is no moment"):
        parsed("tomorrow")
