"""Replicas know each other, links join them, and items' versions can be read."""

from __future__ import annotations

from headwater.audit.catalog import Catalog
from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.replication import link as links
from headwater.storage import delivery_keys
from headwater.storage.engine import Engine
from headwater.storage.keyspace import TableId
from headwater.tables import version as versions
from headwater.tables.schema import Replica, ReplicaStatus, Table

Pair = tuple[TableId, TableId]


async def check(engine: Engine, report: Report, catalog: Catalog) -> None:
    """Look at every global table, link and version."""
    section = report.section("replicas")
    joined = await _check_links(engine, section)
    for table in catalog.tables.values():
        for replica in table.replicas:
            section.count("replicas")
            _check_replica(section, catalog, joined, (table, replica))
        async for key, stored in rows_of(engine, prefixed(table.versions_prefix)):
            name = f"the version {key[len(table.versions_prefix) :]!r} of {table.name}"
            version = readable(section, name, stored, versions.decode)
            section.count("versions")
            if version is not None and not version.region:
                section.fault(f"{name} is of no region")


def _check_replica(
    section: Section, catalog: Catalog, joined: set[Pair], known: tuple[Table, Replica]
) -> None:
    """What a table says of a replica, against what the replica says; one that goes says nothing."""
    table, replica = known
    name = f"the replica of {table.name} of {table.region} in {replica.region}"
    if table.stream is None and table.has_log:
        section.fault(f"{name} cannot be told of changes: there is no stream")
    if replica.status is ReplicaStatus.DELETING or not table.has_log:
        return
    if (table.table_id, replica.table_id) not in joined:
        section.fault(f"{name} has no link from it")
    if replica.is_remote:
        return  # what its server knows is there
    other = catalog.tables.get(replica.table_id)
    if other is None:
        section.fault(f"{name} is not there")
        return
    if all(each.table_id != table.table_id for each in other.replicas):
        section.fault(f"{name} does not know of it")


async def _check_links(engine: Engine, section: Section) -> set[Pair]:
    """Returns the tables that links join."""
    joined: set[Pair] = set()
    async for key, stored in rows_of(engine, delivery_keys.every_link_span()):
        link = readable(section, f"link {key!r}", stored, links.decode)
        if link is None:
            continue
        section.count("links")
        if link.key != key:
            section.fault(f"the link {link.consumer} is stored under another's key")
        joined.add((link.source.table_id, link.target.table_id))
    return joined
