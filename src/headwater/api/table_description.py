"""A table as DescribeTable and its kin show it.

Which members appear, and when, follows what AWS shows: observed, where the API reference leaves it
open. It knows no store; counts are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headwater.arn import index_arn, stream_arn, table_arn
from headwater.storage.keyspace import IndexId
from headwater.tables.altering import decreases_today
from headwater.tables.count import Count
from headwater.tables.key_form import key_schema, projection
from headwater.tables.override import NO_LIMIT, Override, Reads
from headwater.tables.overriding import NONE, in_force
from headwater.tables.schema import (
    Index,
    IndexStatus,
    Replica,
    ReplicaStatus,
    Restoration,
    Table,
    TableClass,
    TableStatus,
    Throughput,
    Units,
)
from headwater.tables.units import warm_in_all

Description = dict[str, Any]

_REPLICATION_MODE: Final = "ENABLED_WITH_OVERRIDES"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a description holds beside the table: whose, as of when, and what was counted.

    replicas: how much new ones have, in hundredths, by region.
    """

    account: str
    now: float
    table: Count = field(default_factory=Count)
    indexes: Mapping[IndexId, Count] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)


def description(table: Table, figures: Figures) -> Description:
    """The members of a TableDescription."""
    table = in_force(table)
    if table.status is TableStatus.DELETING:
        return _identity(table, figures)
    shown = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in table.types.items()
        ],
        "KeySchema": key_schema(table.keys),
        "CreationDateTime": table.created_at,
        **_identity(table, figures),
    }
    if table.status is not TableStatus.CREATING:
        shown["WarmThroughput"] = _warm(table, table.status)
    if table.on_demand_limit is not None:
        shown["OnDemandThroughput"] = on_demand_limit(table.on_demand_limit)
    for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        indexes = [index for index in table.indexes if index.is_global is is_global]
        if indexes:
            shown[member] = [_index(table, index, figures) for index in indexes]
    if table.restoration is not None:
        shown["RestoreSummary"] = _restore_summary(table.restoration)
    return {**shown, **_stream(table, figures.account), **_replicas(table, figures)}


def _identity(table: Table, figures: Figures) -> Description:
    """What even a table that is being deleted shows."""
    shown = {
        "TableName": table.name,
        "TableStatus": table.status,
        "ProvisionedThroughput": _throughput(table.throughput, figures.now),
        "TableSizeBytes": figures.table.size,
        "ItemCount": figures.table.items,
        "TableArn": table_arn(table.region, figures.account, table.name),
        "TableId": table.table_id,
        "DeletionProtectionEnabled": table.is_deletion_protected,
    }
    if table.table_class is not TableClass.STANDARD or table.class_changed_at is not None:
        shown["TableClassSummary"] = _class_summary(table)
    if table.to_on_demand_at is not None:
        shown["BillingModeSummary"] = _billing(table, table.to_on_demand_at)
    return shown


def _replicas(table: Table, figures: Figures) -> Description:
    """Shown of global tables alone: the other regions, never the table's own."""
    if not table.replicas:
        return {}
    return {
        "GlobalTableVersion": "2019.11.21",
        "GlobalTableSettingsReplicationMode": _REPLICATION_MODE,
        "Replicas": [_replica(table, replica, figures) for replica in table.replicas],
    }


def _replica(table: Table, replica: Replica, figures: Figures) -> Description:
    """A trouble takes the place of ACTIVE: a replica that comes or goes does so all the same."""
    trouble = replica.trouble
    is_shown = trouble is not None and replica.status is ReplicaStatus.ACTIVE
    status = trouble.status if trouble is not None and is_shown else replica.status
    shown: Description = {
        "RegionName": replica.region,
        "ReplicaStatus": status,
        "WarmThroughput": _warm(table, replica.status),
        "GlobalTableSettingsReplicationMode": _REPLICATION_MODE,
    }
    if replica.region in figures.replicas:
        shown["ReplicaStatusPercentProgress"] = str(figures.replicas[replica.region])
    shown |= _overrides(table, table.overrides.get(replica.region, NONE))
    if trouble is not None:
        shown["ReplicaStatusDescription"] = trouble.description
        shown["ReplicaInaccessibleDateTime"] = trouble.since
    return shown


