"""Handlers of backups: made, described, listed, deleted, restored; recovery to a point in time.

What a backup is, `tables/backups.py` says; how a table comes back, `tables/restoring.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from headwater.api.backup_description import description, details, summary
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.table_description import Description, Figures
from headwater.api.table_description import description as table_description
from headwater.arn import table_arn
from headwater.clock import Chance, Clock
from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.limits import backups_page_max, recovery_days_max
from headwater.tables import partitions, recovery
from headwater.tables.backups import Backups, BackupSource, Wanted, named_table, table_not_found
from headwater.tables.catalog import Catalog
from headwater.tables.recovery import MomentSource, RecoveryChange
from headwater.tables.restore import definition_of, refuse_overrides
from headwater.tables.schema import Restoration, Table


class BackupHandlers:
    """The handlers, over the catalog of tables and the backups of them."""

    def __init__(self, catalog: Catalog, backups: Backups, clock: Clock, chance: Chance) -> None:
        self._catalog = catalog
        self._backups = backups
        self._clock = clock
        self._chance = chance

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        named: Mapping[str, Handler] = {
            "CreateBackup": self.create_backup,
            "DeleteBackup": self.delete_backup,
            "DescribeBackup": self.describe_backup,
            "DescribeContinuousBackups": self.describe_continuous_backups,
            "ListBackups": self.list_backups,
            "RestoreTableFromBackup": self.restore_table_from_backup,
            "RestoreTableToPointInTime": self.restore_table_to_point_in_time,
            "UpdateContinuousBackups": self.update_continuous_backups,
        }
        return {("dynamodb", name): handler for name, handler in named.items()}

    async def create_backup(self, call: Call) -> Reply:
        asked = call.input
        backup = await self._backups.create(call.region, asked["TableName"], asked["BackupName"])
        return Reply.json({"BackupDetails": details(backup, self._catalog.account)})

    async def describe_backup(self, call: Call) -> Reply:
        backup = await self._backups.find(call.region, call.input["BackupArn"])
        return Reply.json({"BackupDescription": description(backup, self._catalog.account)})

    async def delete_backup(self, call: Call) -> Reply:
        backup = await self._backups.delete(call.region, call.input["BackupArn"])
        return Reply.json({"BackupDescription": description(backup, self._catalog.account)})

    async def list_backups(self, call: Call) -> Reply:
        """Backups in the order of table names and times; those of deleted tables too."""
        account = self._catalog.account
        if call.input.get("BackupType", "USER") not in ("USER", "ALL"):
            return Reply.json({"BackupSummaries": []})  # none is made but by users
        found, has_more = await self._backups.listed(call.region, self._wanted(call))
        content: dict[str, Any] = {
            "BackupSummaries": [summary(backup, account) for backup in found]
        }
        if has_more:
            content["LastEvaluatedBackupArn"] = found[-1].arn(account)
        return Reply.json(content)

    async def restore_table_from_backup(self, call: Call) -> Reply:
        asked = call.input
        refuse_overrides(asked)
        backup = await self._backups.find(call.region, asked["BackupArn"])
        restoration = Restoration(
            self._arn(backup.table), backup.table.table_id, backup.created_at, asked["BackupArn"]
        )
        table = await self._catalog.restore(
            call.region,
            definition_of(backup.table, asked["TargetTableName"], asked),
            restoration,
            BackupSource(backup, asked["BackupArn"]),
        )
        return Reply.json({"TableDescription": self._described(table)})

    async def restore_table_to_point_in_time(self, call: Call) -> Reply:
        asked = call.input
        refuse_overrides(asked)
        source = await named_table(self._catalog, call.region, _source_name(asked))
        now = self._clock.now()
        moment = _moment(asked, now)
        restoration = Restoration(self._arn(source), source.table_id, moment)
        table = await self._catalog.restore(
            call.region,
            definition_of(source, asked["TargetTableName"], asked),
            restoration,
            MomentSource(source, moment, now),
        )
        return Reply.json({"TableDescription": self._described(table)})

    async def describe_continuous_backups(self, call: Call) -> Reply:
        table = await named_table(self._catalog, call.region, call.input["TableName"])
        return Reply.json({"ContinuousBackupsDescription": self._continuous(table)})

    async def update_continuous_backups(self, call: Call) -> Reply:
        asked = call.input["PointInTimeRecoverySpecification"]
        days = _period_days(asked)
        table = await named_table(self._catalog, call.region, call.input["TableName"])
        change = RecoveryChange(days, self._clock.now(), self._chance)
        try:
            changed = await self._catalog.change(table, change, partitions.open_shard_keys)
        except ResourceNotFoundException as error:
            raise table_not_found(call.input["TableName"]) from error
        assert changed is not None, "switching recovery leaves the table"
        return Reply.json({"ContinuousBackupsDescription": self._continuous(changed)})

    def _continuous(self, table: Table) -> Description:
        described: Description = {"PointInTimeRecoveryStatus": "DISABLED"}
        if table.recovery is not None:
            now = self._clock.now()
            described = {
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": table.recovery.period_days,
                "EarliestRestorableDateTime": recovery.earliest(table.recovery, now),
                "LatestRestorableDateTime": now,
            }
        return {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": described,
        }

    def _wanted(self, call: Call) -> Wanted:
        asked = call.input
        name, after = asked.get("TableName"), asked.get("ExclusiveStartBackupArn")
        return Wanted(
            None if name is None else self._catalog.name_of(call.region, name),
            asked.get("TimeRangeLowerBound", 0.0),
            asked.get("TimeRangeUpperBound", inf),
            None if after is None else self._backups.key_of(call.region, after),
            asked.get("Limit", backups_page_max),
        )

    def _arn(self, table: Table) -> str:
        return table_arn(table.region, self._catalog.account, table.name)

    def _described(self, table: Table) -> Description:
        return table_description(table, Figures(self._catalog.account, self._clock.now()))


def _source_name(asked: Mapping[str, Any]) -> str:
    """The name or ARN of the table to restore; texts: ours."""
    names = [asked[member] for member in ("SourceTableName", "SourceTableArn") if member in asked]
    if len(names) != 1:
        raise ValidationException(
            "One or more parameter values were invalid: Exactly one of SourceTableName and "
            "SourceTableArn must be specified"
        )
    name: str = names[0]
    return name


def _moment(asked: Mapping[str, Any], now: float) -> float:
    """The moment to restore, in epoch seconds; texts: ours."""
    is_latest = asked.get("UseLatestRestorableTime", False)
    if is_latest is ("RestoreDateTime" in asked):
        raise ValidationException(
            "One or more parameter values were invalid: Exactly one of RestoreDateTime and "
            "UseLatestRestorableTime must be specified"
        )
    return now if is_latest else float(asked["RestoreDateTime"])


def _period_days(asked: Mapping[str, Any]) -> int | None:
    """How far back the table is to be recoverable; None switches recovery off. Text: ours."""
    if asked["PointInTimeRecoveryEnabled"]:
        return int(asked.get("RecoveryPeriodInDays", recovery_days_max))
    if "RecoveryPeriodInDays" in asked:
        raise ValidationException(
            "One or more parameter values were invalid: RecoveryPeriodInDays can be specified only "
            "when PointInTimeRecoveryEnabled is true"
        )
    return None
