"""The kind `lake`: changes as files, on a disk or in a bucket.

A batch becomes a file, or one for each partition it has changes of, so the sink's batch size, bytes
and window say when files are rolled. Each change is in exactly one file of a round
(`placing.py`); a replay writes new files beside the old. A file's name is

    [date=2026-01-31/] SINK-ROUND-SHARD-NUMBER.ENDING

with the id of the sink's first eight digits in SINK, and the number of the batch.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import orjson

from headwater.limits import MB
from headwater.sinks import parquet
from headwater.sinks.change import Change, Document, dumps, plain
from headwater.sinks.columns import Columns
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.location import Location, parse_location, store_of
from headwater.sinks.placing import Placing
from headwater.sinks.schema import Schema
from headwater.sinks.settings import means
from headwater.sinks.transform import moment, outcome, shape
from headwater.sinks.verification import Comparison, Verdict, each, without_null
from headwater.storage.objects import ObjectsFailed, ObjectStore, Place

_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"
_SHORT_ID: Final = 8
_FILES_MAX: Final = 1_000_000


class Form(StrEnum):
    json = "json"
    parquet = "parquet"


class Compression(StrEnum):
    none = "none"
    gzip = "gzip"
    snappy = "snappy"
    zstd = "zstd"


class Partitioning(StrEnum):
    none = "none"
    date = "date"
    hour = "hour"
    attribute = "attribute"


_OF_JSON: Final = (None, Compression.none, Compression.gzip)


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Settings of a lake."""

    location: str = field(
        metadata=means("Where the files lie: `file:FOLDER/PREFIX` or `s3://BUCKET/PREFIX`.")
    )
    format: Form = field(
        default=Form.json,
        metadata=means("json: a line for each change; parquet: a row, needs `headwater[lake]`."),
    )
    compression: Compression | None = field(
        default=None,
        metadata=means("Of JSON: none (if not given) or gzip; of Parquet: snappy, or another."),
    )
    partition_by: Partitioning = field(
        default=Partitioning.date,
        metadata=means("date, hour: of the change, in UTC; attribute: the value of one; none."),
    )
    partition_attribute: str | None = field(
        default=None,
        metadata=means(
            "The attribute whose value partitions: of the document, else of the item's key."
        ),
    )
    endpoint: str | None = field(
        default=None, metadata=means("Address of a service that speaks S3's protocol.")
    )
    region: str | None = field(
        default=None, metadata=means("What requests to it are signed for; else the sink's region.")
    )

    def __post_init__(self) -> None:
        location = parse_location(self.location)
        if location.is_file and (self.endpoint or self.region):
            raise InvalidSettings("files on a disk have neither endpoint nor region")
        if self.format is Form.json and self.compression not in _OF_JSON:
            raise InvalidSettings("compression of files of JSON is none or gzip")
        if (self.partition_attribute is not None) != (self.partition_by is Partitioning.attribute):
            raise InvalidSettings(
                "partition_attribute is given with partition_by attribute, and only then"
            )


@dataclass(frozen=True, slots=True)
class _Form:
    """How files are made. ending: of their names."""

    ending: str
    encode: Callable[[Sequence[Change]], bytes]


class LakeWriter:
    """`Writer` of a lake."""

    def __init__(self, opening: Opening, placing: Placing) -> None:
        self._settings: LakeSettings = opening.settings
        self._prefix = f"{opening.sink.sink_id[:_SHORT_ID]}-{opening.sink.round:04d}"
        self._placing = placing
        self._columns = Columns(opening.notes, opening.warn)

    async def load(self) -> None:
        """Get ready to write."""
        if self._settings.format is Form.parquet:
            await asyncio.to_thread(parquet.arrow)
            await self._columns.load()

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        parts: dict[str, list[Change]] = {}
        for change in batch.changes:
            parts.setdefault(self._partition(change), []).append(change)
        form = await self._form([change.document or {} for change in batch.changes])
        name = f"{self._prefix}-{batch.origin}-{batch.number:020d}.{form.ending}"
        objects = await asyncio.to_thread(
            lambda: {f"{folder}{name}": form.encode(each) for folder, each in parts.items()}
        )
        await self._placing.put(batch.origin, batch.number, objects)
        return ()

    async def close(self) -> None:
        return None

    async def _form(self, documents: Sequence[Document]) -> _Form:
        settings = self._settings
        if settings.format is Form.json:
            is_packed = settings.compression is Compression.gzip
            ending = "jsonl.gz" if is_packed else "jsonl"
            return _Form(ending, lambda changes: _lines(changes, is_packed=is_packed))
        schema = await self._columns.fit(documents)
        compression = settings.compression or Compression.snappy
        return _Form("parquet", lambda changes: parquet.encode(schema, changes, compression))

    def _partition(self, change: Change) -> str:
        """The folder of a change: empty, or with a slash at its end."""
        settings = self._settings
        match settings.partition_by:
            case Partitioning.none:
                return ""
            case Partitioning.date:
                return f"date={moment(change.time_us)[:10]}/"
            case Partitioning.hour:
                told = moment(change.time_us)
                return f"date={told[:10]}/hour={told[11:13]}/"
            case Partitioning.attribute:
                name = settings.partition_attribute
                assert name is not None, "the settings were checked"
                return f"{quote(name, safe='')}={_folder(_value(change, name))}/"


