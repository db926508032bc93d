"""A PostgreSQL database, as a warehouse uses it: one connection for each writer, kept.

It is given by an address, `postgresql://user@host:5432/database?sslmode=require`, whose parts and
parameters are those of libpq. What the address leaves out, libpq takes from where it always does:
the environment of the server, a password file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import dup
from socket import SHUT_RDWR, socket
from types import ModuleType
from typing import Any, Final, TypeVar

from headwater.sinks.database import Dialect, Row, Session, TablesChanged, Unfit, quoted
from headwater.sinks.extras import required
from headwater.sinks.kind import InvalidSettings, SinkBroken, SinkUnavailable
from headwater.sinks.schema import ColumnType

EXTRA: Final = "postgres"
T = TypeVar("T")
_USUAL: Final = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "headwater",
}
# A statement waits for locks no longer than this, and others never longer for it.
_LIMITS: Final = (
    "SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '120s', true)"
)
_REFUSED: Final = ("authentication failed", "does not exist", "no pg_hba.conf entry")
_CHANGED: Final = {"42P01", "42703", "42P07", "42701"}  # a table or column is not there, or is
_UNFIT: Final = {"22", "23", "54"}  # data, constraints, limits of a row
_HOPELESS: Final = {"0A", "0L", "28", "3D", "3F", "42"}  # not supported, not allowed, not there
_REDSHIFT: Final = (
    "Amazon Redshift has neither JSON to load rows from nor keys that hold: have it load the "
    "Parquet files of a lake."
)


def library() -> ModuleType:
    """The library. Raises InvalidSettings if it is not installed."""
    return required("psycopg", EXTRA)


def check(address: str) -> None:
    """Raises InvalidSettings for an address that libpq cannot read, or with a password."""
    psycopg = library()
    try:
        given = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error as error:
        raise InvalidSettings(f"database: {error}") from error
    if "password" in given:
        raise InvalidSettings("database: the password is a setting of its own, shown nowhere")


def _listed(names: Sequence[str]) -> str:
    columns = ", ".join(f"{quoted(name)} text" for name in names)
    return f"json_to_recordset($1::json) AS listed({columns})"


DIALECT: Final = Dialect(
    types={
        ColumnType.TEXT: "text",
        ColumnType.NUMBER: "double precision",
        ColumnType.DIGITS: "numeric",
        ColumnType.TRUTH: "boolean",
        ColumnType.JSON: "jsonb",
    },
    moment="timestamp with time zone",
    json="json",  # unlike jsonb, it keeps the character U+0000
    name_bytes_max=63,
    names_taken=frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}),
    has_keys=True,
    columns_max=300,  # a row is in a page of 8 KB, with 24 bytes for each value kept elsewhere
    fits=lambda text: "\x00" not in text and "\\u0000" not in text,
    listed=_listed,
)


class Postgres:
    """`Database` at an address, perhaps with a password."""

    dialect = DIALECT

    def __init__(self, address: str, password: str | None) -> None:
        """Raises InvalidSettings if the library is not installed, or cannot read the address."""
        check(address)
        self._psycopg = library()
        self._address = address
        self._password = password
        self._connection: Any = None

    def transact(self, work: Callable[[Session], T]) -> T:
        with self._explained():
            connection = self._connected()
            with connection.transaction():
                connection.execute(_LIMITS)
                return work(_Session(connection))

    def abandon(self) -> None:
        connection = self._connection
        with suppress(self._psycopg.Error, OSError):  # it is closed already
            if connection is not None:
                with socket(fileno=dup(connection.fileno())) as line:
                    line.shutdown(SHUT_RDWR)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Any:
        given = self._psycopg.conninfo.conninfo_to_dict(self._address)
        options = _USUAL | given | ({"password": self._password} if self._password else {})
        try:
            connection = self._psycopg.connect(
                **options,
                autocommit=True,  # but for transactions that are begun as such
                prepare_threshold=None,  # poolers give each transaction another session
                cursor_factory=self._psycopg.RawCursor,
            )
        except self._psycopg.Error as error:
            text = str(error)
            is_refused = any(each in text for each in _REFUSED)
            raise (SinkBroken if is_refused else SinkUnavailable)(text) from error
        if "Redshift" in connection.execute("SELECT version()").fetchone()[0]:
            connection.close()
            raise SinkBroken(_REDSHIFT)
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the library's exceptions into ours."""
        try:
            yield
        except self._psycopg.Error as error:
            state, text = error.sqlstate or "", str(error)
            if state in _CHANGED:
                raise TablesChanged(text) from error
            if state[:2] in _UNFIT:
                raise Unfit(text) from error
            raise (SinkBroken if state[:2] in _HOPELESS else SinkUnavailable)(text) from error


class _Session:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values or None)

    def rows(self, statement: str, *values: Any) -> list[Row]:
        found: list[Row] = self._connection.execute(statement, values or None).fetchall()
        return found
