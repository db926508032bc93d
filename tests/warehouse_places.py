"""Databases of warehouses, as those who ask them see them: by SQL, without Headwater."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg

from headwater.sinks import schema as schemas
from headwater.sinks.change import dumps
from headwater.sinks.schema import document_of
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject


class WarehousePlace(Protocol):
    """A database, empty at first, and the settings of a sink that writes there."""

    files: Path

    @property
    def settings(self) -> dict[str, Any]: ...

    def run(self, statement: str) -> None: ...

    def rows(self, statement: str) -> list[dict[str, Any]]: ...

    def subject(self, **more: Any) -> Subject: ...


class DuckDBPlace:
    """A file of DuckDB."""

    def __init__(self, files: Path, name: str = "warehouse/w.duckdb") -> None:
        self.files = files
        self.path = files / name
        self.settings: dict[str, Any] = {"database": f"file:{name}"}

    def run(self, statement: str) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with duckdb.connect(self.path) as connection:
            connection.execute(statement)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with duckdb.connect(self.path, read_only=True) as connection:
            found = connection.execute(statement)
            names = [name for name, *_ in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def subject(self, **more: Any) -> Subject:
        return subject(self, **more)


class PostgresPlace:
    """A schema of a PostgreSQL server."""

    def __init__(self, files: Path, address: str, schema: str) -> None:
        self.files = files
        self.address = address
        self._schema = schema
        self.settings: dict[str, Any] = {"database": address, "schema": schema}

    def run(self, statement: str) -> None:
        with self._connected() as connection:
            connection.execute(statement)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self._connected() as connection:
            found = connection.execute(statement)
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def subject(self, **more: Any) -> Subject:
        return subject(self, **more)

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody else can read or write a table."""
        with self._connected() as connection:
            connection.execute(f'LOCK TABLE "{table}"')
            yield

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.address, cursor_factory=psycopg.RawCursor) as connection:
            connection.execute(f'SET search_path TO "{self._schema}"')
            yield connection


def subject(place: WarehousePlace, **more: Any) -> Subject:
    """A sink that writes there. more: of its settings."""
    notes = MemoryNotes()

    async def held() -> dict[str, Any]:
        schema = schemas.decode(notes.values.get("schema", schemas.encode(schemas.Schema())))
        documents = [
            document_of(schema, {name: _text(value) for name, value in row.items()})
            for row in place.rows("SELECT * FROM music")
        ]
        return {document["k"]: document for document in documents}

    return Subject("warehouse", {**place.settings, **more}, held, place.files, notes)


def _text(value: Any) -> Any:
    """What a library has read of JSON, as JSON again."""
    return dumps(value).decode() if isinstance(value, dict | list) else value
