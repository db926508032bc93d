"""Recordings: a stretch of a stream in a file, to be read back where there is no stream.

A recording is JSON lines. The first is its head, every other one a record as GetRecords answers it
on the wire, in the order in which they are to be replayed:

    {"HeadwaterRecording": 1, "StreamArn": ..., "KeySchema": [...], "StreamViewType": ...,
     "From": epoch second or null, "Until": epoch second}
    {"eventID": ..., "eventName": ..., "dynamodb": {...}, ...}

The version grows when an older reader could not read a newer file.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

_MARK: Final = "HeadwaterRecording"
_VERSION: Final = 1
_NAMES: Final = {"INSERT", "MODIFY", "REMOVE"}


class NotARecording(Exception):
    """A file that does not hold what this module writes; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records are from.

    key_schema: KeySchema as DescribeTable answers it. view: the stream's StreamViewType. start:
    epoch second, or None for the oldest record that was there; until: epoch second, not included.
    """

    stream_arn: str
    key_schema: Sequence[Mapping[str, str]]
    view: str
    start: float | None
    until: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read. records: as GetRecords answers them on the wire."""

    origin: Origin
    records: Sequence[Mapping[str, Any]]

    def event(self) -> dict[str, Any]:
        """The event by which a function gets all the records at once."""
        return lambda_event(self.records, self.origin.stream_arn)


def head_line(origin: Origin) -> bytes:
    """The first line of a recording."""
    return orjson.dumps(
        {
            _MARK: _VERSION,
            "StreamArn": origin.stream_arn,
            "KeySchema": list(origin.key_schema),
            "StreamViewType": origin.view,
            "From": origin.start,
            "Until": origin.until,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def record_line(record: Mapping[str, Any]) -> bytes:
    """The line of a record, which is in its form on the wire."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def load(path: Path) -> Recording:
    """A whole recording; raises NotARecording, OSError."""
    with opened(path) as (origin, records):
        return Recording(origin, list(records))


@contextmanager
def opened(path: Path) -> Iterator[tuple[Origin, Iterator[Mapping[str, Any]]]]:
    """A recording's origin, and its records one after another; raises NotARecording, OSError."""
    with path.open("rb") as file:
        yield _origin(path, file.readline()), _records(path, file)


def _origin(path: Path, line: bytes) -> Origin:
    head = _object(path, 1, line)
    if head.get(_MARK) != _VERSION:
        told = f"is of version {head[_MARK]}" if _MARK in head else "is no recording of a stream"
        raise NotARecording(f"{path} {told}; this reads version {_VERSION}")
    try:
        return Origin(
            head["StreamArn"],
            head["KeySchema"],
            head["StreamViewType"],
            head["From"],
            head["Until"],
        )
    except KeyError as error:
        raise NotARecording(f"{path}, line 1: there is no {error}") from error


def _records(path: Path, file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(file, start=2):
        record = _object(path, number, line)
        change = record.get("dynamodb")
        if record.get("eventName") not in _NAMES or not isinstance(change, dict):
            raise NotARecording(f"{path}, line {number}: this is no record")
        if not isinstance(change.get("Keys"), dict):
            raise NotARecording(f"{path}, line {number}: the record has no keys")
        yield record


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NotARecording(f"{path}, line {number}: {error}") from error
    if not isinstance(found, dict):
        raise NotARecording(f"{path}, line {number}: this is no object")
    return found


def on_the_wire(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record as boto3 gives it, in the form it has on the wire."""
    encoded = orjson.dumps(raw, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    record: Mapping[str, Any] = orjson.loads(encoded)
    return record


def _plain(value: object) -> Any:
    """What JSON does not have: a time as its epoch second, bytes as base64."""
    if isinstance(value, datetime):
        return value.timestamp()
    assert isinstance(value, bytes), "boto3 gives nothing else"
    return b64encode(value).decode()


def attributes(image: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes in their form on the wire, as boto3 takes them."""
    return {name: _value(value) for name, value in image.items()}


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, inner),) = value.items()
    match kind:
        case "B":
            return {kind: b64decode(inner)}
        case "BS":
            return {kind: [b64decode(each) for each in inner]}
        case "L":
            return {kind: [_value(each) for each in inner]}
        case "M":
            return {kind: attributes(inner)}
        case _:
            return {kind: inner}


def lambda_event(records: Sequence[Mapping[str, Any]], stream_arn: str) -> dict[str, Any]:
    """The event by which a function gets these records.

    Shape: Lambda Developer Guide, "Using Lambda to process records from Amazon DynamoDB Streams".
    """
    return {"Records": [_event_record(record, stream_arn) for record in records]}


def _event_record(record: Mapping[str, Any], stream_arn: str) -> dict[str, Any]:
    rendered = {**record, "eventSourceARN": stream_arn}
    if identity := record.get("userIdentity"):  # events do not capitalise its members
        rendered["userIdentity"] = {
            name[:1].lower() + name[1:]: text for name, text in identity.items()
        }
    return rendered
