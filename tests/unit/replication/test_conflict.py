"""Which of two writes stays."""

from __future__ import annotations

from itertools import permutations

import pytest

from headwater.replication.conflict import wins
from headwater.tables.version import Version

EAST, WEST = "us-east-1", "eu-west-1"


@pytest.mark.parametrize(
    ("incoming", "present", "stays"),
    [
        (Version(5, EAST), None, "incoming"),
        (Version(0, EAST), None, "incoming"),
        (Version(5, EAST), Version(4, WEST), "incoming"),
        (Version(4, EAST), Version(5, WEST), "present"),
        (Version(5, EAST), Version(5, EAST), "present"),
        (Version(5, EAST), Version(5, WEST), "incoming"),
        (Version(5, WEST), Version(5, EAST), "present"),
        (Version(1, WEST), Version(0, EAST), "incoming"),
        (Version(0, WEST), Version(0, EAST), "present"),
    ],
)
def test_later_write_stays(incoming: Version, present: Version | None, stays: str) -> None:
    assert wins(incoming, present) is (stays == "incoming")


def test_every_order_of_arrival_ends_with_the_same_write() -> None:
    writes = [Version(time, region) for time in (3, 7, 9) for region in (EAST, WEST)]

    ends = set()
    for order in permutations(writes):
        present: Version | None = None
        for incoming in order:
            if wins(incoming, present):
                present = incoming
        ends.add(present)

    assert ends == {Version(9, EAST)}
