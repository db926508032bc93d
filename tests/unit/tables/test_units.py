"""Units asked for: limits on demand and warm throughput."""

import pytest

from headwater.errors import ValidationException
from headwater.tables import units
from headwater.tables.schema import Throughput, Units


@pytest.mark.parametrize(
    ("present", "asked", "after"),
    [
        (None, None, None),
        (None, Units(1, None), Units(1, None)),
        (Units(1, 2), None, Units(1, 2)),
        (Units(1, 2), Units(None, 3), Units(1, 3)),
        (Units(1, 2), Units(-1, None), Units(-1, 2)),
    ],
)
def test_a_change_leaves_what_it_does_not_name(present, asked, after):
    assert units.merged(present, asked) == after


def test_nothing_cools_when_its_throughput_falls():
    high, low = Throughput(50, 60), Throughput(5, 70)

    assert units.warmed(units.warm_by_itself(high), None, low, "table") == Units(50, 70)


def test_less_than_its_throughput_is_refused():
    with pytest.raises(ValidationException):
        units.warmed(Units(5, 5), Units(4, 6), Throughput(5, 5), "table")
