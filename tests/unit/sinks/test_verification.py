from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.sinks.verification import Comparison, each
from tests.sink_store import SinkStore, in_sink_store

FORMS = [{"format": "json", "compression": "gzip"}, {"format": "parquet"}]


def in_files(files: Path, body: Callable[[SinkStore], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with SinkStore(files).running() as store:
            await store.create_table()
            await body(store)

    asyncio.run(main())


def lose_newest(files: Path) -> None:
    """Remove the file that a shard was last written to."""
    max((path for path in files.rglob("*.*") if "shard" in path.name), key=str).unlink()


async def faults(store: SinkStore) -> list[str]:
    return (await store.service.verify(await store.sink())).faults


def test_every_difference_is_told() -> None:
    async def main() -> None:
        comparison = Comparison()
        comparison.expect("same", {"a": 1, "b": Decimal("2.50")})
        comparison.expect("other", {"a": 1})
        comparison.expect("missing", {})

        verdict = await comparison.verdict(
            each([("same", {"b": 2.5, "a": 1}), ("other", {"a": 2}), ("extra", {})])
        )

        assert (verdict.items, verdict.count) == (3, 3)
        assert verdict.faults == [
            '"other" is held otherwise than it should be',
            '"extra" is held and should not be',
            '"missing" is not held',
        ]

    asyncio.run(main())


@pytest.mark.parametrize("form", FORMS)
def test_a_lake_is_held_against_its_table(form: dict[str, str], tmp_path: Path) -> None:
    async def body(store: SinkStore) -> None:
        settings = {"location": "file:lake", "partition_by": "none", **form}
        for number in range(6):
            await store.put(f"k{number}", v="1", n={"N": "1.5"}, nothing={"NULL": True})
        await store.add("lake", settings=settings)
        await store.drained()
        before = await faults(store)
        await store.put("k0", v="2")
        await store.delete("k1")
        await store.drained()
        after = await faults(store)
        lose_newest(tmp_path)

        assert (before, after) == ([], [])
        assert len(await faults(store)) == 1

    in_files(tmp_path, body)


@pytest.mark.parametrize("form", FORMS)
def test_what_the_transform_leaves_out_is_not_missed(form: dict[str, str], tmp_path: Path) -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", v="yes")
        await store.put("b", v="no")
        await store.add(
            "lake",
            settings={"location": "file:lake", **form},
            transform="[new][?v=='yes'] | [0].{id: k}",
        )
        await store.put("a", v="no")
        await store.put("b", v="yes")
        await store.drained()

        assert await faults(store) == []

    in_files(tmp_path, body)


def test_a_kind_that_cannot_be_read_says_so() -> None:
    async def body(store: SinkStore) -> None:
        await store.add()
        with pytest.raises(ValidationException, match="cannot be read"):
            await store.service.verify(await store.sink())

    in_sink_store(body)
