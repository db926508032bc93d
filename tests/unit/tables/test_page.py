from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from headwater.expressions import condition
from headwater.expressions.bind import Placeholders
from headwater.storage.engine import Span
from headwater.storage.memory import MemoryEngine
from headwater.tables import keys, read
from headwater.tables.page import Page, Reading, read_page
from headwater.tables.read import Stretch
from tests.item_store import ItemStore, new_index, new_table

LOCAL = new_index("ByYear", "artist year", is_global=False)
TABLE = new_table(indexes=[LOCAL])
COUNT = 1200


class CountingEngine(MemoryEngine):
    """Knows how often it was scanned, and how many entries it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.scans: list[int] = []

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        rows = await super().scan(span)
        self.scans.append(len(rows))
        return rows


@pytest.fixture(scope="module")
def store() -> Iterator[ItemStore]:
    with ItemStore(CountingEngine()).running() as running:
        running.add_table(TABLE)
        for number in range(COUNT):
            running.call("PutItem", TableName="Music", Item=song(number))
        yield running


def song(number: int) -> dict[str, Any]:
    text = f"{number:04}"
    return {"artist": {"S": "Nina"}, "song": {"S": text}, "year": {"S": text}}


def whole(index: str | None = None) -> Reading:
    place = read.source(TABLE, index)
    return Reading(place, read.segment_stretch(place, 0, 1))


def page_of(store: ItemStore, reading: Reading) -> tuple[Page, list[int]]:
    """A page, and how many entries each step read for it."""
    assert isinstance(store.engine, CountingEngine)
    store.engine.scans.clear()
    page = store.run(read_page(store.engine, reading))
    return page, list(store.engine.scans)


def test_a_long_stretch_is_read_in_steps(store: ItemStore) -> None:
    page, steps = page_of(store, whole())

    assert steps == [500, 500, 200]
    assert (page.count, page.scanned_count, page.last) == (COUNT, COUNT, None)


@pytest.mark.parametrize(
    ("limit", "steps"), [(1, [1]), (500, [500]), (501, [500, 1]), (COUNT, [500, 500, 200])]
)
def test_no_more_is_read_than_the_limit(store: ItemStore, limit: int, steps: list[int]) -> None:
    page, read_by_step = page_of(store, replace(whole(), limit=limit))

    assert read_by_step == steps
    assert page.scanned_count == limit
    assert page.last_key(read.source(TABLE, None)) == {
        "artist": {"S": "Nina"},
        "song": {"S": f"{limit - 1:04}"},
    }


def test_a_limit_beyond_the_end_leaves_no_last_key(store: ItemStore) -> None:
    page, _ = page_of(store, replace(whole(), limit=COUNT + 1))

    assert page.last_key(read.source(TABLE, None)) is None


def test_steps_backward_join_without_gap(store: ItemStore) -> None:
    reading = whole()
    backward = replace(reading, stretch=replace(reading.stretch, reverse=True))

    page, _ = page_of(store, backward)
    forward, _ = page_of(store, reading)

    assert page.items == forward.items[::-1]


def test_others_have_their_turn_between_steps(store: ItemStore) -> None:
    turns = 0

    async def read_beside_another() -> None:
        nonlocal turns

        async def count_turns() -> None:
            nonlocal turns
            while not reading.done():
                turns += 1
                await asyncio.sleep(0)

        reading = asyncio.create_task(read_page(store.engine, whole()))
        await asyncio.gather(reading, count_turns())

    store.run(read_beside_another())

    assert turns == 2


def test_an_item_removed_since_its_entry_was_read_is_left_out(store: ItemStore) -> None:
    key = keys.of_item(TABLE, song(7)).stored
    (stored,) = store.run(store.engine.get([key]))
    store.work([], lambda view: view.delete(key))

    page, _ = page_of(store, replace(whole("ByYear"), fetches_items=True))

    store.work([], lambda view: view.put(key, stored))
    assert (page.scanned_count, page.count) == (COUNT, COUNT - 1)


def test_a_filter_is_asked_of_each_entry(store: ItemStore) -> None:
    placeholders = Placeholders(None, {":from": {"S": "1100"}})
    late = condition.parse("song >= :from", placeholders, "FilterExpression")

    page, _ = page_of(store, replace(whole(), filter=late))

    assert (page.scanned_count, page.count, len(page.items)) == (COUNT, 100, 100)


def test_an_empty_stretch_is_an_empty_page(store: ItemStore) -> None:
    page, steps = page_of(store, replace(whole(), stretch=Stretch(b"i", b"i")))

    assert (page.items, page.scanned_count, page.last, steps) == ([], 0, None, [0])
