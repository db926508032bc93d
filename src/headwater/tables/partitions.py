"""A table's partitions and their open shards: the log switched on and off, shards split and rolled.

All here are steps of a commit's work: they read and write a view and return the table as it then
is, which the caller stores. Because they run in a commit group like any write, no change falls
between a shard that closes and those that follow it.

A table may have a log without a stream, for recovery: its shards have an empty label, so that no
stream shows them.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from math import ceil

from headwater.limits import table_units_default_max
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.shard import HASH_MAX, HashRange, Head, Opening, Shard, even_ranges
from headwater.streams.window import Stream, StreamStatus, ViewType
from headwater.tables.schema import Partition, StreamWindow, Table, TableStatus, Units


def initial(warm: Units, override: int | None) -> tuple[Partition, ...]:
    """The partitions of a new table: as AWS would cut it, or as many as the server's option says.

    warm: what the table shall take at once; one partition for each 1,000 write units or 3,000 read
    units, and for units beyond AWS's default quota no more than for the quota.
    """
    count = override
    if count is None:
        reads, writes = (min(units or 0, table_units_default_max) for units in astuple(warm))
        count = max(1, ceil(writes / 1000), ceil(reads / 3000))
    return tuple(Partition(hash_range.start) for hash_range in even_ranges(count))


def open_shard_keys(table: Table) -> list[bytes]:
    """Descriptor and head of every open shard, which most here read."""
    keys = []
    for partition in table.partitions:
        if partition.shard_id is not None:
            keys.append(keyspace.shard(table.table_id, partition.shard_id))
            keys.append(keyspace.head(table.table_id, partition.shard_id))
    return keys


def switch_on(view: View, table: Table, opening: Opening, view_type: ViewType) -> Table:
    """Open a shard for every partition and the stream that shows them.

    Reads `open_shard_keys`: a log that nobody sees goes on in shards that the stream shows.
    """
    assert table.stream is None, "a table has one stream at a time"
    logged = _follow(view, table, opening) if table.has_log else log_on(view, table, opening)
    stream = Stream(
        table.region,
        table.name,
        table.table_id,
        opening.stream_label,
        view_type,
        StreamStatus.ENABLED,
        table.keys.names(),
        opening.now_us / 1e6,
        is_whole=table.status is TableStatus.CREATING,
    )
    view.put(stream.key, windows.encode(stream))
    return table.changed(
        partitions=logged.partitions,
        stream=StreamWindow(stream.label, view_type),
        latest_label=stream.label,
        next_lane=logged.next_lane,
    )


def switch_off(view: View, table: Table, now_us: int) -> Table:
    """Close every open shard and the stream; what was logged stays readable until it is trimmed.

    Reads `open_shard_keys` and the stream's key.
    """
    _close_stream(view, table, now_us)
    return log_off(view, table, now_us).changed(stream=None)


def hide(view: View, table: Table, opening: Opening) -> Table:
    """Close the stream and its shards; the log goes on in shards that nobody sees.

    Reads what `switch_off` does.
    """
    _close_stream(view, table, opening.now_us)
    return _follow(view, table, opening).changed(stream=None)


def log_on(view: View, table: Table, opening: Opening) -> Table:
    """Open a shard for every partition."""
    assert not table.has_log, "a log is switched on once"
    partitions = []
    lane = table.next_lane
    for index, partition in enumerate(table.partitions):
        opened, head = shards.open_root(opening, _range(table, index), lane)
        _put(view, table.table_id, opened, head)
        partitions.append(Partition(partition.start, opened.shard_id, lane))
        lane = shards.next_lane(lane)
    return table.changed(partitions=tuple(partitions), next_lane=lane)


def log_off(view: View, table: Table, now_us: int) -> Table:
    """Close every open shard. Reads `open_shard_keys`."""
    for partition in table.partitions:
        assert partition.shard_id is not None, "while the log is on every partition has a shard"
        _close(view, table.table_id, partition.shard_id, now_us)
    return table.changed(
        partitions=tuple(Partition(partition.start) for partition in table.partitions)
    )


def roll_over(view: View, table: Table, shard_id: ShardId, opening: Opening) -> Table:
    """Close an open shard and open one child in its place. Reads its descriptor and head."""
    index = _index_of(table, shard_id)
    parent, head = _load(view, table.table_id, shard_id)
    closed, (child, child_head) = shards.roll_over(opening, parent, head, table.next_lane)
    _put(view, table.table_id, closed, shards.closed_head(head))
    _put(view, table.table_id, child, child_head)
    partition = Partition(table.partitions[index].start, child.shard_id, child.lane)
    return table.changed(
        partitions=(*table.partitions[:index], partition, *table.partitions[index + 1 :]),
        next_lane=shards.next_lane(table.next_lane),
    )


def split(view: View, table: Table, shard_id: ShardId, opening: Opening) -> Table:
    """Cut a partition in two: close its shard, open a child for each half. No items move.

    Reads the shard's descriptor and head.
    """
    index = _index_of(table, shard_id)
    parent, head = _load(view, table.table_id, shard_id)
    lanes = table.next_lane, shards.next_lane(table.next_lane)
    closed, children = shards.split(opening, (parent, head), parent.range.halves(), lanes)
    _put(view, table.table_id, closed, shards.closed_head(head))
    partitions = []
    for child, child_head in children:
        _put(view, table.table_id, child, child_head)
        partitions.append(Partition(child.range.start, child.shard_id, child.lane))
    return table.changed(
        partitions=(*table.partitions[:index], *partitions, *table.partitions[index + 1 :]),
        next_lane=shards.next_lane(lanes[1]),
    )


def _follow(view: View, table: Table, opening: Opening) -> Table:
    """Every open shard closed and followed by one under the opening's label."""
    partitions = []
    lane = table.next_lane
    for partition in table.partitions:
        assert partition.shard_id is not None, "while the log is on every partition has a shard"
        before, head = _load(view, table.table_id, partition.shard_id)
        closed, (opened, opened_head) = shards.follow(opening, before, head, lane)
        _put(view, table.table_id, closed, shards.closed_head(head))
        _put(view, table.table_id, opened, opened_head)
        partitions.append(Partition(partition.start, opened.shard_id, lane))
        lane = shards.next_lane(lane)
    return table.changed(partitions=tuple(partitions), next_lane=lane)


