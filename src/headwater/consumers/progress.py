"""Where a consumer stands, shard by shard: positions, and how far behind."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.streams import listing
from headwater.streams.shard import Head, Shard, decode_head, line_count
from headwater.streams.window import AnyStream


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """A shard of a consumer's stream. checkpoint: None if it has not been read yet."""

    shard: Shard
    head: Head
    checkpoint: Checkpoint | None

    @property
    def lag_records(self) -> int:
        """How many records of the shard are not behind the consumer."""
        if self.checkpoint is not None and self.checkpoint.is_finished:
            return 0
        position = self.shard.first if self.checkpoint is None else self.checkpoint.position
        return max(0, line_count(self.head.last) - line_count(max(position, self.shard.first)))


async def progress(
    engine: Engine, consumer: str, stream: AnyStream, horizon_us: int
) -> list[ShardProgress]:
    """Every shard of a consumer's stream that can be read, in the order of their ids."""
    shards = [shard async for shard in listing.shards_of(engine, stream, horizon_us)]
    stored = await checkpoints.load(engine, consumer)
    heads = await engine.get([keyspace.head(stream.table_id, each.shard_id) for each in shards])
    return [
        ShardProgress(shard, decode_head(head), stored.get((stream.table_id, shard.shard_id)))
        for shard, head in zip(shards, heads, strict=True)
        if head is not None
    ]
