"""Amazon resource names: the ones this server makes, and taking them apart again."""

from __future__ import annotations

import re
from typing import NamedTuple

_TABLE_TEXT = r"arn:[^:]+:dynamodb:([^:]*):([^:]*):table/([a-zA-Z0-9_.-]{3,255})"
_STREAM = re.compile(rf"{_TABLE_TEXT}/stream/(.+)")
_TABLE = re.compile(_TABLE_TEXT)
_BACKUP = re.compile(
    r"arn:[^:]+:dynamodb:([^:]*):([^:]*):table/([^/]+)/backup/([0-9]{14}-[0-9a-f]{8})", re.ASCII
)
_JOB = re.compile(rf"{_TABLE_TEXT}/(export|import)/([0-9]{{14}}-[0-9a-f]{{8}})", re.ASCII)
_FUNCTION = re.compile(r"arn:[^:]+:lambda:([^:]*):([^:]*):function:([^:]+)(?::([^:]+))?")

_LAYER = re.compile(r"arn:[^:]+:lambda:([^:]*):([^:]*):layer:([a-zA-Z0-9_-]{1,140})(?::([0-9]+))?")

_MAPPING = re.compile(r"arn:[^:]+:lambda:([^:]*):([^:]*):event-source-mapping:([0-9a-f-]{36})")


_DATA_STREAM = re.compile(
    r"arn:[^:]+:kinesis:([^:]*):([^:]*):stream/([a-zA-Z0-9_.-]{1,128})"
    r"(?:/consumer/([a-zA-Z0-9_.-]{1,128}):([0-9]{1,16}))?",
    re.ASCII,
)


class StreamName(NamedTuple):
    """What a stream's ARN says: where it is, whose table, and which incarnation of the stream."""

    region: str
    account: str
    table: str
    label: str


class TableName(NamedTuple):
    """What a table's ARN says."""

    region: str
    account: str
    table: str


class BackupName(NamedTuple):
    """What a backup's ARN says; backup is its id."""

    region: str
    account: str
    table: str
    backup: str


class JobName(NamedTuple):
    """What an export's or an import's ARN says; kind is `export` or `import`."""

    region: str
    account: str
    table: str
    kind: str
    job: str


class FunctionName(NamedTuple):
    """What a function's ARN says; qualifier is a version or an alias, or None."""

    region: str
    account: str
    function: str
    qualifier: str | None


class LayerName(NamedTuple):
    """What a layer's ARN says; version is None in the ARN of a whole layer."""

    region: str
    account: str
    layer: str
    version: str | None


class MappingName(NamedTuple):
    """What an event source mapping's ARN says."""

    region: str
    account: str
    uuid: str


class DataStreamName(NamedTuple):
    """What a data stream's ARN says, or that of a consumer registered with it.

    consumer: its name, and created: the epoch second of its registration; None in a stream's.
    """

    region: str
    account: str
    stream: str
    consumer: str | None
    created: str | None


def table_arn(region: str, account: str, table: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}"


def index_arn(region: str, account: str, table: str, index: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}/index/{index}"


def stream_arn(region: str, account: str, table: str, label: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}/stream/{label}"


def backup_arn(region: str, account: str, table: str, backup: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}/backup/{backup}"


def job_arn(table: str, kind: str, job: str) -> str:
    """An export's or an import's; table: the table's ARN."""
    return f"{table}/{kind}/{job}"


def data_stream_arn(region: str, account: str, stream: str) -> str:
    return f"arn:aws:kinesis:{region}:{account}:stream/{stream}"


def stream_consumer_arn(stream: str, consumer: str, created_at: float) -> str:
    """A registered consumer's; stream: the data stream's ARN."""
    return f"{stream}/consumer/{consumer}:{int(created_at)}"


def function_arn(region: str, account: str, function: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:function:{function}"


def layer_arn(region: str, account: str, layer: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:layer:{layer}"


def mapping_arn(region: str, account: str, uuid: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:event-source-mapping:{uuid}"


def parse_stream(text: str) -> StreamName | None:
    """The parts of a stream's ARN, or None if it is not one. A label holds two colons."""
    match = _STREAM.fullmatch(text)
    return StreamName(*match.groups()) if match else None


def parse_data_stream(text: str) -> DataStreamName | None:
    """The parts of the ARN of a data stream, or of a consumer of one; None if it is neither."""
    match = _DATA_STREAM.fullmatch(text)
    return DataStreamName(*match.groups()) if match else None


def parse_table(text: str) -> TableName | None:
    """The parts of a table's ARN, or None if it is not one."""
    match = _TABLE.fullmatch(text)
    return TableName(*match.groups()) if match else None


def parse_backup(text: str) -> BackupName | None:
    """The parts of a backup's ARN, or None if it is not one."""
    match = _BACKUP.fullmatch(text)
    return BackupName(*match.groups()) if match else None


def parse_job(text: str) -> JobName | None:
    """The parts of an export's or an import's ARN, or None if it is neither."""
    match = _JOB.fullmatch(text)
    return JobName(*match.groups()) if match else None


def parse_function(text: str) -> FunctionName | None:
    """The parts of a function's ARN, or None if it is not one."""
    match = _FUNCTION.fullmatch(text)
    return FunctionName(*match.groups()) if match else None


def parse_layer(text: str) -> LayerName | None:
    """The parts of a layer's ARN, or None if it is not one."""
    match = _LAYER.fullmatch(text)
    return LayerName(*match.groups()) if match else None


def parse_mapping(text: str) -> MappingName | None:
    """The parts of an event source mapping's ARN, or None if it is not one."""
    match = _MAPPING.fullmatch(text)
    return MappingName(*match.groups()) if match else None
