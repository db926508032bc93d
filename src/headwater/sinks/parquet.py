"""Changes as a file of Parquet: a row for each, with the columns of the sink's schema."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from types import ModuleType
from typing import Any, Final

from headwater.sinks.change import Change, Document
from headwater.sinks.extras import required
from headwater.sinks.schema import META, REST, ColumnType, Schema, document_of, meta, row

EXTRA: Final = "lake"
_TIME: Final = "_hw_time"
_HELD: Final = "_hw_held"


def arrow() -> ModuleType:
    """The library. Raises InvalidSettings if it is not installed."""
    return required("pyarrow", EXTRA)


def encode(schema: Schema, changes: Sequence[Change], compression: str) -> bytes:
    """A file of changes. compression: as Parquet names it."""
    pyarrow, parquet = arrow(), required("pyarrow.parquet", EXTRA)
    rows = [{**row(schema, change.document or {}), **meta(change)} for change in changes]
    fields = _fields(pyarrow, schema)
    table = pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(fields))
    file = BytesIO()
    parquet.write_table(table, file, compression=compression)
    return file.getvalue()


def decode(schema: Schema, body: bytes) -> list[tuple[dict[str, Any], Document]]:
    """The rows of a file: what is told of each change, and its document but for what was null."""
    parquet = required("pyarrow.parquet", EXTRA)
    rows: list[dict[str, Any]] = parquet.read_table(BytesIO(body)).to_pylist()
    return [
        ({name: values.get(name) for name in META}, document_of(schema, values)) for values in rows
    ]


def _fields(pyarrow: ModuleType, schema: Schema) -> list[Any]:
    text = pyarrow.string()
    types = {
        ColumnType.TEXT: text,
        ColumnType.NUMBER: pyarrow.float64(),
        ColumnType.DIGITS: text,
        ColumnType.TRUTH: pyarrow.bool_(),
        ColumnType.JSON: text,
    }
    told = {_TIME: pyarrow.timestamp("us", "UTC"), _HELD: pyarrow.bool_()}
    return [
        *((name, told.get(name, text)) for name in META),
        *((each.name, types[each.type]) for each in schema.columns),
        (REST, text),
    ]
