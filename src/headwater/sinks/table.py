"""The kind `table`: a table derived from a table, here or on AWS.

Here, what changes in the derived table and what is kept of it (`derivation.py`) are one commit, so
counts are right whatever crashes. Elsewhere items are written first and noted then; written twice
they are the same. Counts would not be, so they are kept here alone: who wants them elsewhere has a
second sink copy them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import orjson

from headwater.errors import ResourceNotFoundException, ServiceError, ServiceUnavailable
from headwater.limits import write_plans_max
from headwater.sinks import derivation
from headwater.sinks.change import Change
from headwater.sinks.derivation import Derived, Form, Kept, Pairs, Plan, Rules, added
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.notes import Notes, Swap, Values
from headwater.sinks.remote_table import RemoteTable
from headwater.sinks.settings import means
from headwater.sinks.verification import Comparison, Verdict
from headwater.storage.committer import View
from headwater.streams import listing
from headwater.tables.keys import of_key
from headwater.tables.schema import KeySchema, Table
from headwater.tables.write import Delete, Put, Write, apply, reads_of
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item
from headwater.values.order import after_prefix

_PAIR: Final = re.compile(r"\s*(?P<name>[^=,\s]+)\s*(?:=\s*(?P<of>[^=,\s]+)\s*)?")
_STEP: Final = 100


@dataclass(frozen=True, slots=True)
class TableSettings:
    """Settings of a derived table."""

    table: str = field(metadata=means("The derived table, which must be there."))
    form: Form = field(
        default=Form.items,
        metadata=means("items: of each item, one; counts: one for all that have the same key."),
    )
    key: str = field(
        default="",
        metadata=means(
            "Its key attributes, each with the attribute that it is made of: `pk=customer, sk=id`; "
            "if not given, those of the same names."
        ),
    )
    attributes: str = field(
        default="", metadata=means("The attributes to take, `name, price`; if not given, all.")
    )
    count: str = field(
        default="count", metadata=means("Of counts: the attribute that holds how many there are.")
    )
    sums: str = field(
        default="",
        metadata=means("Of counts: attributes that hold sums, `total=amount, weight=weight`."),
    )
    endpoint: str | None = field(
        default=None,
        metadata=means("Address of AWS, or of another server, that has the table, if not this."),
    )
    region: str | None = field(
        default=None, metadata=means("Region of the table; if not given, the sink's.")
    )

    def __post_init__(self) -> None:
        key, sums = pairs("key", self.key), pairs("sums", self.sums)
        pairs("attributes", self.attributes)
        if self.form is Form.items:
            if sums or self.count != "count":
                raise InvalidSettings("count and sums are settings of the form counts")
            return
        if not key:
            raise InvalidSettings("the form counts needs the setting key: by what to count")
        if self.attributes:
            raise InvalidSettings("attributes are a setting of the form items")
        if self.endpoint is not None:
            raise InvalidSettings(
                "counts are kept in a table of this server; another sink, of that table, can copy "
                "them elsewhere"
            )
        names = [name for name, _ in (*key, *sums)] + [self.count]
        if len(set(names)) < len(names):
            raise InvalidSettings("key, count and sums name an attribute twice")


def pairs(setting: str, text: str) -> Pairs:
    """The names of a list, each with what it is made of. Raises InvalidSettings."""
    if not text.strip():
        return ()
    found = []
    for part in text.split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise InvalidSettings(f"{setting}: {part.strip()!r} is not NAME or NAME=ATTRIBUTE")
        found.append((match["name"], match["of"] or match["name"]))
    if len({name for name, _ in found}) < len(found):
        raise InvalidSettings(f"{setting} names an attribute twice")
    return tuple(found)


class TableWriter:
    """`Writer` of a derived table of this server."""

    def __init__(self, opening: Opening, table: Table) -> None:
        self._table = table
        self._rules = rules_of(opening, table.keys)
        self._notes = opening.notes
        self._writer = opening.around.writer
        self._clock = opening.around.clock

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        rejected: list[Rejected] = []
        for begin in range(0, len(batch.changes), _STEP):
            refused = await self._write(batch.changes[begin : begin + _STEP])
            rejected += (Rejected(begin + each.index, each.reason) for each in refused)
        return rejected

    async def close(self) -> None:
        return None

    async def _write(self, changes: Sequence[Change]) -> Sequence[Rejected]:
        made = [derivation.derived(self._rules, change) for change in changes]
        now_us = int(self._clock.now() * 1e6)
        for _ in range(write_plans_max):
            before, plan = await planned(self._notes, self._rules, (changes, made))
            swap = self._notes.swapping(before, values_of(plan.kept))
            if await self._submit(partial(self._derive, (plan, swap), now_us)):
                return plan.rejected
        raise SinkUnavailable("What is kept of the table changes too quickly.")

    def _derive(self, what: tuple[Plan, Swap], now_us: int, tables: Sequence[Table]) -> _Derive:
        return _Derive(tables[0], what, self._rules.count, now_us)

    async def _submit(self, plan: Callable[[Sequence[Table]], _Derive]) -> bool:
        try:
            return await self._writer.submit([self._table], plan)
        except ResourceNotFoundException as error:
            raise SinkBroken(f"Table {self._table.name} is gone.") from error
        except ServiceUnavailable as error:
            raise SinkUnavailable(str(error)) from error
        except ServiceError as error:
            raise SinkBroken(f"Table {self._table.name}: {error}") from error


class _Derive:
    """Work: the changes of a plan in the derived table, and what is kept of them."""

    def __init__(self, table: Table, what: tuple[Plan, Swap], count: str, now_us: int) -> None:
        plan, self._swap = what
        self._count = count
        self._now_us = now_us
        self._puts = [(_write(table, key), item) for key, item in plan.puts.items()]
        self._shares = [(_write(table, key), share) for key, share in plan.shares.items()]
        writes = [write for write, _ in (*self._puts, *self._shares)]
        reads = [key for write in writes for key in reads_of(write)]
        self.reads = list(dict.fromkeys((*self._swap.reads, *reads)))

    def run(self, view: View) -> bool:
        if not self._swap.run(view):
            return False
        for write, item in self._puts:
            self._put(view, write, item)
        for write, share in self._shares:
            self._put(view, write, self._counted(view, write, share))
        return True

    def _put(self, view: View, write: Write, item: Item | None) -> None:
        action = Delete() if item is None else Put(item, codec.encode(item, items.size(item)))
        apply(view, write._replace(action=action), self._now_us)

    def _counted(self, view: View, write: Write, share: Mapping[str, str]) -> Item | None:
        stored = view.get(write.key.stored)
        old = None if stored is None else codec.decode(stored)
        return derivation.added(old, write.key.attributes, share, self._count)


def _write(table: Table, key: bytes) -> Write:
    return Write(table, of_key(table, orjson.loads(key)), Delete())


class RemoteWriter:
    """`Writer` of a derived table elsewhere."""

    def __init__(self, opening: Opening, table: RemoteTable, keys: KeySchema) -> None:
        self._table = table
        self._rules = rules_of(opening, keys)
        self._notes = opening.notes

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        changes = batch.changes
        made = [derivation.derived(self._rules, change) for change in changes]
        before, plan = await planned(self._notes, self._rules, (changes, made))
        refused = await self._table.put(
            {key: (orjson.loads(key), held) for key, held in plan.puts.items()}
        )
        if not await self._notes.swap(before, values_of(plan.kept)):
            raise SinkUnavailable("Another process has written the same items.")
        return [*plan.rejected, *_refused(made, refused)]

    async def close(self) -> None:
        return None


def _refused(made: Sequence[Derived], refused: Mapping[bytes, str]) -> list[Rejected]:
    """The changes whose items were refused, by their keys: the latest of each."""
    latest = {
        orjson.dumps(each.key, option=orjson.OPT_SORT_KEYS): index
        for index, each in enumerate(made)
        if each.key is not None
    }
    return [Rejected(latest[key], reason) for key, reason in refused.items() if key in latest]


async def planned(
    notes: Notes, rules: Rules, what: tuple[Sequence[Change], Sequence[Derived]]
) -> tuple[Values, Plan]:
    """What was kept, as it is stored, and what changes make of it."""
    changes, made = what
    stored = await notes.get_all(list(dict.fromkeys(each.name for each in made)))
    trails = {name: derivation.decode(value) for name, value in stored.items()}
    owned: Values = {}
    if rules.form is Form.items:
        owned = await notes.get_all(derivation.places(made, trails))
    owners = {name: None if value is None else value.decode() for name, value in owned.items()}
    return {**stored, **owned}, derivation.plan(rules, changes, made, Kept(trails, owners))


def values_of(kept: Kept) -> Values:
    """What is kept, as it is stored."""
    trails = {name: derivation.encode(trail) for name, trail in kept.trails.items()}
    owners = {
        name: None if owner is None else owner.encode() for name, owner in kept.owners.items()
    }
    return {**trails, **owners}


def rules_of(opening: Opening, keys: KeySchema) -> Rules:
    """How a sink's settings have a table of these keys derived. Raises SinkBroken."""
    asked: TableSettings = opening.settings
    key, manner = pairs("key", asked.key), opening.sink.manner
    missing = {name for name, _ in key} ^ set(keys.names())
    if key and missing:
        raise SinkBroken(f"key must name {', '.join(keys.names())}, the key of {asked.table}.")
    return Rules(
        asked.form,
        keys,
        key,
        tuple(of for _, of in pairs("attributes", asked.attributes)),
        asked.count,
        pairs("sums", asked.sums),
        is_typed=not (manner.transform or manner.function),
    )


