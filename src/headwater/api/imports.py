"""Handlers of imports: ImportTable, DescribeImport, ListImports.

What an import is, `tables/imports.py` says; who makes it, `tables/importer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api import job_pages
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import ImportNotFoundException
from headwater.limits import jobs_page_max
from headwater.storage.objects import ObjectStore
from headwater.tables import definition, import_lines, imports
from headwater.tables.importer import Importer, Request
from headwater.tables.imports import Import
from headwater.tables.jobs import JobStatus


class ImportHandlers:
    """The handlers, over an importer. account: id in ARNs."""

    def __init__(self, importer: Importer, objects: ObjectStore, account: str) -> None:
        self._importer = importer
        self._objects = objects
        self._account = account

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("dynamodb", "DescribeImport"): self.describe_import,
            ("dynamodb", "ImportTable"): self.import_table,
            ("dynamodb", "ListImports"): self.list_imports,
        }

    async def import_table(self, call: Call) -> Reply:
        source = imports.of_input(call.input)
        import_lines.check_readable(source)
        job_pages.check_owner(source.owner, self._account)
        job_pages.check_place(self._objects, source.bucket, source.prefix)
        table = call.input["TableCreationParameters"]
        asked = definition.of_input(table["TableName"], table)
        content = {name: value for name, value in call.input.items() if name != "ClientToken"}
        token = call.input.get("ClientToken")
        request = Request(call.region, asked, source, token, content)
        return self._described(await self._importer.begin(request))

    async def describe_import(self, call: Call) -> Reply:
        arn = call.input["ImportArn"]
        named = job_pages.job_named(arn, "import", (call.region, self._account))
        job = None if named is None else await self._importer.get(call.region, *named)
        if job is None:
            raise ImportNotFoundException(f"Import not found: {arn}")
        return self._described(job)

    async def list_imports(self, call: Call) -> Reply:
        arn = call.input.get("TableArn")
        span = job_pages.listed_span(imports.KIND, call.region, self._account, arn)
        before = job_pages.key_of(call.input.get("NextToken"), span)
        limit = call.input.get("PageSize", jobs_page_max)
        found, last = await self._importer.page(span, before, limit)
        content: dict[str, Any] = {
            "ImportSummaryList": [_summary(job, self._account) for job in found]
        }
        if last is not None:
            content["NextToken"] = job_pages.token_of(last)
        return Reply.json(content)

    def _described(self, job: Import) -> Reply:
        return Reply.json({"ImportTableDescription": _description(job, self._account)})


def _summary(job: Import, account: str) -> dict[str, Any]:
    shown = {
        "ImportArn": job.arn(account),
        "ImportStatus": job.status,
        "TableArn": job.table_arn(account),
        "S3BucketSource": job.source_input["S3BucketSource"],
        "InputFormat": job.source_input["InputFormat"],
        "StartTime": job.started_at,
        "EndTime": job.ended_at,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _description(job: Import, account: str) -> dict[str, Any]:
    progress = job.progress
    shown: dict[str, Any] = {
        **_summary(job, account),
        "TableId": job.table_id,
        "InputCompressionType": "NONE",
        **job.source_input,
        "TableCreationParameters": job.table_input,
        "ErrorCount": progress.faults,
        "ProcessedSizeBytes": progress.size,
        "ProcessedItemCount": progress.processed,
        "ImportedItemCount": progress.imported,
    }
    if job.client_token is not None:
        shown["ClientToken"] = job.client_token
    if job.status is JobStatus.FAILED and job.failure is not None:
        shown["FailureCode"] = job.failure.code
        shown["FailureMessage"] = job.failure.message
    return shown
