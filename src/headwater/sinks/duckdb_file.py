"""A DuckDB database in a file, as a warehouse uses it.

The file is open while a transaction runs and no longer, so that others can read it in between:
DuckDB lets no other process read a file that one has open to write. Transactions of this server's
processes and sinks wait for each other at a second file, `NAME.lock`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import orjson

from headwater.sinks import schema
from headwater.sinks.database import Dialect, Row, Session, TablesChanged, Unfit
from headwater.sinks.extras import required
from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.schema import ColumnType

EXTRA: Final = "duckdb"
T = TypeVar("T")
_THREADS: Final = 2
# Nothing is fetched from anywhere: what is needed is built in.
_CONFIGURATION: Final = {"threads": _THREADS, "autoinstall_known_extensions": "false"}
_SPOILED: Final = "not a valid DuckDB database"


def library() -> ModuleType:
    """The library. Raises InvalidSettings if it is not installed."""
    return required("duckdb", EXTRA)


def _listed(names: Sequence[str]) -> str:
    form = orjson.dumps([dict.fromkeys(names, "VARCHAR")]).decode().replace("'", "''")
    return f"(SELECT unnest(from_json($1, '{form}'), max_depth := 2)) AS listed"


DIALECT: Final = Dialect(
    types={
        ColumnType.TEXT: "VARCHAR",
        ColumnType.NUMBER: "DOUBLE",
        ColumnType.DIGITS: "VARCHAR",
        ColumnType.TRUTH: "BOOLEAN",
        ColumnType.JSON: "JSON",
    },
    moment="TIMESTAMP",
    json="JSON",
    name_bytes_max=None,
    names_taken=frozenset(),
    has_keys=False,  # a column of keys is read faster than an index of them is kept
    columns_max=schema.columns_max,
    fits=lambda _: True,
    listed=_listed,
)


class DuckDBFile:
    """`Database` in a file. Its folder is made when it is needed."""

    dialect = DIALECT

    def __init__(self, path: Path) -> None:
        """Raises InvalidSettings if the library is not installed."""
        self._duckdb = library()
        self._path = path

    def transact(self, work: Callable[[Session], T]) -> T:
        with self._in_turn(), self._explained():
            connection = self._duckdb.connect(self._path, config=_CONFIGURATION)
            try:
                connection.begin()
                result = work(_Session(connection))
                connection.commit()
            finally:
                connection.close()
        return result

    def abandon(self) -> None:
        """A file answers always."""

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait until nobody else of this server has the file open."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise SinkUnavailable(f"{self._path}: {error.strerror}.") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the library's exceptions into ours."""
        duckdb = self._duckdb
        try:
            yield
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise TablesChanged(str(error)) from error
        except (duckdb.ConversionException, duckdb.ConstraintException) as error:
            raise Unfit(str(error)) from error
        except duckdb.Error as error:
            text = str(error)
            raise (SinkBroken if _SPOILED in text else SinkUnavailable)(text) from error


class _Session:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)

    def rows(self, statement: str, *values: Any) -> list[Row]:
        found: list[Row] = self._connection.execute(statement, values).fetchall()
        return found
