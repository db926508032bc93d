"""A mapping's filter criteria as what its reader asks: which records the function is to see."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from headwater.mappings.event import Events
from headwater.mappings.filter import RecordFilter
from headwater.storage.keyspace import ShardId
from headwater.streams.log import Stored


class FilteredRecords:
    """Holds records, as the function's event would hold them, against a mapping's patterns."""

    def __init__(self, events: Events, patterns: Sequence[str]) -> None:
        self._events = events
        self._filter = RecordFilter(patterns)

    def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
        matches = self._filter.matches
        return [matches(orjson.loads(one)) for one in self._events.records(shard_id, records)]
