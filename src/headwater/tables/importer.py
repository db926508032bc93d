"""Imports: begun, found, listed; and the task that makes them.

A table that is imported is CREATING, and nobody else writes it, until the import has ended. An
import that a restart cut short begins again: objects are read in the same order, so what it puts a
second time comes out the same. Items go through the write path, without stream records: the table
has no log yet.

With any fault the import ends as FAILED, as on AWS; the items without a fault are in the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from headwater.clock import Chance
from headwater.errors import (
    ImportConflictException,
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ServiceUnavailable,
)
from headwater.limits import (
    import_faults_logged_max,
    import_objects_max,
    import_read_bytes,
    import_step_bytes_max,
    import_step_items_max,
    imports_in_progress_max,
    write_plans_max,
)
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import TableId
from headwater.storage.objects import Found, ObjectsFailed, ObjectStore, Place
from headwater.tables import imports, schema
from headwater.tables.catalog import Catalog
from headwater.tables.definition import Definition
from headwater.tables.import_lines import (
    Form,
    LineFault,
    Splitter,
    form_of,
    write_of,
)
from headwater.tables.import_packing import ObjectFault, unpacker_of
from headwater.tables.imports import Import, ImportSource, Progress
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
from headwater.tables.schema import Table
from headwater.tables.stream_switch import Switch
from headwater.tables.write import Write, apply_to

_FAULTS: Final = Failure(
    "ItemValidationError",
    "Some of the items failed validation checks and were not imported. Please check the server's "
    "log for more details.",
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an import. content: all of it but the token, as JSON."""

    region: str
    definition: Definition
    source: ImportSource
    client_token: str | None
    content: Mapping[str, Any]


class Importer:
    """Makes imports; run it in a task group. Cancelling it is safe at any moment."""

    def __init__(
        self, catalog: Catalog, stores: Stored, objects: ObjectStore, chance: Chance
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._objects = objects
        self._chance = chance
        self._runner: JobRunner[Import] = JobRunner(imports.KIND, stores, self._make)

    async def begin(self, request: Request) -> Import:
        """Create the table and store the import, or give what the token has begun before.

        Raises ServiceError.
        """
        for _ in range(write_plans_max):
            token = await self._token(request)
            begun = await self._begun(token)
            if begun is not None:
                return begun
            job = await self._new(request)
            try:
                table = await self._catalog.create(
                    request.region, request.definition, _beginning(job, token)
                )
            except TokenTaken:
                continue
            except ResourceInUseException:
                # It may have been the same request, a moment earlier.
                begun = await self._begun(await self._token(request))
                if begun is None:
                    raise
                return begun
            return replace(job, table_id=table.table_id)
        raise ServiceUnavailable

    async def get(self, region: str, table_name: str, import_id: str) -> Import | None:
        return await self._runner.get(keyspace.job(imports.KIND, region, table_name, import_id))

    async def page(
        self, span: tuple[bytes, bytes], before: bytes | None, limit: int
    ) -> tuple[list[Import], bytes | None]:
        """Imports in reverse order of their ARNs, and where to go on."""
        return await self._runner.page(span, before, limit)

    async def run(self) -> None:
        """Make every import that is in progress, and those that are begun, until cancelled."""
        await self._runner.run()

    async def _token(self, request: Request) -> Token | None:
        return await self._runner.token(request.region, request.client_token, request.content)

    async def _begun(self, token: Token | None) -> Import | None:
        try:
            return await self._runner.begun(token)
        except TokenMismatch:
            raise ImportConflictException(
                "The request uses the same client token as a previous, but non-identical request"
            ) from None

    async def _new(self, request: Request) -> Import:
        """The import of a table whose identity is not known yet."""
        if len(await self._runner.in_progress()) >= imports_in_progress_max:
            raise LimitExceededException(
                f"There are {imports_in_progress_max} imports in progress already"
            )
        now = self._stores.clock.now()
        content = request.content
        members = ("S3BucketSource", "InputFormat", "InputFormatOptions", "InputCompressionType")
        return Import(
            request.region,
            request.definition.name,
            TableId(""),
            f"{int(now * 1000):014d}-{self._chance.token(4).hex()}",
            request.source,
            {name: content[name] for name in members if name in content},
            content["TableCreationParameters"],
            now,
            request.client_token,
        )

    async def _make(self, job: Import) -> None:
        """Make an import to its end, and store how it ended. Raises Unavailable."""
        await self._end(await self._attempt(job))

    async def _attempt(self, job: Import) -> Import:
        making = _Making(job, self._stores, self._objects)
        failure: Failure | None
        try:
            table = await self._catalog.describe(job.region, job.table_name)
            await making.make(table)
            failure = _FAULTS if making.progress.faults else None
        except Unavailable:
            raise
        except ObjectsFailed as error:
            failure = Failure(error.code, error.message)
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged, and the job failed
            _log.error("import failed", job=job.import_id, exc_info=error)
            failure = Failure("InternalServerError", "An internal error; the server's log has it.")
        return replace(
            job,
            status=JobStatus.COMPLETED if failure is None else JobStatus.FAILED,
            ended_at=self._stores.clock.now(),
            progress=making.progress,
            failure=failure,
        )

    async def _end(self, ended: Import) -> None:
        """Store how the import ended, and give its table free, in one commit."""

        def step(view: View, table: Table) -> Table:
            view.put(ended.key, imports.encode(ended))
            return table.changed(importing=None) if table.importing == ended.import_id else table

        try:
            table = await self._catalog.describe(ended.region, ended.table_name)
            await self._catalog.change(table, step)
        except ResourceNotFoundException:
            await self._stores.committer.submit(Put(ended.key, imports.encode(ended)))


def _beginning(job: Import, token: Token | None) -> Switch:
    """What the commit that creates the table does beside: it stores the import."""
    begin = Begin(job.key, b"", token)

    def run(view: View, table: Table) -> Table:
        stored = imports.encode(replace(job, table_id=table.table_id))
        replace(begin, job=stored).run(view)
        return table.changed(importing=job.import_id)

    return Switch(begin.reads, run)


@dataclass(frozen=True, slots=True)
class _Fill:
    """Items put into the table of an import, in one commit."""

    table: Table
    import_id: str
    writes: Sequence[Write]
    now_us: int

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.table.key, *(write.key.stored for write in self.writes))

    def run(self, view: View) -> None:
        stored = view.get(self.table.key)
        table = None if stored is None else schema.decode(stored)
        if table is None or table.importing != self.import_id:
            raise ResourceNotFoundException
        for write in self.writes:
            apply_to(view, table, write, self.now_us)


