"""A table as it begins (pure): its identity, its partitions, its indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headwater.clock import Chance
from headwater.limits import item_collection_bytes_max
from headwater.storage.keyspace import IndexId, TableId
from headwater.tables import partitions
from headwater.tables.definition import Definition
from headwater.tables.key_definition import IndexDefinition
from headwater.tables.resource_policies import OF_TABLE, new_policy
from headwater.tables.schema import Index, IndexStatus, Table, TableStatus
from headwater.tables.units import warm_by_itself


@dataclass(frozen=True, slots=True)
class TableDefaults:
    """What a new table has unless it asks for something else.

    initial_partitions: instead of as many as AWS would give it. item_collection_bytes_max: of a
    table with local indexes.
    """

    initial_partitions: int | None = None
    item_collection_bytes_max: int = item_collection_bytes_max


AS_ON_AWS: Final = TableDefaults()


def new_table(
    region: str, definition: Definition, now: float, chance: Chance, defaults: TableDefaults
) -> Table:
    """A table as it is defined, in the state CREATING. now: in epoch seconds."""
    policy = definition.policy
    has_collections = any(not asked.is_global for asked in definition.indexes)
    collection_bytes_max = defaults.item_collection_bytes_max
    return Table(
        region,
        definition.name,
        TableId(chance.uuid()),
        TableStatus.CREATING,
        now,
        definition.keys,
        partitions.initial(
            definition.warm or warm_by_itself(definition.throughput),
            defaults.initial_partitions,
        ),
        tuple(_new_index(asked, chance) for asked in definition.indexes),
        definition.throughput,
        now if definition.throughput is None else None,
        is_deletion_protected=definition.is_deletion_protected,
        tags=definition.tags,
        table_class=definition.table_class,
        collection_bytes_max=collection_bytes_max if has_collections else None,
        on_demand_limit=definition.on_demand_limit,
        warm=definition.warm,
        policies={} if policy is None else {OF_TABLE: new_policy(policy, now)},
    )


def _new_index(asked: IndexDefinition, chance: Chance) -> Index:
    status = IndexStatus.CREATING if asked.is_global else IndexStatus.ACTIVE
    return asked.index(IndexId(chance.token(8).hex()), status)