async def _open(opening: Opening) -> Writer:
    asked: TableSettings = opening.settings
    region = asked.region or opening.sink.region
    if asked.endpoint is not None:
        remote = RemoteTable(asked.table, asked.endpoint, region)
        return RemoteWriter(opening, remote, await remote.keys())
    return TableWriter(opening, await _local(opening))


async def _verify(opening: Opening, expected: AsyncIterator[Sequence[Change]]) -> Verdict:
    """Derive all items anew; of counts, what else an item has is not looked at."""
    place = await _place(opening)
    rules = rules_of(opening, place.keys)
    wanted: dict[bytes, Item] = {}
    async for changes in expected:
        for made in (derivation.derived(rules, change) for change in changes):
            if made.key is None:
                continue
            name = orjson.dumps(made.key, option=orjson.OPT_SORT_KEYS)
            if rules.form is Form.items:
                wanted[name] = made.held
            else:
                wanted[name] = added(wanted.get(name), made.key, made.sums, rules.count) or {}
    comparison = Comparison()
    for name, item in wanted.items():
        comparison.expect(orjson.loads(name), item)
    compared = {*place.keys.names(), rules.count, *(name for name, _ in rules.sums)}

    async def held() -> AsyncIterator[tuple[Item, Item]]:
        async for item in place.items():
            key = {name: item[name] for name in place.keys.names()}
            if rules.form is Form.counts:
                item = {name: value for name, value in item.items() if name in compared}
            yield key, item

    return await comparison.verdict(held())


