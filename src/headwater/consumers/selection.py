"""Filter criteria as what a reader asks: which records its consumer is to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import orjson

from headwater.consumers.filter import RecordFilter
from headwater.storage.keyspace import ShardId
from headwater.streams.log import Stored

Render: TypeAlias = Callable[[ShardId, Sequence[Stored]], list[bytes]]
"""The JSON of a shard's records, as patterns are held against them."""


class FilteredRecords:
    """Holds records, as `render` shows them, against patterns."""

    def __init__(self, render: Render, patterns: Sequence[str]) -> None:
        self._render = render
        self._filter = RecordFilter(patterns)

    def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
        matches = self._filter.matches
        return [matches(orjson.loads(one)) for one in self._render(shard_id, records)]
