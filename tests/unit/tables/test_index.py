from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headwater.storage.keyspace import index_prefix
from headwater.tables import index as indexes
from headwater.tables.schema import Index, IndexStatus, ProjectionType, Table
from headwater.values import codec
from headwater.values import item as items
from tests.item_store import new_index, new_table

BASE = b"base"
KEYS_ONLY = new_index("ByGenre", "genre", projection=ProjectionType.KEYS_ONLY)
JAZZ = {"artist": {"S": "Nina"}, "song": {"S": "a"}, "genre": {"S": "jazz"}}
SOUL = {**JAZZ, "genre": {"S": "soul"}}
BARE = {"artist": {"S": "Nina"}, "song": {"S": "a"}}


def table_with(*its_indexes: Index) -> Table:
    return new_table(indexes=its_indexes)


def changes(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Any:
    return indexes.changes(table_with(KEYS_ONLY), BASE, old, new)


def entry(item: dict[str, Any]) -> tuple[bytes, bytes]:
    found = indexes.entry(table_with(KEYS_ONLY), KEYS_ONLY, BASE, item)
    assert found is not None
    return found


def test_a_new_item_is_entered() -> None:
    (change,) = changes(None, JAZZ)

    assert (change.removed, change.put) == (None, entry(JAZZ))
    assert (change.size_before, change.size_after) == (0, items.size(JAZZ))


def test_a_removed_item_is_taken_out() -> None:
    (change,) = changes(JAZZ, None)

    assert (change.removed, change.put) == (entry(JAZZ)[0], None)
    assert (change.size_before, change.size_after) == (items.size(JAZZ), 0)


def test_a_changed_index_key_moves_the_entry() -> None:
    (change,) = changes(JAZZ, SOUL)

    assert (change.removed, change.put) == (entry(JAZZ)[0], entry(SOUL))


def test_losing_an_index_key_takes_the_entry_out() -> None:
    (change,) = changes(JAZZ, BARE)

    assert (change.removed, change.put) == (entry(JAZZ)[0], None)


@pytest.mark.parametrize(
    ("old", "new"),
    [(None, BARE), (BARE, None), (JAZZ, JAZZ), (JAZZ, {**JAZZ, "year": {"N": "1965"}})],
    ids=["not in it", "never in it", "unchanged", "changed beside it"],
)
def test_what_the_index_does_not_hold_leaves_it_alone(old: Any, new: Any) -> None:
    assert changes(old, new) == []


def test_a_changed_projected_attribute_is_written_in_place() -> None:
    index = new_index("ByGenre", "genre")
    table = table_with(index)

    (change,) = indexes.changes(table, BASE, JAZZ, {**JAZZ, "year": {"N": "1965"}})

    assert change.removed is None
    assert change.put is not None
    assert change.put[0] == entry(JAZZ)[0]


def test_an_index_being_deleted_gets_no_entries() -> None:
    index = replace(KEYS_ONLY, status=IndexStatus.DELETING)

    assert indexes.changes(table_with(index), BASE, None, JAZZ) == []


def test_an_item_that_does_not_fit_is_left_out() -> None:
    table = table_with(KEYS_ONLY)

    assert indexes.entry(table, KEYS_ONLY, BASE, {**BARE, "genre": {"N": "1"}}) is None


@pytest.mark.parametrize(
    ("projection", "attributes", "held"),
    [
        (ProjectionType.KEYS_ONLY, (), {"artist", "song", "genre"}),
        (ProjectionType.INCLUDE, ("year", "absent"), {"artist", "song", "genre", "year"}),
        (ProjectionType.ALL, (), {"artist", "song", "genre", "year", "label"}),
    ],
)
def test_an_entry_holds_what_is_projected(
    projection: ProjectionType, attributes: tuple[str, ...], held: set[str]
) -> None:
    index = new_index("ByGenre", "genre", projection=projection, attributes=attributes)
    item = {**JAZZ, "year": {"N": "1965"}, "label": {"S": "Philips"}}
    table = table_with(index)

    found = indexes.entry(table, index, BASE, item)

    assert found is not None
    assert found[0].startswith(index_prefix(table.table_id, index.index_id))
    projected = codec.decode(found[1])
    assert projected.keys() == held
    assert codec.size(found[1]) == items.size(projected)
