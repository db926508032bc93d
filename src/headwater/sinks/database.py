"""What a warehouse's tables are kept in: the seam between its statements and a database.

Statements are the same for every database: parameters are `$1`, `$2`, names are quoted, and rows
arrive as one parameter, an array of JSON. What differs is a `Dialect`. Everything here blocks, and
is called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from headwater.sinks.kind import SinkUnavailable
from headwater.sinks.schema import ColumnType

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
_MARK_BYTES: Final = 4


class Unfit(Exception):
    """The database will never take one of the values; the text says why."""


class TablesChanged(SinkUnavailable):
    """A table or a column is not there, or not as it was: look at them again."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database's SQL differs.

    types: of columns. moment: the type of a moment. json: of JSON that is kept as it was written.
    name_bytes_max: of a name; None if there is no limit. names_taken: those that no column can
    have. has_keys: whether large tables are to have primary keys. columns_max: of documents.
    fits: whether a text can be a value. listed: a list of rows of texts, by their names, made of
    the array of JSON in `$1`, as FROM takes it.
    """

    types: Mapping[ColumnType, str]
    moment: str
    json: str
    name_bytes_max: int | None
    names_taken: frozenset[str]
    has_keys: bool
    columns_max: int
    fits: Callable[[str], bool]
    listed: Callable[[Sequence[str]], str]

    def name(self, wanted: str) -> str:
        """The name of a column, as near to what is wanted as can be, and the same every time."""
        is_short = self.name_bytes_max is None or len(wanted.encode()) <= self.name_bytes_max
        if wanted and is_short and "\x00" not in wanted and wanted.lower() not in self.names_taken:
            return wanted
        mark = blake2b(wanted.encode(), digest_size=_MARK_BYTES).hexdigest()
        room = (self.name_bytes_max or len(wanted.encode())) - len(mark) - 1
        kept = wanted.replace("\x00", "").encode()[: max(room, 0)].decode(errors="ignore")
        return f"{kept}_{mark}"


class Session(Protocol):
    """A transaction under way. All raise SinkUnavailable, SinkBroken, Unfit."""

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement for what it does."""

    def rows(self, statement: str, *values: Any) -> list[Row]:
        """Run a statement for what it gives."""


class Database(Protocol):
    """A database, connected when it is needed."""

    @property
    def dialect(self) -> Dialect:
        """How its SQL differs."""

    def transact(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction, and commit it durably; if it raises, nothing has happened.

        Raises SinkUnavailable, also where another transaction was quicker; SinkBroken; Unfit.
        """

    def abandon(self) -> None:
        """Have a transaction fail that waits for an answer; called beside it, by another thread."""

    def close(self) -> None:
        """Let go of connections."""


def quoted(name: str) -> str:
    """A name as statements write it."""
    return '"' + name.replace('"', '""') + '"'