def _value(change: Change, name: str) -> object:
    document = change.document or {}
    return document[name] if name in document else shape(change)["keys"].get(name)


def _folder(value: object) -> str:
    """A value as the name of a folder, as Hive writes it."""
    if value is None or value == "":
        return _NO_VALUE
    text = value if isinstance(value, str) else dumps(value).decode()
    name = quote(text, safe=" ")
    return name.replace(".", "%2E") if not name.strip(".") else name


def _lines(changes: Sequence[Change], *, is_packed: bool) -> bytes:
    lines = b"".join(dumps(outcome(change)) + b"\n" for change in changes)
    return gzip.compress(lines, compresslevel=6, mtime=0) if is_packed else lines


async def _open(opening: Opening) -> Writer:
    location, store = _place(opening)
    writer = LakeWriter(opening, Placing(store, location, opening.notes, opening.sink.round))
    await writer.load()
    return writer


async def _verify(opening: Opening, expected: AsyncIterator[Sequence[Change]]) -> Verdict:
    """Take for each item the line with the highest number, of all files of the sink."""
    settings: LakeSettings = opening.settings
    is_parquet = settings.format is Form.parquet
    comparison = Comparison()
    async for changes in expected:
        for change in changes:
            if change.document is not None:
                document = without_null(change.document) if is_parquet else change.document
                comparison.expect(plain(change.keys), document)
    latest: dict[bytes, tuple[str, Any, Any]] = {}
    async for number, keys, document in _written(opening):
        name = dumps(keys)
        if name not in latest or number > latest[name][0]:
            latest[name] = number, keys, document
    held = ((keys, document) for _, keys, document in latest.values() if document is not None)
    return await comparison.verdict(each(held))


async def _written(opening: Opening) -> AsyncIterator[tuple[str, Any, Any]]:
    """Sequence number, keys and document of every change in a sink's files."""
    settings: LakeSettings = opening.settings
    location, store = _place(opening)
    schema = await Columns(opening.notes, opening.warn).load()
    mark = opening.sink.sink_id[:_SHORT_ID]
    try:
        for found in await store.list(location.bucket, location.prefix, _FILES_MAX):
            if not found.key.rpartition("/")[2].startswith(f"{mark}-"):
                continue
            body = await store.read(Place(location.bucket, found.key), 0, found.size)
            if settings.format is Form.json:
                rows = await asyncio.to_thread(_read_lines, body)
            else:
                rows = await asyncio.to_thread(_read_rows, schema, body)
            for row in rows:
                yield row
    except ObjectsFailed as error:
        if location.is_file and error.code == "S3NoSuchBucket":
            return  # nothing has been written yet
        raise SinkUnavailable(str(error)) from error


def _read_lines(body: bytes) -> list[tuple[str, Any, Any]]:
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    lines = [orjson.loads(line) for line in text.splitlines()]
    return [(line["sequence_number"], line["keys"], line["new"]) for line in lines]


def _read_rows(schema: Schema, body: bytes) -> list[tuple[str, Any, Any]]:
    return [
        (
            told["_hw_sequence_number"],
            orjson.loads(told["_hw_keys"]),
            document if told["_hw_held"] else None,
        )
        for told, document in parquet.decode(schema, body)
    ]


def _place(opening: Opening) -> tuple[Location, ObjectStore]:
    settings: LakeSettings = opening.settings
    location = parse_location(settings.location)
    region = settings.region or opening.sink.region
    return location, store_of(location, settings.endpoint, region, opening.around)


async def _check(settings: LakeSettings, around: Surroundings) -> None:
    store_of(parse_location(settings.location), settings.endpoint, "us-east-1", around)
    if settings.format is Form.parquet:
        await asyncio.to_thread(parquet.arrow)


KIND: Final = Kind(
    "lake",
    "Files of changes, on a disk or in a bucket.",
    LakeSettings,
    _open,
    Pace(10_000, 100_000, 16 * MB, 60.0),
    _check,
    _verify,
)
