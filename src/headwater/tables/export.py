"""An export: what is asked for, how far it is, and its stored form.

`of_input` is pure and works on input that has passed the model's shapes. Texts: API Reference,
"ExportTableToPointInTime"; where AWS's are not known they are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson

from headwater.arn import job_arn, table_arn
from headwater.errors import (
    INVALID,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    ValidationException,
)
from headwater.limits import export_window_seconds_max, export_window_seconds_min
from headwater.storage import keyspace
from headwater.storage.keyspace import TableId
from headwater.storage.objects import Encryption
from headwater.tables import recovery
from headwater.tables.jobs import Failure, JobStatus
from headwater.tables.schema import Table

KIND: Final = b"e"


class ExportView(StrEnum):
    """What an incremental export shows of an item beside its keys."""

    NEW_IMAGE = "NEW_IMAGE"
    NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


class ExportForm(StrEnum):
    """How the lines of data files are written."""

    DYNAMODB_JSON = "DYNAMODB_JSON"
    ION = "ION"


@dataclass(frozen=True, slots=True)
class Period:
    """What is exported of the changes: epoch seconds, from (inclusive) to (exclusive)."""

    start: float
    end: float
    view: ExportView


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an export goes. prefix, owner: as given, or None."""

    bucket: str
    prefix: str | None = None
    owner: str | None = None
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a table at a moment, or of its changes in a period.

    export_id: `<14 digits, epoch milliseconds>-<8 hexadecimal digits>`, as AWS forms it.
    started_at, ended_at, moment: epoch seconds. period: None for a full export.
    filter: the FilterSpecification as given. billed_bytes: of the items read, as DynamoDB counts.
    """

    region: str
    table_name: str
    table_id: TableId
    export_id: str
    destination: Destination
    started_at: float
    moment: float
    period: Period | None = None
    filter: Mapping[str, Any] | None = None
    form: ExportForm = ExportForm.DYNAMODB_JSON
    client_token: str | None = None
    status: JobStatus = JobStatus.IN_PROGRESS
    ended_at: float | None = None
    item_count: int = 0
    billed_bytes: int = 0
    failure: Failure | None = None

    @property
    def key(self) -> bytes:
        """Where the export is stored."""
        return keyspace.job(KIND, self.region, self.table_name, self.export_id)

    def table_arn(self, account: str) -> str:
        return table_arn(self.region, account, self.table_name)

    def arn(self, account: str) -> str:
        return job_arn(self.table_arn(account), "export", self.export_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks to be exported, and where to."""

    destination: Destination
    moment: float
    period: Period | None
    filter: Mapping[str, Any] | None = None
    form: ExportForm = ExportForm.DYNAMODB_JSON


def of_input(body: Mapping[str, Any], now: float) -> Asked:
    """What an ExportTableToPointInTime asks for, made whole by defaults. Raises ServiceError."""
    destination = Destination(
        body["S3Bucket"], body.get("S3Prefix") or None, body.get("S3BucketOwner"), _encryption(body)
    )
    period = _period(body, now)
    moment = body.get("ExportTime", now) if period is None else period.end
    form = ExportForm(body.get("ExportFormat", ExportForm.DYNAMODB_JSON))
    return Asked(destination, moment, period, body.get("FilterSpecification"), form)


def check_window(table: Table, asked: Asked, now: float) -> None:
    """Refuse what the table's recovery does not reach.

    Raises PointInTimeRecoveryUnavailableException or InvalidExportTimeException.
    """
    if table.recovery is None:
        raise PointInTimeRecoveryUnavailableException(
            f"Point in time recovery is not enabled for table '{table.name}'"
        )
    earliest = recovery.earliest(table.recovery, now)
    first = asked.moment if asked.period is None else asked.period.start
    if not earliest <= first <= asked.moment <= now:
        raise InvalidExportTimeException(
            "The specified time is outside of the point in time recovery window: the earliest is "
            f"{earliest:.3f}, the latest {now:.3f}, in seconds since the epoch"
        )


def is_in_window(table: Table, export: Export, now: float) -> bool:
    """Whether the log still has what the export needs, and always has had since it began."""
    first = export.moment if export.period is None else export.period.start
    if table.table_id != export.table_id or table.recovery is None:
        return False
    return recovery.earliest(table.recovery, now) <= first


def _encryption(body: Mapping[str, Any]) -> Encryption | None:
    algorithm, kms_key_id = body.get("S3SseAlgorithm"), body.get("S3SseKmsKeyId")
    if kms_key_id is not None and algorithm != "KMS":
        raise ValidationException(f"{INVALID}S3SseKmsKeyId is given with S3SseAlgorithm KMS alone")
    return None if algorithm is None else Encryption(algorithm, kms_key_id)


def _period(body: Mapping[str, Any], now: float) -> Period | None:
    specification = body.get("IncrementalExportSpecification")
    if body.get("ExportType", "FULL_EXPORT") == "FULL_EXPORT":
        if specification is not None:
            raise ValidationException(
                f"{INVALID}IncrementalExportSpecification is given with ExportType "
                "INCREMENTAL_EXPORT alone"
            )
        return None
    if specification is None or "ExportFromTime" not in specification:
        raise ValidationException(
            f"{INVALID}INCREMENTAL_EXPORT needs IncrementalExportSpecification with ExportFromTime"
        )
    if "ExportTime" in body:
        raise ValidationException(f"{INVALID}ExportTime is given with ExportType FULL_EXPORT alone")
    start, end = specification["ExportFromTime"], specification.get("ExportToTime", now)
    if not export_window_seconds_min <= end - start <= export_window_seconds_max:
        raise ValidationException(
            f"{INVALID}ExportToTime must be at least 15 minutes and at most 24 hours after "
            "ExportFromTime"
        )
    return Period(start, end, ExportView(specification.get("ExportViewType", _VIEW_DEFAULT)))


_VIEW_DEFAULT: Final = "NEW_AND_OLD_IMAGES"


def encode(export: Export) -> bytes:
    """The stored bytes of an export: JSON of its fields."""
    return orjson.dumps(export)


@lru_cache(maxsize=256)
def decode(stored: bytes) -> Export:
    fields: dict[str, Any] = orjson.loads(stored)
    destination = fields["destination"]
    if destination["encryption"] is not None:
        destination["encryption"] = Encryption(**destination["encryption"])
    fields["destination"] = Destination(**destination)
    if (period := fields["period"]) is not None:
        view = ExportView(period["view"])
        fields["period"] = Period(period["start"], period["end"], view)
    fields["form"] = ExportForm(fields.get("form", ExportForm.DYNAMODB_JSON))
    fields["status"] = JobStatus(fields["status"])
    if fields["failure"] is not None:
        fields["failure"] = Failure(**fields["failure"])
    return Export(**fields)