def _overrides(table: Table, override: Override) -> Description:
    """What a replica has otherwise, as far as it goes with what the table is."""
    is_on_demand = table.throughput is None
    shown = _override(override.table, is_on_demand=is_on_demand)
    indexes = [
        {"IndexName": name, **reads}
        for name, of_index in sorted(override.indexes.items())
        if name in table.indexes_by_name
        and (reads := _override(of_index, is_on_demand=is_on_demand))
    ]
    if indexes:
        shown["GlobalSecondaryIndexes"] = indexes
    if override.table_class is not None:
        summary: Description = {"TableClass": override.table_class}
        if override.class_changed_at is not None:
            summary["LastUpdateDateTime"] = override.class_changed_at
        shown["ReplicaTableClassSummary"] = summary
    return shown


def _override(reads: Reads, *, is_on_demand: bool) -> Description:
    if is_on_demand and reads.on_demand is not None:
        return {"OnDemandThroughputOverride": {"MaxReadRequestUnits": reads.on_demand}}
    if not is_on_demand and reads.provisioned is not None:
        return {"ProvisionedThroughputOverride": {"ReadCapacityUnits": reads.provisioned}}
    return {}


def _restore_summary(restoration: Restoration) -> Description:
    shown: Description = {
        "SourceTableArn": restoration.source_arn,
        "RestoreDateTime": restoration.moment,
        "RestoreInProgress": restoration.is_in_progress,
    }
    if restoration.backup_arn is not None:
        shown["SourceBackupArn"] = restoration.backup_arn
    return shown


def _class_summary(table: Table) -> Description:
    """Shown of tables that are, or once were, of another class than most."""
    shown: Description = {"TableClass": table.table_class}
    if table.class_changed_at is not None:
        shown["LastUpdateDateTime"] = table.class_changed_at
    return shown


def _billing(table: Table, to_on_demand_at: float) -> Description:
    """Shown of tables that are on demand, or once were."""
    mode = "PAY_PER_REQUEST" if table.throughput is None else "PROVISIONED"
    if table.status is TableStatus.CREATING:
        return {"BillingMode": mode}
    return {"BillingMode": mode, "LastUpdateToPayPerRequestDateTime": to_on_demand_at}


def _stream(table: Table, account: str) -> Description:
    """The enabled stream, and the latest, which may be one that is disabled."""
    shown: Description = {}
    if table.stream is not None:
        shown["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream.view}
    if table.latest_label is not None:
        shown["LatestStreamLabel"] = table.latest_label
        shown["LatestStreamArn"] = stream_arn(table.region, account, table.name, table.latest_label)
    return shown


def _index(table: Table, index: Index, figures: Figures) -> Description:
    count = figures.indexes.get(index.index_id, Count())
    shown: Description = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.keys),
        "Projection": projection(index),
    }
    if index.is_global:
        shown["IndexStatus"] = index.status
        if index.status is IndexStatus.CREATING and table.status is not TableStatus.CREATING:
            shown["Backfilling"] = index.is_backfilling
        shown["ProvisionedThroughput"] = _throughput(index.throughput, figures.now)
        if index.status in (IndexStatus.ACTIVE, IndexStatus.UPDATING):
            shown["WarmThroughput"] = _warm(index, index.status)
        if index.on_demand_limit is not None:
            shown["OnDemandThroughput"] = on_demand_limit(index.on_demand_limit)
    shown["IndexSizeBytes"] = count.size
    shown["ItemCount"] = count.items
    shown["IndexArn"] = index_arn(table.region, figures.account, table.name, index.name)
    return shown


def _throughput(units: Throughput | None, now: float) -> Description:
    if units is None:
        return {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    shown: Description = {
        "NumberOfDecreasesToday": decreases_today(units, now),
        "ReadCapacityUnits": units.read_units,
        "WriteCapacityUnits": units.write_units,
    }
    if units.increased_at is not None:
        shown["LastIncreaseDateTime"] = units.increased_at
    if units.decreased_at is not None:
        shown["LastDecreaseDateTime"] = units.decreased_at
    return shown


def on_demand_limit(limit: Units) -> Description:
    """The members of an OnDemandThroughput."""
    return {
        "MaxReadRequestUnits": NO_LIMIT if limit.reads is None else limit.reads,
        "MaxWriteRequestUnits": NO_LIMIT if limit.writes is None else limit.writes,
    }


def _warm(what: Table | Index, status: str) -> Description:
    """What a table or index can take at once, as AWS says it of one that was not measured yet."""
    warm = warm_in_all(what.warm, what.throughput)
    return {
        "ReadUnitsPerSecond": warm.reads,
        "WriteUnitsPerSecond": warm.writes,
        "Status": status,
    }
