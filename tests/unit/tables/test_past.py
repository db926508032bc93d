"""A table at a moment, and its changes between two, whatever is written meanwhile."""

import random
from collections.abc import Awaitable, Callable

import orjson
import pytest

from headwater.limits import export_keys_max
from headwater.storage.engine import Span
from headwater.storage.memory import MemoryEngine
from headwater.streams.shard import HASH_MAX, HashRange
from headwater.tables import past
from headwater.tables.schema import Table
from tests.unit.tables.exporting import Exporting, run

ALL = HashRange(0, HASH_MAX)


class InterruptedEngine(MemoryEngine):
    """Lets a test write between any two steps of reading."""

    between: Callable[[], Awaitable[None]] | None = None

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        between = self.between
        if between is not None:
            self.between = None
            await between()
            self.between = between
        return await super().scan(span)


async def at(here: Exporting, table: Table, moment: float) -> dict[str, int]:
    images = [
        image
        async for step in past.items_at(here.here.engine, table, ALL, round(moment * 1e6))
        for image in step
    ]
    items = [orjson.loads(image.body) for image in images]
    keys = [item["pk"]["S"] for item in items]
    assert len(set(keys)) == len(keys), "each item once"
    return {item["pk"]["S"]: int(item["n"]["N"]) for item in items}


async def change_at_random(here: Exporting, table: Table, draw: random.Random) -> None:
    present = await here.items(table)
    pk = f"k{draw.randrange(60)}"
    if pk in present and draw.random() < 0.4:
        await here.delete(table, pk)
    else:
        await here.put(table, pk, draw.randrange(1000))


@pytest.mark.parametrize("seed", range(8))
def test_a_moment_is_exact_while_writes_go_on(seed, monkeypatch):
    monkeypatch.setattr(past, "export_step_items_max", 3)

    async def body(here: Exporting) -> None:
        draw = random.Random(seed)
        table = await here.recoverable()
        engine = here.here.engine
        assert isinstance(engine, InterruptedEngine)
        for _ in range(80):
            await change_at_random(here, table, draw)
            here.clock.advance(1)
        moment, expected = here.clock.now(), await here.items(table)
        for _ in range(draw.randrange(40)):
            await change_at_random(here, table, draw)
            here.clock.advance(1)

        async def between() -> None:
            for _ in range(3):
                await change_at_random(here, table, draw)

        engine.between = between
        found = await at(here, table, moment)
        engine.between = None

        assert found == expected
        assert await here.items(table) != expected

    run(body, engine=InterruptedEngine())


def test_a_moment_of_each_partition_adds_up_to_the_table():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for number in range(30):
            await here.put(table, f"k{number}", number)
        moment_us = round(here.clock.now() * 1e6) + 1

        ranges = past.partition_ranges(table)
        counts = []
        for hashes in ranges:
            steps = past.items_at(here.here.engine, table, hashes, moment_us)
            counts.append(sum([len(step) async for step in steps]))

        assert len(ranges) == 2
        assert min(counts) > 0
        assert sum(counts) == 30

    run(body)


@pytest.mark.parametrize("keys_max", [export_keys_max, 4])
def test_changes_are_told_once_for_each_item_with_what_was_and_what_became(keys_max, monkeypatch):
    monkeypatch.setattr(past, "export_keys_max", keys_max)

    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for pk in ("same", "changed", "gone", "back"):
            await here.put(table, pk, 1)
        here.clock.advance(10)
        start = here.clock.now()
        for number in range(20):
            await here.put(table, f"new-{number}", number)
        await here.put(table, "changed", 2)
        await here.put(table, "changed", 3)
        await here.delete(table, "gone")
        await here.put(table, "back", 2)
        await here.put(table, "back", 1)
        await here.put(table, "passing", 1)
        await here.delete(table, "passing")
        here.clock.advance(10)
        end = here.clock.now()
        await here.put(table, "same", 9)

        found = {}
        steps = past.changes_between(here.here.engine, table, round(start * 1e6), round(end * 1e6))
        async for step in steps:
            for change in step:
                assert change.keys not in found
                found[change.keys] = (change.old.body, change.new.body, change.time_us)

        assert len(found) == 22
        old, new, time_us = found[b'{"pk":{"S":"changed"}}']
        assert (b'{"N":"1"}' in old, b'{"N":"3"}' in new) == (True, True)
        assert time_us == round(start * 1e6)
        old, new, _ = found[b'{"pk":{"S":"gone"}}']
        assert (b'{"N":"1"}' in old, new) == (True, b"")
        old, new, _ = found[b'{"pk":{"S":"new-7"}}']
        assert (old, b'{"N":"7"}' in new) == (b"", True)

    run(body)
