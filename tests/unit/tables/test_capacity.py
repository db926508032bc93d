from __future__ import annotations

import pytest

from headwater.tables.capacity import (
    Tally,
    index_write_units,
    read_units,
    tally_of_write,
    write_units,
)
from headwater.tables.index import IndexChange
from headwater.tables.write import Effect
from tests.item_store import new_index

GLOBAL = new_index("g", "genre")
LOCAL = new_index("l", "artist year", is_global=False)


@pytest.mark.parametrize(
    ("size", "consistent", "eventual"),
    [(0, 1.0, 0.5), (1, 1.0, 0.5), (4096, 1.0, 0.5), (4097, 2.0, 1.0), (409_600, 100.0, 50.0)],
)
def test_a_read_unit_is_four_kilobytes(size: int, consistent: float, eventual: float) -> None:
    assert read_units(size, is_consistent=True) == consistent
    assert read_units(size, is_consistent=False) == eventual


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [(0, 0, 1), (0, 1024, 1), (0, 1025, 2), (3000, 10, 3), (10, 3000, 3)],
)
def test_a_write_unit_is_a_kilobyte_of_the_larger_item(before: int, after: int, units: int) -> None:
    assert write_units(before, after) == units


@pytest.mark.parametrize(
    ("change", "units"),
    [
        (IndexChange(GLOBAL, None, (b"k", b"v"), 0, 1500), 2),
        (IndexChange(GLOBAL, b"k", None, 1500, 0), 2),
        (IndexChange(GLOBAL, None, (b"k", b"v"), 2500, 10), 3),
        (IndexChange(GLOBAL, b"k", (b"l", b"v"), 1500, 10), 3),
    ],
    ids=["new", "removed", "changed in place", "moved"],
)
def test_an_entry_that_moves_is_written_twice(change: IndexChange, units: int) -> None:
    assert index_write_units(change) == units


def test_a_tally_keeps_indexes_apart() -> None:
    tally = Tally()

    tally.add(None, 1)
    tally.add(GLOBAL, 2)
    tally.add(LOCAL, 4)
    tally.add(GLOBAL, 8)

    assert (tally.table_units, tally.global_indexes, tally.local_indexes, tally.total) == (
        1,
        {"g": 10},
        {"l": 4},
        15,
    )


def test_a_write_without_an_item_counts_one_unit() -> None:
    tally = tally_of_write(Effect(None, None))

    assert tally.total == 1
