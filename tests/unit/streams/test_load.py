from __future__ import annotations

import pytest

from headwater.streams.load import Load, measured


@pytest.mark.parametrize(
    ("before", "count", "above_since"),
    [
        (None, 1000, None),
        (Load(0, 10.0), 101, 10.0),
        (Load(0, 10.0), 100, None),
        (Load(0, 10.0, 5.0), 101, 5.0),
        (Load(0, 10.0, 5.0), 100, None),
    ],
    ids=["new", "begins", "not above", "goes on", "ends"],
)
def test_rate_is_what_was_added_since_the_last_look(
    before: Load | None, count: int, above_since: float | None
) -> None:
    assert measured(before, count, 20.0, rate_max=10) == Load(count, 20.0, above_since)