@dataclass(frozen=True, slots=True)
class _Place:
    """A derived table as it can be read."""

    keys: KeySchema
    items: Callable[[], AsyncIterator[Item]]


async def _place(opening: Opening) -> _Place:
    asked: TableSettings = opening.settings
    region = asked.region or opening.sink.region
    if asked.endpoint is not None:
        remote = RemoteTable(asked.table, asked.endpoint, region)
        return _Place(await remote.keys(), remote.items)
    table = await _local(opening)

    async def rows() -> AsyncIterator[Item]:
        span = table.items_prefix, after_prefix(table.items_prefix)
        async for _, stored in listing.entries(opening.around.engine, span):
            yield codec.decode(stored)

    return _Place(table.keys, rows)


async def _local(opening: Opening) -> Table:
    """The derived table of this server."""
    asked: TableSettings = opening.settings
    region = asked.region or opening.sink.region
    try:
        table = await opening.around.catalog.describe(region, asked.table)
    except ServiceError as error:
        raise SinkBroken(f"Table {asked.table} of {region}: {error}") from error
    if table.table_id == opening.sink.table_id:
        raise SinkBroken("A table cannot be derived from itself.")
    return table


async def _check(asked: TableSettings, around: Surroundings) -> None:
    del around
    if not asked.table:
        raise InvalidSettings("table is empty")


KIND: Final = Kind(
    "table",
    "A table derived from the table: projected, keyed otherwise, or counted.",
    TableSettings,
    _open,
    Pace(500, 10_000),
    _check,
    _verify,
)
