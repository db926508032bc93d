"""Exports: begun, found, listed; and the task that makes them.

An export that a restart cut short is made again from its beginning: what it exports is of a moment
that has passed, so it comes out the same, in files of the same names. Nothing tells a reader of an
export but its summary, which is put last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import structlog

from headwater.clock import Chance, Clock, linger
from headwater.errors import (
    ExportConflictException,
    LimitExceededException,
    ResourceNotFoundException,
    ServiceUnavailable,
)
from headwater.limits import (
    export_file_bytes_max,
    exports_in_progress_max,
    write_plans_max,
    write_settle_seconds,
)
from headwater.storage import keyspace
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.objects import ObjectsFailed, ObjectStore, Place
from headwater.streams.entry import Image
from headwater.tables import export as exports
from headwater.tables import export_files as files
from headwater.tables import export_filter, past
from headwater.tables.catalog import Catalog
from headwater.tables.export import Asked, Export
from headwater.tables.export_files import DataFile, Packer
from headwater.tables.export_filter import ExportFilter
from headwater.tables.job_runner import JobRunner
from headwater.tables.jobs import (
    Begin,
    Failure,
    JobStatus,
    Put,
    Stored,
    Token,
    TokenMismatch,
    TokenTaken,
)
from headwater.tables.past import Change, LogGone
from headwater.tables.schema import Table

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an export. content: all of it but the token, as JSON."""

    table: Table
    asked: Asked
    client_token: str | None
    content: object


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines for a data file, and the size of what they show."""

    lines: list[bytes]
    size: int


class Exporter:
    """Makes exports; run it in a task group. Cancelling it is safe at any moment."""

    def __init__(
        self, catalog: Catalog, stores: Stored, objects: ObjectStore, chance: Chance
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._objects = objects
        self._chance = chance
        self._runner: JobRunner[Export] = JobRunner(exports.KIND, stores, self._make)

    async def begin(self, request: Request) -> Export:
        """Store an export, to be made; or give the one that the token has begun before.

        Raises ServiceError.
        """
        for _ in range(write_plans_max):
            table = request.table
            token = await self._runner.token(table.region, request.client_token, request.content)
            begun = await self._begun(token)
            if begun is not None:
                return begun
            export = await self._new(request)
            work = Begin(export.key, exports.encode(export), token)
            try:
                await self._stores.committer.submit(work)
            except TokenTaken:
                continue
            return export
        raise ServiceUnavailable

    async def get(self, region: str, table_name: str, export_id: str) -> Export | None:
        return await self._runner.get(keyspace.job(exports.KIND, region, table_name, export_id))

    async def page(
        self, span: tuple[bytes, bytes], before: bytes | None, limit: int
    ) -> tuple[list[Export], bytes | None]:
        """Exports in reverse order of their ARNs, and where to go on."""
        return await self._runner.page(span, before, limit)

    async def run(self) -> None:
        """Make every export that is in progress, and those that are begun, until cancelled."""
        await self._runner.run()

    async def _begun(self, token: Token | None) -> Export | None:
        try:
            return await self._runner.begun(token)
        except TokenMismatch:
            raise ExportConflictException(
                "The request uses the same client token as a previous, but non-identical request"
            ) from None

    async def _new(self, request: Request) -> Export:
        if len(await self._runner.in_progress()) >= exports_in_progress_max:
            raise LimitExceededException(
                f"There are {exports_in_progress_max} exports in progress already"
            )
        now = self._stores.clock.now()
        table, asked = request.table, request.asked
        exports.check_window(table, asked, now)
        if asked.filter is not None:
            export_filter.bind(asked.filter, table)  # so that nothing wrong is begun
        return Export(
            table.region,
            table.name,
            table.table_id,
            f"{int(now * 1000):014d}-{self._chance.token(4).hex()}",
            asked.destination,
            now,
            asked.moment,
            asked.period,
            asked.filter,
            asked.form,
            request.client_token,
        )

    async def _make(self, export: Export) -> None:
        """Make an export to its end, and store how it ended. Raises Unavailable."""
        ended = await self._attempt(export)
        await self._stores.committer.submit(Put(ended.key, exports.encode(ended)))

    async def _attempt(self, export: Export) -> Export:
        try:
            return await self._made(export)
        except Unavailable:
            raise
        except ObjectsFailed as error:
            failure = Failure(error.code, error.message)
        except (LogGone, ResourceNotFoundException):
            _log.warning("export lost its table", export=export.export_id)
            failure = Failure(
                "PointInTimeRecoveryUnavailable",
                "The table was deleted, or its point in time recovery no longer reaches back to "
                "the time of the export.",
            )
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged, and the job failed
            _log.error("export failed", export=export.export_id, exc_info=error)
            failure = Failure("InternalServerError", "An internal error; the server's log has it.")
        now = self._stores.clock.now()
        return replace(export, status=JobStatus.FAILED, ended_at=now, failure=failure)

    async def _made(self, export: Export) -> Export:
        await self._put(export, files.key_of(export, "_started"), b"")
        await self._settled(export)
        table = await self._table(export)
        making = _Making(export, self._objects, self._stores.engine, _filter(export, table))
        await making.make(table)
        await self._table(export)  # so that the log has been whole to the end
        ended = replace(
            export,
            status=JobStatus.COMPLETED,
            ended_at=self._stores.clock.now(),
            item_count=making.item_count,
            billed_bytes=making.size,
        )
        manifest = files.files_manifest(making.files)
        summary = files.summary_manifest(ended, self._catalog.account)
        for name, body in (("files", manifest), ("summary", summary)):
            check = files.checksum(body).encode()
            await self._put(export, files.key_of(export, f"manifest-{name}.checksum"), check)
            await self._put(export, files.key_of(export, f"manifest-{name}.json"), body)
        return ended

    async def _settled(self, export: Export) -> None:
        """Return when every write that was stamped before the moment has committed."""
        clock: Clock = self._stores.clock
        left = export.moment + write_settle_seconds - clock.now()
        if left > 0:
            await linger(clock, left)

    async def _table(self, export: Export) -> Table:
        """The table, as long as its log has what the export needs. Raises LogGone if not."""
        table = await self._catalog.describe(export.region, export.table_name)
        if not exports.is_in_window(table, export, self._stores.clock.now()):
            raise LogGone
        return table

    async def _put(self, export: Export, key: str, body: bytes) -> None:
        destination = export.destination
        await self._objects.put(Place(destination.bucket, key), body, destination.encryption)


class _Making:
    """The data files of one export, as they are put."""

    def __init__(
        self, export: Export, objects: ObjectStore, engine: Engine, kept: ExportFilter
    ) -> None:
        self._export = export
        self._objects = objects
        self._engine = engine
        self._kept = kept
        self.files: list[DataFile] = []
        self.item_count = 0
        self.size = 0

    async def make(self, table: Table) -> None:
        """Put a file at least for each partition read, and one for the changes of a period."""
        if self._export.period is not None:
            await self._fill(self._changes(table))
            return
        moment_us = _microseconds(self._export.moment) + 1  # what was stamped then is included
        wanted = self._kept.hashes
        for hashes in past.partition_ranges(table) if wanted is None else [wanted]:
            await self._fill(self._items(past.items_at(self._engine, table, hashes, moment_us)))

    async def _items(self, steps: AsyncIterator[list[Image]]) -> AsyncIterator[_Lines]:
        async for images in steps:
            read = self._kept.read_items(images)
            lines = files.item_lines(self._kept.shown_items(read), self._export.form)
            yield _Lines(lines, sum(image.size for image in read))

    async def _changes(self, table: Table) -> AsyncIterator[_Lines]:
        period = self._export.period
        assert period is not None, "only a period has changes"
        start, end = _microseconds(period.start), _microseconds(period.end)
        hashes = self._kept.hashes or past.ALL_HASHES
        steps: AsyncIterator[list[Change]]
        steps = past.changes_between(self._engine, table, start, end, hashes)
        async for changes in steps:
            read = self._kept.read_changes(changes)
            size = sum(files.changed_bytes(change, period.view) for change in read)
            shown = self._kept.shown_changes(read)
            lines = files.change_lines(shown, period.view, self._export.form)
            yield _Lines(lines, size)

    async def _fill(self, steps: AsyncIterator[_Lines]) -> None:
        """Put files of bounded size until the steps end; one even if there are none."""
        packer = Packer()
        async for step in steps:
            if packer.size >= export_file_bytes_max:
                await self._put(packer)
                packer = Packer()
            packer.add(step.lines)
            self.size += step.size
            await asyncio.sleep(0)  # whatever the table's size, requests come between
        await self._put(packer)

    async def _put(self, packer: Packer) -> None:
        key = files.data_key(self._export, len(self.files))
        destination = self._export.destination
        body = packer.body()
        place = Place(destination.bucket, key)
        entity_tag = await self._objects.put(place, body, destination.encryption)
        self.files.append(DataFile(key, packer.item_count, files.checksum(body), entity_tag))
        self.item_count += packer.item_count


def _filter(export: Export, table: Table) -> ExportFilter:
    return ExportFilter() if export.filter is None else export_filter.bind(export.filter, table)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