def _close_stream(view: View, table: Table, now_us: int) -> None:
    assert table.stream is not None, "only a stream that is on is switched off"
    stream_key = keyspace.stream(table.region, table.name, table.stream.label)
    stored = view.get(stream_key)
    assert stored is not None, "a table's enabled stream is stored"
    stream = replace(windows.decode(stored), status=StreamStatus.DISABLED, disabled_at=now_us / 1e6)
    view.put(stream_key, windows.encode(stream))


def _range(table: Table, index: int) -> HashRange:
    is_last = index == len(table.partitions) - 1
    end = HASH_MAX if is_last else table.partitions[index + 1].start - 1
    return HashRange(table.partitions[index].start, end)


def _index_of(table: Table, shard_id: ShardId) -> int:
    ids = [partition.shard_id for partition in table.partitions]
    assert shard_id in ids, "only an open shard is split or rolled over"
    return ids.index(shard_id)


def _load(view: View, table_id: TableId, shard_id: ShardId) -> tuple[Shard, Head]:
    descriptor = view.get(keyspace.shard(table_id, shard_id))
    head = view.get(keyspace.head(table_id, shard_id))
    assert descriptor is not None, "an open shard has a descriptor"
    assert head is not None, "an open shard has a head"
    return shards.decode(descriptor), shards.decode_head(head)


def _close(view: View, table_id: TableId, shard_id: ShardId, now_us: int) -> None:
    shard, head = _load(view, table_id, shard_id)
    _put(view, table_id, shards.close(shard, head, now_us), shards.closed_head(head))


def _put(view: View, table_id: TableId, shard: Shard, head: Head) -> None:
    """Store a shard's descriptor and head, and wake who reads it: its end may have come."""
    view.put(keyspace.shard(table_id, shard.shard_id), shards.encode(shard))
    view.put(keyspace.head(table_id, shard.shard_id), shards.encode_head(head))
    view.wake(keyspace.log_prefix(table_id, shard.shard_id))
    view.wake(keyspace.shards_span(table_id)[0])
