"""BatchExecuteStatement and ExecuteTransaction: several PartiQL statements.

They are reads of single items or they are writes, never both. In a batch each statement succeeds or
fails for itself, and its answer says which. A transaction happens as one (`tables/transact.py`); a
statement in it that cannot be understood is a fault of the whole request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson

from headwater.api import accounting
from headwater.api.answer import EMPTY, answer, member
from headwater.api.binding import Input
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.statement_request import Asked, Point, asked, point_of, returned, write_of
from headwater.api.transactions import all_or_canceled, take_reads
from headwater.errors import ServiceError, ValidationException
from headwater.expressions.partiql.syntax import Delete, Exists, Update
from headwater.limits import transaction_bytes_max
from headwater.storage.engine import Unavailable
from headwater.tables.capacity import TRANSACTIONAL, Tally, read_units
from headwater.tables.schema import Table
from headwater.tables.tokens import token_of
from headwater.tables.transact import Outcome, transact
from headwater.values import codec

# What an error of an operation is called within the answer of a batch.
_CODES: Final = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ResourceNotFoundException": "ResourceNotFound",
    "ThrottlingException": "ThrottlingError",
    "ValidationException": "ValidationError",
}
_FAULT: Final = "InternalServerError"


class StatementGroups:
    """The handlers of several statements."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine
        self._writer = services.writer
        self._clock = services.clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("dynamodb", "BatchExecuteStatement"): self.batch_execute_statement,
            ("dynamodb", "ExecuteTransaction"): self.execute_transaction,
        }

    async def batch_execute_statement(self, call: Call) -> Reply:
        request = call.input
        statements = [_try_asked(each) for each in request["Statements"]]
        _check_not_mixed(each for each in statements if isinstance(each, Asked))
        tallies: dict[str, Tally] = {}
        results = await asyncio.gather(*(self._answer(call, each, tallies) for each in statements))
        members = [b'"Responses":[' + b",".join(results) + b"]"]
        if accounting.wants_capacity(request):
            members.append(accounting.consumed_by_table(request, tallies))
        return answer(members)

    async def execute_transaction(self, call: Call) -> Reply:
        statements = [asked(each) for each in call.input["TransactStatements"]]
        _check_not_mixed(statements)
        if statements[0].is_read:
            return await self._read(call, statements)
        return await self._write(call, statements)

    async def _answer(
        self, call: Call, statement: Asked | ServiceError, tallies: dict[str, Tally]
    ) -> bytes:
        """One member of a batch's `Responses`; what fails is told there."""
        if isinstance(statement, ServiceError):
            return orjson.dumps({"Error": _told(statement)})
        name = statement.table_name
        try:
            item = await self._run(call, statement, tallies)
        except ServiceError as error:
            return orjson.dumps({"Error": _told(error), "TableName": name})
        except Unavailable:
            return orjson.dumps({"Error": {"Code": _FAULT}, "TableName": name})
        members = [member("TableName", name)]
        if item is not None:
            members.append(b'"Item":' + item)
        return b"{" + b",".join(members) + b"}"

    async def _run(self, call: Call, statement: Asked, tallies: dict[str, Tally]) -> bytes | None:
        """Do what a statement of a batch asks; the item it gives, if it gives one."""
        table = await self._tables.table(call.region, statement.table_name)
        if statement.is_read:
            point = _point(statement, table, "BatchExecuteStatement")
            (stored,) = await self._engine.get([point.stored_key])
            size = 0 if stored is None else codec.size(stored)
            units = read_units(size, is_consistent=statement.is_consistent)
            if self._meters is not None:
                tally = Tally()
                tally.add(None, units)
                self._meters.take_read(table, tally)
            tallies.setdefault(statement.table_name, Tally()).add(None, units)
            return point.found(stored)
        if isinstance(statement.body, Exists):
            raise ValidationException("EXISTS is supported in ExecuteTransaction only")
        effect = await self._writer.write(write_of(statement, table), self._now_us())
        tallies.setdefault(statement.table_name, Tally()).add_write(effect)
        return returned(statement.body, effect)

    async def _read(self, call: Call, statements: Sequence[Asked]) -> Reply:
        tables = await self._tables_of(call, statements)
        points = [
            _point(each, tables[each.table_name], "ExecuteTransaction") for each in statements
        ]
        stored_keys = [point.stored_key for point in points]
        _check_distinct(stored_keys)
        stored = await self._engine.get(stored_keys)
        sizes = [0 if item is None else codec.size(item) for item in stored]
        _check_size(sum(sizes))
        if self._meters is not None:
            take_reads(self._meters, [tables[each.table_name] for each in statements], sizes)
        found = [point.found(item) for point, item in zip(points, stored, strict=True)]
        responses = [b"{}" if item is None else b'{"Item":' + item + b"}" for item in found]
        members = [b'"Responses":[' + b",".join(responses) + b"]"]
        if accounting.wants_capacity(call.input):
            tallies = _read_tallies(statements, sizes)
            members.append(accounting.consumed_by_table(call.input, tallies, accounting.READ))
        return answer(members)

    async def _write(self, call: Call, statements: Sequence[Asked]) -> Reply:
        request = call.input
        _check_size(len(call.raw))
        _check_returns_nothing(statements)
        tables = await self._tables_of(call, statements)
        writes = all_or_canceled(statements, lambda each: write_of(each, tables[each.table_name]))
        _check_distinct([write.key.stored for write in writes])
        token = None
        if (text := request.get("ClientRequestToken")) is not None:
            token = token_of(call.region, text, request["TransactStatements"])
        outcome = await transact(self._writer, writes, token, self._now_us(), self._meters)
        if not accounting.wants_capacity(request):
            return EMPTY
        return answer([_capacity(request, statements, outcome)])

    async def _tables_of(self, call: Call, statements: Sequence[Asked]) -> dict[str, Table]:
        names = dict.fromkeys(statement.table_name for statement in statements)
        return {name: await self._tables.table(call.region, name) for name in names}

    def _now_us(self) -> int:
        return int(self._clock.now() * 1_000_000)


