"""Handlers of exports: ExportTableToPointInTime, DescribeExport, ListExports.

What an export is, `tables/export.py` says; who makes it, `tables/exporter.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api import job_pages
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_table
from headwater.clock import Clock
from headwater.errors import (
    ExportNotFoundException,
    ResourceNotFoundException,
    TableNotFoundException,
    ValidationException,
)
from headwater.limits import jobs_page_max
from headwater.storage.objects import ObjectStore
from headwater.tables import export as exports
from headwater.tables import export_files
from headwater.tables.catalog import Catalog
from headwater.tables.export import Destination, Export
from headwater.tables.exporter import Exporter, Request
from headwater.tables.jobs import JobStatus
from headwater.tables.schema import Table


class ExportHandlers:
    """The handlers, over an exporter."""

    def __init__(
        self, catalog: Catalog, exporter: Exporter, objects: ObjectStore, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._exporter = exporter
        self._objects = objects
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("dynamodb", "DescribeExport"): self.describe_export,
            ("dynamodb", "ExportTableToPointInTime"): self.export_table_to_point_in_time,
            ("dynamodb", "ListExports"): self.list_exports,
        }

    async def export_table_to_point_in_time(self, call: Call) -> Reply:
        asked = exports.of_input(call.input, self._clock.now())
        self._check_destination(asked.destination)
        table = await self._table(call)
        content = {name: value for name, value in call.input.items() if name != "ClientToken"}
        request = Request(table, asked, call.input.get("ClientToken"), content)
        return self._described(await self._exporter.begin(request))

    async def describe_export(self, call: Call) -> Reply:
        arn = call.input["ExportArn"]
        named = job_pages.job_named(arn, "export", (call.region, self._catalog.account))
        export = None if named is None else await self._exporter.get(call.region, *named)
        if export is None:
            raise ExportNotFoundException(f"Export not found: {arn}")
        return self._described(export)

    async def list_exports(self, call: Call) -> Reply:
        account, arn = self._catalog.account, call.input.get("TableArn")
        span = job_pages.listed_span(exports.KIND, call.region, account, arn)
        before = job_pages.key_of(call.input.get("NextToken"), span)
        limit = call.input.get("MaxResults", jobs_page_max)
        found, last = await self._exporter.page(span, before, limit)
        content: dict[str, Any] = {
            "ExportSummaries": [
                {
                    "ExportArn": export.arn(account),
                    "ExportStatus": export.status,
                    "ExportType": _type(export),
                }
                for export in found
            ]
        }
        if last is not None:
            content["NextToken"] = job_pages.token_of(last)
        return Reply.json(content)

    async def _table(self, call: Call) -> Table:
        arn = call.input["TableArn"]
        parts = parse_table(arn)
        if parts is None:
            raise job_pages.invalid_arn(arn)
        try:
            return await self._catalog.describe(call.region, arn)
        except ResourceNotFoundException as error:
            raise TableNotFoundException(f"Table not found: {parts.table}") from error

    def _check_destination(self, destination: Destination) -> None:
        job_pages.check_owner(destination.owner, self._catalog.account)
        job_pages.check_place(self._objects, destination.bucket, destination.prefix)
        if destination.encryption is not None and not self._objects.encrypts:
            raise ValidationException(
                "S3SseAlgorithm is not supported by Headwater without an S3 endpoint: a directory "
                "does not encrypt"
            )

    def _described(self, export: Export) -> Reply:
        return Reply.json({"ExportDescription": _description(export, self._catalog.account)})


def _type(export: Export) -> str:
    return "FULL_EXPORT" if export.period is None else "INCREMENTAL_EXPORT"


def _description(export: Export, account: str) -> dict[str, Any]:
    destination = export.destination
    encryption = destination.encryption
    shown = {
        "ExportArn": export.arn(account),
        "ExportStatus": export.status,
        "StartTime": export.started_at,
        "EndTime": export.ended_at,
        "TableArn": export.table_arn(account),
        "TableId": export.table_id,
        "ClientToken": export.client_token,
        "S3Bucket": destination.bucket,
        "S3BucketOwner": destination.owner,
        "S3Prefix": destination.prefix,
        "S3SseAlgorithm": None if encryption is None else encryption.algorithm,
        "S3SseKmsKeyId": None if encryption is None else encryption.kms_key_id,
        "ExportFormat": export.form,
        "ExportType": _type(export),
        "FilterSpecification": export.filter,
        **_what(export),
        **_outcome(export),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _what(export: Export) -> dict[str, Any]:
    period = export.period
    if period is None:
        return {"ExportTime": export.moment}
    return {
        "IncrementalExportSpecification": {
            "ExportFromTime": period.start,
            "ExportToTime": period.end,
            "ExportViewType": period.view,
        }
    }


def _outcome(export: Export) -> dict[str, Any]:
    if export.failure is not None:
        return {"FailureCode": export.failure.code, "FailureMessage": export.failure.message}
    if export.status is JobStatus.IN_PROGRESS:
        return {}
    return {
        "ExportManifest": export_files.manifest_key(export),
        "BilledSizeBytes": export.billed_bytes,
        "ItemCount": export.item_count,
    }
