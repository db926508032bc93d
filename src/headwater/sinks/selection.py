"""Which records a sink is to see: what its patterns match, as events with both images."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.consumers.delivery import Selection
from headwater.consumers.selection import FilteredRecords
from headwater.sinks.sink import Sink
from headwater.storage.keyspace import ShardId
from headwater.streams import render
from headwater.streams.log import Stored
from headwater.streams.window import Stream, ViewType


def selection_of(sink: Sink, stream: Stream) -> Selection | None:
    """The sink's selection; None is all.

    The log has both images whatever a stream shows, so patterns may ask about either.
    """
    if not sink.manner.patterns:
        return None
    style = render.event_style(stream.region, ViewType.NEW_AND_OLD_IMAGES, "")

    def shown(shard_id: ShardId, records: Sequence[Stored]) -> list[bytes]:
        return render.events(style, shard_id, records)

    return FilteredRecords(shown, sink.manner.patterns)