def _try_asked(request: Input) -> Asked | ServiceError:
    """The statement, or why there is none."""
    try:
        return asked(request)
    except ServiceError as error:
        return error


def _point(statement: Asked, table: Table, operation: str) -> Point:
    """The one item that a SELECT names; operation: that takes no other SELECT, for the error."""
    point = point_of(statement, table)
    if point is None:
        raise ValidationException(
            f"Select statements within {operation} must specify the primary key in the where "
            "clause."
        )
    return point


def _told(error: ServiceError) -> dict[str, object]:
    told: dict[str, object] = {"Code": _CODES.get(error.code, _FAULT)}
    if error.message is not None:
        told["Message"] = error.message
    if "Item" in error.members:
        told["Item"] = error.members["Item"]
    return told


def _check_not_mixed(statements: Iterable[Asked]) -> None:
    if len({statement.is_read for statement in statements}) > 1:
        raise ValidationException(
            "The statements of a request must be either all reads or all writes"
        )


def _check_returns_nothing(statements: Iterable[Asked]) -> None:
    for statement in statements:
        body = statement.body
        if isinstance(body, Update | Delete) and body.returning is not None:
            raise ValidationException("RETURNING is not supported in ExecuteTransaction")


def _check_distinct(stored_keys: Sequence[bytes]) -> None:
    if len(set(stored_keys)) != len(stored_keys):
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


def _capacity(request: Input, statements: Sequence[Asked], outcome: Outcome) -> bytes:
    """ConsumedCapacity: write units, or read units where the token showed it was done before."""
    if outcome.repeated_sizes is not None:
        tallies = _read_tallies(statements, outcome.repeated_sizes)
        return accounting.consumed_by_table(request, tallies, accounting.READ)
    tallies = {}
    for statement, effect in zip(statements, outcome.effects, strict=True):
        tallies.setdefault(statement.table_name, Tally()).add_write(effect, TRANSACTIONAL)
    return accounting.consumed_by_table(request, tallies, accounting.WRITE)


def _read_tallies(statements: Sequence[Asked], sizes: Sequence[int]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for statement, size in zip(statements, sizes, strict=True):
        units = TRANSACTIONAL * read_units(size, is_consistent=True)
        tallies.setdefault(statement.table_name, Tally()).add(None, units)
    return tallies
