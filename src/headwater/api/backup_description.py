"""A backup as DescribeBackup and its kin show it.

Which members appear follows the API reference. It knows no store.
"""

from __future__ import annotations

from typing import Any

from headwater.api.table_description import Description, on_demand_limit
from headwater.arn import table_arn
from headwater.tables.backup import Backup
from headwater.tables.key_form import key_schema, projection
from headwater.tables.schema import Index, Table, Throughput, TimeToLiveStatus


def details(backup: Backup, account: str) -> Description:
    """The members of BackupDetails."""
    return {
        "BackupArn": backup.arn(account),
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size,
        "BackupStatus": backup.status,
        "BackupType": "USER",
        "BackupCreationDateTime": backup.created_at,
    }


def summary(backup: Backup, account: str) -> Description:
    """The members of a BackupSummary."""
    table = backup.table
    return {
        "TableName": table.name,
        "TableId": table.table_id,
        "TableArn": table_arn(table.region, account, table.name),
        **details(backup, account),
    }


def description(backup: Backup, account: str) -> Description:
    """The members of a BackupDescription."""
    return {
        "BackupDetails": details(backup, account),
        "SourceTableDetails": _source(backup, account),
        "SourceTableFeatureDetails": _features(backup.table),
    }


def _source(backup: Backup, account: str) -> Description:
    table = backup.table
    shown: Description = {
        "TableName": table.name,
        "TableId": table.table_id,
        "TableArn": table_arn(table.region, account, table.name),
        "TableSizeBytes": backup.size,
        "KeySchema": key_schema(table.keys),
        "TableCreationDateTime": table.created_at,
        "ProvisionedThroughput": _units(table.throughput),
        "ItemCount": backup.items,
        "BillingMode": "PAY_PER_REQUEST" if table.throughput is None else "PROVISIONED",
    }
    if table.on_demand_limit is not None:
        shown["OnDemandThroughput"] = on_demand_limit(table.on_demand_limit)
    return shown


def _features(table: Table) -> Description:
    shown: dict[str, Any] = {}
    for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        indexes = [_index(index) for index in table.indexes if index.is_global is is_global]
        if indexes:
            shown[member] = indexes
    if table.stream is not None:
        shown["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream.view}
    time_to_live = table.time_to_live
    if time_to_live is not None and time_to_live.status is not TimeToLiveStatus.DISABLING:
        shown["TimeToLiveDescription"] = {
            "TimeToLiveStatus": time_to_live.status,
            "AttributeName": time_to_live.attribute,
        }
    return shown


def _index(index: Index) -> Description:
    shown: Description = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.keys),
        "Projection": projection(index),
    }
    if index.is_global:
        shown["ProvisionedThroughput"] = _units(index.throughput)
        if index.on_demand_limit is not None:
            shown["OnDemandThroughput"] = on_demand_limit(index.on_demand_limit)
    return shown


def _units(units: Throughput | None) -> Description:
    if units is None:
        return {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    return {"ReadCapacityUnits": units.read_units, "WriteCapacityUnits": units.write_units}
