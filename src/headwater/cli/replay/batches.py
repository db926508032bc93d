"""Records cut into batches that a target can take. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most a batch may hold; a record that is larger by itself is a batch of its own."""

    records: int
    size: int


async def batches(records: AsyncIterator[Record], bounds: Bounds) -> AsyncIterator[list[Record]]:
    """All records in their order, in batches as full as the bounds allow."""
    gathered: list[Record] = []
    size = 0
    async for record in records:
        record_size = len(orjson.dumps(record))
        if gathered and (len(gathered) == bounds.records or size + record_size > bounds.size):
            yield gathered
            gathered, size = [], 0
        gathered.append(record)
        size += record_size
    if gathered:
        yield gathered