class _Making:
    """One import as it is made."""

    def __init__(self, job: Import, stores: Stored, objects: ObjectStore) -> None:
        self._job = job
        self._stores = stores
        self._objects = objects
        self._writes: list[Write] = []
        self._bytes = 0
        self.progress = Progress()

    async def make(self, table: Table) -> None:
        """Put every item of every object, in the order of keys and lines. Raises ObjectsFailed."""
        source = self._job.source
        found = await self._objects.list(source.bucket, source.prefix or "", import_objects_max + 1)
        if not found:
            raise ObjectsFailed("S3NoSuchKey", "There are no objects with the key prefix.")
        if len(found) > import_objects_max:
            raise ObjectsFailed(
                "S3TooManyObjects", f"There are more than {import_objects_max} objects."
            )
        for each in found:
            await self._read(table, each)
            self._count(size=each.size)
            job = replace(self._job, progress=self.progress)
            await self._stores.committer.submit(Put(job.key, imports.encode(job)))

    async def _read(self, table: Table, found: Found) -> None:
        """Put an object's items; one that cannot be read further is left there."""
        unpacker = unpacker_of(self._job.source)
        splitter, form = Splitter(), form_of(self._job.source, table)
        number, at = 0, 0
        place = Place(self._job.source.bucket, found.key)
        try:
            while chunk := await self._objects.read(place, at, import_read_bytes):
                at += len(chunk)
                for piece in unpacker.pieces(chunk):
                    for line in splitter.lines(piece):
                        number += 1
                        await self._take(table, form, line, (found.key, number))
                    await asyncio.sleep(0)  # whatever a piece holds, requests come between
            for line in splitter.end():
                number += 1
                await self._take(table, form, line, (found.key, number))
            unpacker.end()
        except ObjectFault as error:
            self._fault((found.key, number), str(error))
        await self._flush(table)

    async def _take(
        self, table: Table, form: Form, line: bytes | None, where: tuple[str, int]
    ) -> None:
        """Put a line's item with the next step, or count and log why not."""
        if line is not None and not line.strip():
            return
        try:
            if line is None:
                raise LineFault("longer than a line can be")  # noqa: TRY301 - one place counts
            item = form.item(line)
            if item is None:
                return
            write = write_of(table, item)
        except LineFault as error:
            self._count(processed=1)
            self._fault(where, str(error))
            return
        except ServiceError as error:
            self._count(processed=1)
            self._fault(where, f"{error.code}: {error.message}")
            return
        self._count(processed=1)
        self._writes.append(write)
        self._bytes += len(line or b"")
        is_full = len(self._writes) >= import_step_items_max
        if is_full or self._bytes >= import_step_bytes_max:
            await self._flush(table)

    async def _flush(self, table: Table) -> None:
        if not self._writes:
            return
        now_us = int(self._stores.clock.now() * 1e6)
        fill = _Fill(table, self._job.import_id, self._writes, now_us)
        await self._stores.committer.submit(fill)
        self._count(imported=len(self._writes))
        self._writes, self._bytes = [], 0

    def _fault(self, where: tuple[str, int], reason: str) -> None:
        key, line = where
        self._count(faults=1)
        if self.progress.faults <= import_faults_logged_max:
            _log.warning(
                "item not imported", job=self._job.import_id, key=key, line=line, reason=reason
            )

    def _count(self, **more: int) -> None:
        counts = {name: getattr(self.progress, name) + count for name, count in more.items()}
        self.progress = replace(self.progress, **counts)
