"""Which shards of a stream a client asks for. Pure.

    filter             shards
    -----------------  ----------------------------------------------------------------------
    none               all that have records which can be read, and the open ones
    AFTER_SHARD_ID     those of them behind one
    AT_TRIM_HORIZON    those of them whose parents are gone: open at the trim horizon
    FROM_TRIM_HORIZON  all of them
    AT_LATEST          the open ones
    AT_TIMESTAMP       those that were open at a moment
    FROM_TIMESTAMP     those that were open at a moment, and all since

A moment before the trim horizon counts as that.
Source: API Reference, "ShardFilter".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.storage.keyspace import ShardId
from headwater.streams.shard import Shard


@dataclass(frozen=True, slots=True)
class ShardFilter:
    """A filter by its kind. moment_us: microseconds since the epoch."""

    kind: str
    after: ShardId | None = None
    moment_us: int = 0


NO_FILTER = ShardFilter("FROM_TRIM_HORIZON")


def filtered(found: Sequence[Shard], shard_filter: ShardFilter) -> list[Shard]:
    """Of the shards of a stream to be seen, in the order of their ids, those asked for."""
    match shard_filter.kind:
        case "AFTER_SHARD_ID":
            after = shard_filter.after or ""
            return [shard for shard in found if shard.shard_id > after]
        case "AT_TRIM_HORIZON":
            return _roots(found)
        case "AT_LATEST":
            return [shard for shard in found if not shard.is_closed]
        case "AT_TIMESTAMP":
            return _roots(_since(found, shard_filter.moment_us))
        case "FROM_TIMESTAMP":
            return _since(found, shard_filter.moment_us)
        case _:
            return list(found)


def _since(found: Sequence[Shard], moment_us: int) -> list[Shard]:
    return [each for each in found if each.closed_us is None or each.closed_us >= moment_us]


def _roots(found: Sequence[Shard]) -> list[Shard]:
    """Those whose parents are not among them: whoever reads these first misses nothing."""
    ids = {shard.shard_id for shard in found}
    return [shard for shard in found if ids.isdisjoint(shard.parents)]
