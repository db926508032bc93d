"""What an export leaves behind: names, lines, manifests and checksums. Pure.

    <prefix>/AWSDynamoDB/<export id>/_started                    empty
    <prefix>/AWSDynamoDB/<export id>/data/<26 of a-z2-7>.json.gz   of a full export
    <prefix>/AWSDynamoDB/data/<26 of a-z2-7>.json.gz               of an incremental export
    <prefix>/AWSDynamoDB/<export id>/manifest-files.json         a line of JSON for each data file
    <prefix>/AWSDynamoDB/<export id>/manifest-summary.json
    <prefix>/AWSDynamoDB/<export id>/manifest-files.checksum     base64 of the manifest's MD5
    <prefix>/AWSDynamoDB/<export id>/manifest-summary.checksum

A data file is gzip of lines of JSON, or of Ion (`.ion.gz`), one for each item. Layout and fields:
Developer Guide, "DynamoDB table export output format". Names follow from the export's id, so that
an export that is made again after a restart puts its files in the place of those it had made.
"""

from __future__ import annotations

import zlib
from base64 import b32encode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, md5
from typing import Any, Final

import orjson

from headwater.streams.entry import Image
from headwater.tables import ion
from headwater.tables.export import Export, ExportForm, ExportView
from headwater.tables.past import Change

_FULL_VERSION: Final = "2020-06-30"
_INCREMENTAL_VERSION: Final = "2023-08-01"
_ENDINGS: Final = {ExportForm.DYNAMODB_JSON: ".json.gz", ExportForm.ION: ".ion.gz"}
_NAME_BYTES: Final = 16
_NAME_LENGTH: Final = 26
_GZIP_WINDOW: Final = 31  # zlib's way to say: a gzip header and trailer, the largest window
_GZIP_LEVEL: Final = 3  # a step of lines is packed between two requests, in about a millisecond


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as the manifest lists it. md5: base64. entity_tag: as the store answered."""

    key: str
    item_count: int
    md5: str
    entity_tag: str


class Packer:
    """Packs lines into the body of a data file. size: of what is packed so far."""

    def __init__(self) -> None:
        self._pack = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
        self._packed = bytearray()
        self.item_count = 0

    @property
    def size(self) -> int:
        return len(self._packed)

    def add(self, lines: Sequence[bytes]) -> None:
        self._packed += self._pack.compress(b"".join(lines))
        self.item_count += len(lines)

    def body(self) -> bytes:
        """The whole; nothing is added after it."""
        self._packed += self._pack.flush()
        return bytes(self._packed)


def item_lines(images: Iterable[Image], form: ExportForm) -> list[bytes]:
    if form is ExportForm.ION:
        return [ion.line({"Item": orjson.loads(image.body)}) for image in images]
    return [b'{"Item":%b}\n' % image.body for image in images]


def change_lines(changes: Iterable[Change], view: ExportView, form: ExportForm) -> list[bytes]:
    """Lines of an incremental export; a deleted item has no new image."""
    shows_old = view is ExportView.NEW_AND_OLD_IMAGES
    lines = [_change_line(change, shows_old=shows_old) for change in changes]
    return [ion.line(orjson.loads(line)) for line in lines] if form is ExportForm.ION else lines


def _change_line(change: Change, *, shows_old: bool) -> bytes:
    old = b',"OldImage":%b' % change.old.body if shows_old and change.old.body else b""
    new = b',"NewImage":%b' % change.new.body if change.new.body else b""
    time = b'{"WriteTimestampMicros":{"N":"%d"}}' % change.time_us
    return b'{"Metadata":%b,"Keys":%b%b%b}\n' % (time, change.keys, old, new)


def changed_bytes(change: Change, view: ExportView) -> int:
    """The size of the images a line shows, as DynamoDB counts it."""
    old = change.old.size if view is ExportView.NEW_AND_OLD_IMAGES else 0
    return old + change.new.size


def key_of(export: Export, name: str) -> str:
    """The key of one of an export's own files."""
    return f"{_top(export)}AWSDynamoDB/{export.export_id}/{name}"


def data_key(export: Export, number: int) -> str:
    """The key of an export's data file; number: from 0 on."""
    seed = f"{export.table_id}/{export.export_id}/{number}".encode()
    digest = blake2b(seed, digest_size=_NAME_BYTES).digest()
    name = f"data/{b32encode(digest).decode().lower()[:_NAME_LENGTH]}{_ENDINGS[export.form]}"
    return key_of(export, name) if export.period is None else f"{_top(export)}AWSDynamoDB/{name}"


def manifest_key(export: Export) -> str:
    """ExportManifest: the key of the summary."""
    return key_of(export, "manifest-summary.json")


def files_manifest(files: Iterable[DataFile]) -> bytes:
    return b"".join(
        orjson.dumps(
            {
                "itemCount": file.item_count,
                "md5Checksum": file.md5,
                "etag": file.entity_tag,
                "dataFileS3Key": file.key,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for file in files
    )


def summary_manifest(export: Export, account: str) -> bytes:
    """The summary of an export that has ended."""
    assert export.ended_at is not None, "a summary tells when the export ended"
    destination = export.destination
    encryption = destination.encryption
    summary: dict[str, Any] = {
        "version": _FULL_VERSION if export.period is None else _INCREMENTAL_VERSION,
        "exportArn": export.arn(account),
        "startTime": _time(export.started_at),
        "endTime": _time(export.ended_at),
        "tableArn": export.table_arn(account),
        "tableId": export.table_id,
        **_what(export),
        "s3Bucket": destination.bucket,
        "s3Prefix": destination.prefix,
        "s3SseAlgorithm": None if encryption is None else encryption.algorithm,
        "s3SseKmsKeyId": None if encryption is None else encryption.kms_key_id,
        "manifestFilesS3Key": key_of(export, "manifest-files.json"),
        "billedSizeBytes": export.billed_bytes,
        "itemCount": export.item_count,
        "outputFormat": export.form,
    }
    if export.period is None:
        return orjson.dumps({**summary, "exportType": "FULL_EXPORT"})
    outlook = {"outputView": export.period.view, "exportType": "INCREMENTAL_EXPORT"}
    return orjson.dumps({**summary, **outlook})


def checksum(body: bytes) -> str:
    """The base64 of a body's MD5."""
    return b64encode(md5(body, usedforsecurity=False).digest()).decode()


def _what(export: Export) -> dict[str, str]:
    if export.period is None:
        return {"exportTime": _time(export.moment)}
    return {
        "exportFromTime": _time(export.period.start),
        "exportToTime": _time(export.period.end),
    }


def _top(export: Export) -> str:
    prefix = (export.destination.prefix or "").strip("/")
    return f"{prefix}/" if prefix else ""


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
