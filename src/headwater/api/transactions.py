"""TransactWriteItems and TransactGetItems: many items as one.

What a request says by itself is checked for all actions before any table is looked up; a fault
there, or a key that is empty or too long, is a fault of the whole request. What depends on schemas
or items is told action by action in the reasons of a cancelled transaction
(`tables/transact.py`; API Reference, "TransactionCanceledException").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from headwater.api import accounting
from headwater.api.answer import EMPTY, answer, member, projected
from headwater.api.binding import Input, bind, placeholders_of
from headwater.api.drafts import (
    Draft,
    draft_check,
    draft_delete,
    draft_put,
    draft_update,
    write_of,
)
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import (
    THROTTLED,
    ServiceError,
    ValidationException,
)
from headwater.expressions.projection import Projection
from headwater.limits import transaction_bytes_max
from headwater.tables import keys
from headwater.tables.capacity import TRANSACTIONAL, Tally, read_units
from headwater.tables.keys import SchemaMismatch
from headwater.tables.metering import Meters, Taken
from headwater.tables.schema import Table
from headwater.tables.tokens import token_of
from headwater.tables.transact import Outcome, canceled, transact
from headwater.tables.write import Write
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

_A = TypeVar("_A")
_B = TypeVar("_B")
_ACTIONS: Final[dict[str, Callable[[Input], Draft]]] = {
    "ConditionCheck": draft_check,
    "Put": draft_put,
    "Delete": draft_delete,
    "Update": draft_update,
}


class Transactions:
    """The handlers of transactions."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine
        self._writer = services.writer
        self._clock = services.clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("dynamodb", "TransactWriteItems"): self.transact_write_items,
            ("dynamodb", "TransactGetItems"): self.transact_get_items,
        }

    async def transact_write_items(self, call: Call) -> Reply:
        request = call.input
        _check_size(len(call.raw))
        drafts = [_draft(action) for action in request["TransactItems"]]
        writes = await self._writes(call, drafts)
        _check_distinct(write.key.stored for write in writes)
        token = None
        if (text := request.get("ClientRequestToken")) is not None:
            token = token_of(call.region, text, request["TransactItems"])
        now_us = int(self._clock.now() * 1_000_000)
        outcome = await transact(self._writer, writes, token, now_us, self._meters)
        names = [draft.table_name for draft in drafts]
        members = []
        if accounting.wants_capacity(request):
            members.append(_capacity(request, names, outcome))
        if accounting.wants_collections(request):
            metrics = await accounting.item_collections(
                self._engine, list(zip(names, writes, strict=True))
            )
            members.append(member("ItemCollectionMetrics", metrics))
        return answer(members) if members else EMPTY

    async def transact_get_items(self, call: Call) -> Reply:
        request = call.input
        gets = [each["Get"] for each in request["TransactItems"]]
        wanted = [_wanted(get) for get in gets]
        tables = [await self._tables.table(call.region, get["TableName"]) for get in gets]
        asked = [(table, key) for table, (key, _) in zip(tables, wanted, strict=True)]
        stored_keys = all_or_canceled(asked, lambda each: keys.of_key(*each).stored)
        _check_distinct(stored_keys)
        stored = await self._engine.get(stored_keys)
        sizes = [0 if item is None else codec.size(item) for item in stored]
        _check_size(sum(sizes))
        if self._meters is not None:
            take_reads(self._meters, tables, sizes)
        found = [
            _response(item, projection)
            for item, (_, projection) in zip(stored, wanted, strict=True)
        ]
        members = [b'"Responses":[' + b",".join(found) + b"]"]
        if accounting.wants_capacity(request):
            tallies = _read_tallies([get["TableName"] for get in gets], sizes)
            members.append(accounting.consumed_by_table(request, tallies, accounting.READ))
        return answer(members)

    async def _writes(self, call: Call, drafts: Sequence[Draft]) -> list[Write]:
        tables = {
            name: await self._tables.table(call.region, name)
            for name in dict.fromkeys(draft.table_name for draft in drafts)
        }
        return all_or_canceled(drafts, lambda draft: write_of(draft, tables[draft.table_name]))


def all_or_canceled(actions: Sequence[_A], made: Callable[[_A], _B]) -> list[_B]:
    """What is made of each action of a transaction.

    Raises TransactionCanceledException if any does not fit its table's schema.
    """
    found: list[_B] = []
    failures: dict[int, ServiceError] = {}
    for position, action in enumerate(actions):
        try:
            found.append(made(action))
        except SchemaMismatch as error:
            failures[position] = error
    if failures:
        raise canceled(len(actions), failures)
    return found


def take_reads(meters: Meters, tables: Sequence[Table], sizes: Sequence[int]) -> None:
    """Take what a transaction's reads cost, each of its table, or nothing.

    Raises TransactionCanceledException.
    """
    taken: list[Taken] = []
    failures: dict[int, ServiceError] = {}
    for position, (table, size) in enumerate(zip(tables, sizes, strict=True)):
        tally = Tally()
        tally.add(None, TRANSACTIONAL * read_units(size, is_consistent=True))
        try:
            taken.append(meters.take_read(table, tally))
        except THROTTLED as error:
            failures[position] = error
    if failures:
        for each in taken:
            meters.give_back(each)
        raise canceled(len(tables), failures)


def _draft(action: Input) -> Draft:
    kinds = [kind for kind in _ACTIONS if kind in action]
    if len(kinds) != 1:
        raise ValidationException(
            "TransactItems can only contain one of Check, Put, Update or Delete"
        )
    return _ACTIONS[kinds[0]](action[kinds[0]])


def _wanted(get: Input) -> tuple[Item, Projection | None]:
    """The key, canonical, and what is wanted of its item."""
    placeholders = placeholders_of(get)
    key, _ = items.normalise(get["Key"])
    return key, bind(get, placeholders).projection


def _response(stored: bytes | None, projection: Projection | None) -> bytes:
    return b"{}" if stored is None else b'{"Item":' + projected(stored, projection) + b"}"


def _check_distinct(stored_keys: Iterable[bytes]) -> None:
    seen = list(stored_keys)
    if len(set(seen)) != len(seen):
        raise ValidationException(
            "Transaction request cannot include multiple operations on one item"
        )


def _check_size(size: int) -> None:
    """Refuse more than a transaction may hold: the request of writes, the items of reads."""
    if size > transaction_bytes_max:
        raise ValidationException(
            "Transaction size has exceeded the maximum allowed size of "
            f"{transaction_bytes_max} bytes"
        )


def _capacity(request: Input, names: Sequence[str], outcome: Outcome) -> bytes:
    """ConsumedCapacity: write units, or read units where the token showed it was done before."""
    if outcome.repeated_sizes is not None:
        tallies = _read_tallies(names, outcome.repeated_sizes)
        return accounting.consumed_by_table(request, tallies, accounting.READ)
    tallies = {}
    for name, effect in zip(names, outcome.effects, strict=True):
        tallies.setdefault(name, Tally()).add_write(effect, TRANSACTIONAL)
    return accounting.consumed_by_table(request, tallies, accounting.WRITE)


def _read_tallies(names: Sequence[str], sizes: Sequence[int]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for name, size in zip(names, sizes, strict=True):
        units = TRANSACTIONAL * read_units(size, is_consistent=True)
        tallies.setdefault(name, Tally()).add(None, units)
    return tallies
