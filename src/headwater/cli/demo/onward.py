"""Where the history flows on, with `--all`: another region, a lake, a warehouse and a mailbox.

Each is proved from what anybody finds there: the items of the region, the files of the lake, the
rows of the warehouse and the words of the mails, without the server's help. What needs a library
that is not installed is left out, and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from headwater.cli.client import Client, connected
from headwater.cli.demo.mailbox import Mailbox, listening
from headwater.cli.demo.proofs import Item, Key, Proof, difference, items, key_of
from headwater.clock import Clock
from headwater.sinks.change import Document, plain

REGION: Final = "eu-west-1"
WAIT_SECONDS: Final = 300
_LOOK_SECONDS: Final = 0.2
_WINDOW_SECONDS: Final = 1
_LAKE: Final = "lake"
_WAREHOUSE: Final = "warehouse/files.duckdb"
_EACH_CHANGE: Final = "{% for change in changes %}{{ change | json }}\n{% endfor %}"

Held: TypeAlias = Mapping[Key, Document]


@dataclass(frozen=True, slots=True)
class Onward:
    """The places that a table flows on to. files: where the server's sinks write files.

    mailbox: None if it is left out, as is the warehouse if it is not wanted.
    """

    table: str
    files: Path
    is_parquet: bool
    has_warehouse: bool
    mailbox: Mailbox | None

    @property
    def left_out(self) -> list[str]:
        """What is not shown."""
        absent = {"a warehouse of DuckDB": self.has_warehouse, "mails": self.mailbox is not None}
        return [name for name, is_shown in absent.items() if not is_shown]

    async def begin(self, client: Client) -> None:
        """Have the table flow to all places."""
        replica = {"Create": {"RegionName": REGION}}
        await client.call(
            "dynamodb", "UpdateTable", {"TableName": self.table, "ReplicaUpdates": [replica]}
        )
        for kind, settings in self._sinks().items():
            asked = {
                "Name": kind,
                "Table": self.table,
                "Kind": kind,
                "Settings": settings,
                "BatchWindowSeconds": _WINDOW_SECONDS,
            }
            await client.call("headwater", "CreateSink", asked)

    def _sinks(self) -> dict[str, dict[str, str]]:
        """The settings of each kind."""
        form = "parquet" if self.is_parquet else "json"
        sinks = {"lake": {"location": f"file:{_LAKE}", "format": form, "partition_by": "none"}}
        if self.has_warehouse:
            sinks["warehouse"] = {"database": f"file:{_WAREHOUSE}"}
        if self.mailbox is not None:
            sinks["email"] = {
                "host": "127.0.0.1",
                "port": str(self.mailbox.port),
                "security": "none",
                "hello": "localhost",
                "sender": "demo@headwater.example",
                "recipients": "you@headwater.example",
                "text": _EACH_CHANGE,
            }
        return sinks

    async def proofs(self, endpoint: str, clock: Clock, found: Sequence[Item]) -> list[Proof]:
        """What each place holds, held against the items of the table; all sinks have caught up."""
        proved = [await _replica_equals(self.table, endpoint, clock, found)]
        expected = {key_of(item): plain(item) for item in found}
        places: dict[str, Callable[[], Held]] = {
            f"the lake's files of {'Parquet' if self.is_parquet else 'JSON'}": self._in_lake
        }
        if self.has_warehouse:
            places["the rows in DuckDB"] = self._in_warehouse
        if self.mailbox is not None:
            places["the digests by mail"] = self._in_mails
        for name, held in places.items():
            fault = difference(await asyncio.to_thread(held), expected)
            proved.append(Proof(f"{name} give {self.table}", len(expected), fault))
        return proved

    def _in_lake(self) -> Held:
        folder = self.files / _LAKE
        if not self.is_parquet:
            paths = sorted(folder.rglob("*.jsonl"))
            return _latest(line for path in paths for line in path.read_text().splitlines())
        from pyarrow import parquet  # noqa: PLC0415 - it is an extra

        rows: list[dict[str, Any]] = []
        for path in folder.rglob("*.parquet"):
            rows += parquet.read_table(path).to_pylist()
        rows.sort(key=lambda row: str(row["_hw_sequence_number"]))
        latest = {_key(orjson.loads(row["_hw_keys"])): row for row in rows}
        return {key: _document(row) for key, row in latest.items() if row["_hw_held"]}

    def _in_warehouse(self) -> Held:
        import duckdb  # noqa: PLC0415 - it is an extra

        path = self.files / _WAREHOUSE
        if not path.exists():
            return {}  # there was no change
        with duckdb.connect(str(path), read_only=True) as database:
            table = database.sql(f"SELECT * FROM {self.table}")  # noqa: S608 - a name of our own
            rows = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
        return {_key(row): _document(row) for row in rows}

    def _in_mails(self) -> Held:
        assert self.mailbox is not None, "it is asked only if there is one"
        return _latest(self.mailbox.lines())


@asynccontextmanager
async def onward(table: str, files: Path) -> AsyncIterator[Onward]:
    """The places that there can be with what is installed."""
    has_mail = _has("aiosmtpd", "jinja2")
    made = Onward(table, files, _has("pyarrow"), _has("duckdb"), None)
    if not has_mail:
        yield made
        return
    async with listening() as mailbox:
        yield Onward(table, files, made.is_parquet, made.has_warehouse, mailbox)


async def _replica_equals(table: str, endpoint: str, clock: Clock, found: Sequence[Item]) -> Proof:
    """Wait until the other region has the same items, but not for ever."""
    expected = {key_of(item): item for item in found}
    deadline = clock.monotonic() + WAIT_SECONDS
    async with connected(endpoint, region=REGION) as client:
        while True:
            actual = {key_of(item): item async for item in items(client, table)}
            fault = difference(actual, expected)
            if fault is None or clock.monotonic() > deadline:
                return Proof(f"the replica in {REGION} equals {table}", len(expected), fault)
            await clock.sleep(_LOOK_SECONDS)


def _latest(lines: Iterable[str]) -> Held:
    """What changes, each a line of JSON, make of the items."""
    changes = [orjson.loads(line) for line in lines]
    changes.sort(key=lambda change: str(change["sequence_number"]))
    latest = {_key(change["keys"]): change["new"] for change in changes}
    return {key: new for key, new in latest.items() if new is not None}


def _document(row: Mapping[str, Any]) -> Document:
    """The attributes in a row: what is null, the item has not."""
    return {
        name: value
        for name, value in row.items()
        if value is not None and not name.startswith("_hw_")
    }


def _key(keys: Mapping[str, Any]) -> Key:
    return str(keys["folder"]), str(keys["path"])


def _has(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)
