"""Records cut into batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from headwater.cli.replay.batches import Bounds, Record, batches

SIZE = len(orjson.dumps({"text": "x" * 10}))


def cut(lengths: list[int], bounds: Bounds) -> list[list[int]]:
    """The lengths of texts, as batches have them."""

    async def records() -> AsyncIterator[Record]:
        for length in lengths:
            yield {"text": "x" * length}

    async def main() -> list[list[int]]:
        return [
            [len(record["text"]) for record in batch] async for batch in batches(records(), bounds)
        ]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("lengths", "bounds", "expected"),
    [
        ([], Bounds(2, 1000), []),
        ([1, 2, 3], Bounds(2, 1000), [[1, 2], [3]]),
        ([1, 2], Bounds(2, 1000), [[1, 2]]),
        ([10, 10, 10], Bounds(9, 2 * SIZE), [[10, 10], [10]]),
        ([10, 10, 10], Bounds(9, 2 * SIZE - 1), [[10], [10], [10]]),
        ([10, 999, 10], Bounds(9, 2 * SIZE), [[10], [999], [10]]),
    ],
)
def test_batches_are_as_full_as_bounds_allow(
    lengths: list[int], bounds: Bounds, expected: list[list[int]]
) -> None:
    assert cut(lengths, bounds) == expected
