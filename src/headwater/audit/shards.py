"""Shards: each has a head that agrees with it, and lineages are whole.

What retention removes goes in this order: a shard's entries, then the shard with its head and its
trim point. So a parent may be missing, a head may not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from headwater.audit.catalog import Catalog
from headwater.audit.reading import readable, rows_of
from headwater.audit.report import Report, Section
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId, TableId
from headwater.streams import shard as shards
from headwater.streams.shard import Head, Shard

Shards = dict[TableId, dict[ShardId, Shard]]


async def check(engine: Engine, report: Report, catalog: Catalog) -> Shards:
    """Look at every shard, head and trim point; returns the shards of every table."""
    section = report.section("shards")
    found: Shards = defaultdict(dict)
    async for key, stored in rows_of(engine, keyspace.every_shard_span()):
        shard = readable(section, f"shard {key!r}", stored, shards.decode)
        if shard is None:
            continue
        section.count("shards")
        table_id = keyspace.table_of_shard(key)
        if table_id in catalog.leaving:
            continue
        if keyspace.shard(table_id, shard.shard_id) != key:
            section.fault(f"{shard.shard_id} is stored under another's key")
        found[table_id][shard.shard_id] = shard
        await _check_head(engine, section, table_id, shard)
    for table_id, of_table in found.items():
        _check_lineages(section, of_table)
        _check_open(section, catalog, table_id, of_table)
    await _check_orphans(engine, section, (found, catalog))
    return found


async def _check_head(engine: Engine, section: Section, table_id: TableId, shard: Shard) -> None:
    name = f"the head of {shard.shard_id}"
    stored, point = await engine.get(
        [keyspace.head(table_id, shard.shard_id), keyspace.trim_point(table_id, shard.shard_id)]
    )
    head = None if stored is None else readable(section, name, stored, shards.decode_head)
    if head is None:
        section.fault(f"{name} is missing")
        return
    if head.is_closed != shard.is_closed:
        section.fault(f"{name} is {'closed' if head.is_closed else 'open'}, its shard is not")
    if head.last < shard.first or not _is_of_lane(head, shard):
        section.fault(f"{name} stands where its shard has no numbers")
    if shard.last is not None and shard.last != head.last:
        section.fault(f"{name} does not stand where its shard ends")
    if point is not None:
        section.count("trim points")
        if shards.decode_point(point) > head.last:
            section.fault(f"the trim point of {shard.shard_id} lies behind its head")


def _is_of_lane(head: Head, shard: Shard) -> bool:
    return shards.number_from(head.last, shard.lane) == head.last


def _check_lineages(section: Section, found: dict[ShardId, Shard]) -> None:
    """Children begin behind their parents, and share out their ranges."""
    by_parent: dict[ShardId, list[Shard]] = defaultdict(list)
    for shard in sorted(found.values(), key=lambda shard: shard.range.start):
        for parent_id in shard.parents:
            by_parent[parent_id].append(shard)
    for parent_id, children in by_parent.items():
        parent = found.get(parent_id)
        if parent is None:
            continue
        if parent.last is None:
            section.fault(f"{parent_id} is open and has children")
            continue
        for child in children:
            if child.first <= parent.last:
                section.fault(f"{child.shard_id} does not begin behind its parent's end")
        if not _is_shared_out(parent, children):
            section.fault(f"{parent_id} is not what its children share")


def _is_shared_out(parent: Shard, children: Sequence[Shard]) -> bool:
    """children: in the order of their ranges."""
    ends = [child.range.end + 1 for child in children]
    bounds = [children[0].range.start, *ends]
    if [child.range.start for child in children] != bounds[:-1]:
        return False
    first, last = bounds[0], bounds[-1] - 1
    if all(len(child.parents) == 1 for child in children):
        return (first, last) == (parent.range.start, parent.range.end)
    return len(children) == 1 and first <= parent.range.start <= parent.range.end <= last


def _check_open(
    section: Section, catalog: Catalog, table_id: TableId, found: dict[ShardId, Shard]
) -> None:
    """A shard is open exactly as long as a partition of its table, or its data stream, names it."""
    table, stream = catalog.tables.get(table_id), catalog.data_streams.get(table_id)
    named = set() if table is None else {each.shard_id for each in table.partitions}
    if stream is not None:
        named = {each.shard_id for each in stream.shards}
    for shard in found.values():
        if not shard.is_closed and shard.shard_id not in named:
            section.fault(f"{shard.shard_id} is open, but nobody's")


async def _check_orphans(engine: Engine, section: Section, stored: tuple[Shards, Catalog]) -> None:
    found, catalog = stored
    for what, span in (
        ("head", keyspace.every_head_span()),
        ("trim point", keyspace.every_trim_point_span()),
    ):
        async for key, _ in rows_of(engine, span):
            table_id, shard_id = keyspace.shard_of_head(key)
            if table_id not in catalog.leaving and shard_id not in found.get(table_id, {}):
                section.fault(f"a {what} is of no shard: {shard_id}")
