"""Faults between the dispatcher and the handlers, on a server with the lab.

A handler is wrapped; it knows nothing of it, and is either not called (so that nothing is half
done), called with fewer members of a batch, or called and its answer lost or emptied. What a
request concerns is read from its checked input. A region without faults pays a look into a
dictionary.

Errors: API Reference of each operation; DynamoDB Developer Guide, "Error handling with DynamoDB"
and "Managing complex workflows with DynamoDB transactions".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import orjson

from headwater.api.fault_kinds import ITEM_OPERATIONS, RECORD_OPERATIONS, kinds_of
from headwater.api.faulty_records import RATE_EXCEEDED, partly_put
from headwater.api.operation import Call, Handler
from headwater.api.permissions import data_stream_of
from headwater.api.reply import Reply
from headwater.api.statement_request import asked
from headwater.arn import parse_stream, parse_table
from headwater.clock import Clock
from headwater.errors import (
    InternalServerError,
    LimitExceededException,
    ProvisionedThroughputExceededException,
    ServiceError,
    ThrottlingException,
    TooManyRequestsException,
    TransactionConflictException,
    TransactionInProgressException,
    ValidationException,
)
from headwater.lab.faults import TOOLS_KEY, Faults, Kind, Occasion, Struck
from headwater.lab.readers import ShardReaders
from headwater.streams.iterator import Iterators, ShardIterator
from headwater.tables.transact import canceled

_TOO_MANY: Final = "Too many operations for a given subscriber."
_IN_PROGRESS: Final = "The transaction with the given request token is already in progress."
_UNPROCESSED: Final = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}

Input = dict[str, Any]


class FaultyHandlers:
    """Handlers whose requests meet the faults of their region.

    clocks: that of iterators, and the machine's, for clients, whose delays are real ones.
    """

    def __init__(
        self, faults: Faults, iterators: Iterators, clocks: tuple[Clock, Clock], account: str
    ) -> None:
        self._faults = faults
        self._account = account
        self._iterators = iterators
        self._clock, self._machine_clock = clocks
        self._readers = ShardReaders()

    def around(
        self, handlers: Mapping[tuple[str, str], Handler]
    ) -> Mapping[tuple[str, str], Handler]:
        """The same handlers, each behind the faults."""
        return {key: self._around(handler) for key, handler in handlers.items()}

    def _around(self, handler: Handler) -> Handler:
        faults = self._faults

        async def faulty(call: Call) -> Reply:
            if not faults.can_befall(call.region) or call.caller == TOOLS_KEY:
                return await handler(call)
            return await self._answer(handler, call)

        return faulty

    async def _answer(self, handler: Handler, call: Call) -> Reply:
        read = self._read(call)
        occasion = self._occasion(call, read)
        if read is None:
            return await self._met(handler, call, occasion)
        if call.service != "kinesis" and self._faults.has(call.region, Kind.LIMIT_EXCEEDED):
            reply = await self._met_among_readers(handler, call, occasion)
        else:
            reply = await self._met(handler, call, occasion)
        if self._faults.has(call.region, Kind.EMPTY_PAGE):
            reply = self._emptied(call, read, reply)
        return reply

    async def _met_among_readers(self, handler: Handler, call: Call, occasion: Occasion) -> Reply:
        shard = (occasion.stream or "", occasion.shard or "")
        asked = (call.caller, call.input["ShardIterator"])
        number = self._readers.number(shard, asked, self._machine_clock.now())
        reply = await self._met(handler, call, occasion._replace(reader=number))
        given = (call.caller, orjson.loads(reply.body).get("NextShardIterator"))
        self._readers.admit(shard, asked, given, self._machine_clock.now())
        return reply

    async def _met(self, handler: Handler, call: Call, occasion: Occasion) -> Reply:
        for struck in self._faults.meet(call.region, occasion):
            match struck.fault.kind:
                case Kind.SLOW:
                    await self._machine_clock.sleep(struck.fault.seconds)
                case Kind.ANSWER_LOST:
                    with suppress(ServiceError):  # that answer is lost, too
                        await handler(call)
                    await _lose_answer()
                case Kind.UNPROCESSED if call.service == "kinesis":
                    return await partly_put(handler, call, struck)
                case Kind.UNPROCESSED:
                    return await _partly(handler, call, struck)
                case _:
                    raise _error(call, struck)
        return await handler(call)

    def _read(self, call: Call) -> ShardIterator | None:
        """The place that a request reads records at; None also for an iterator that is refused."""
        if call.operation != "GetRecords":
            return None
        if call.service == "kinesis":
            return self._iterators.opened(call.input["ShardIterator"])
        try:
            return self._iterators.read(call.input["ShardIterator"], self._clock.now())
        except ServiceError:
            return None

    def _emptied(self, call: Call, read: ShardIterator, reply: Reply) -> Reply:
        """A page of records, or one without them whose next one begins where this one did."""
        page = orjson.loads(reply.body)
        occasion = self._occasion(call, read)._replace(kinds={Kind.EMPTY_PAGE})
        if not page["Records"] or not self._faults.meet(call.region, occasion):
            return reply
        following = page.get("NextShardIterator")
        if following is not None:  # it says when an iterator counts as issued
            issued_ms = self._iterators.read(following, self._clock.now()).issued_ms
            read = replace(read, issued_ms=issued_ms)
        empty = {"Records": [], "NextShardIterator": self._iterators.token(read)}
        late = {name: page[name] for name in ("MillisBehindLatest",) if name in page}
        return Reply.json(empty | late)

    def _occasion(self, call: Call, read: ShardIterator | None) -> Occasion:
        if call.service == "kinesis":
            stream = data_stream_of(call, self._account)
        else:
            stream = call.input.get("StreamArn") if read is None else read.stream_arn
        return Occasion(
            call.operation,
            kinds_of(call.service, call.operation, call.input),
            _tables(call.input, stream),
            stream,
            call.input.get("ShardId") if read is None else read.shard_id,
            call.caller,
        )


async def _lose_answer() -> None:
    """End as a request whose handler was cancelled does: the edge drops the connection.

    It learns of that from a Task, which an exchange has from its second wait on.
    """
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def _partly(handler: Handler, call: Call, struck: Struck) -> Reply:
    """Have a batch answered without some of its members, which come back as unprocessed."""
    requests = call.input["RequestItems"]
    left: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    index = 0
    for table, request in requests.items():
        members = request["Keys"] if call.operation == "BatchGetItem" else request
        choice = [
            struck.fraction(each) < struck.fault.share
            for each in range(index, index + len(members))
        ]
        index += len(members)
        for chosen, into in ((True, left), (False, kept)):
            own = [each for each, is_left in zip(members, choice, strict=True) if is_left is chosen]
            if own:
                into[table] = {**request, "Keys": own} if isinstance(request, dict) else own
    if not kept:
        raise ProvisionedThroughputExceededException
    reply = await handler(call._replace(input={**call.input, "RequestItems": kept}))
    answer = orjson.loads(reply.body)
    unprocessed = answer[_UNPROCESSED[call.operation]]
    for table, request in left.items():
        there = unprocessed.get(table)
        if there is None:
            unprocessed[table] = request
        elif isinstance(there, dict):
            there["Keys"] += request["Keys"]
        else:
            there += request
    return Reply.json(answer, reply.status, reply.headers)


def _error(call: Call, struck: Struck) -> ServiceError:
    """What a request is refused with."""
    match struck.fault.kind:
        case Kind.THROTTLED:
            return _in_transaction(call, struck, _throttled(call, struck.fault.error))
        case Kind.INTERNAL_SERVER_ERROR:
            return InternalServerError()
        case Kind.LIMIT_EXCEEDED:
            return LimitExceededException(_TOO_MANY)
        case Kind.TRANSACTION_IN_PROGRESS:
            return TransactionInProgressException(_IN_PROGRESS)
        case kind:
            assert kind is Kind.TRANSACTION_CONFLICT, kind
            return _in_transaction(call, struck, TransactionConflictException())


def _throttled(call: Call, code: str | None) -> ServiceError:
    if call.service == "lambda":
        return TooManyRequestsException(members={"Reason": "CallerRateLimitExceeded"})
    if call.service == "kinesis":
        if call.operation in RECORD_OPERATIONS:
            return ProvisionedThroughputExceededException(RATE_EXCEEDED)
        return LimitExceededException("Rate exceeded.")
    if code is None:
        is_of_items = call.operation in ITEM_OPERATIONS
        return ProvisionedThroughputExceededException() if is_of_items else ThrottlingException()
    is_throttling = code == ThrottlingException.__name__
    return ThrottlingException() if is_throttling else ProvisionedThroughputExceededException()


def _in_transaction(call: Call, struck: Struck, error: ServiceError) -> ServiceError:
    """An error of one action of a transaction, told in its reasons; of anything else, itself."""
    actions = call.input.get("TransactItems", call.input.get("TransactStatements"))
    if actions is None:
        return error
    return canceled(len(actions), {struck.member(len(actions)): error})


def _tables(body: Input, stream: str | None) -> frozenset[str]:
    """The names of the tables that a request is about."""
    named = [body.get(member) for member in ("TableName", "TableArn", "ResourceArn")]
    named += body.get("RequestItems", ())
    named += (
        action.get("TableName")
        for actions in body.get("TransactItems", ())
        for action in actions.values()
    )
    statements = [body, *body.get("Statements", ()), *body.get("TransactStatements", ())]
    named += (_table_of(each) for each in statements if "Statement" in each)
    names = {_name(each) for each in named if isinstance(each, str)}
    if stream is not None and (parsed := parse_stream(stream)) is not None:
        names.add(parsed.table)
    return frozenset(names)


def _table_of(statement: Input) -> str | None:
    try:
        return asked(statement).table_name
    except ValidationException:
        return None


def _name(name_or_arn: str) -> str:
    parsed = parse_table(name_or_arn)
    return name_or_arn if parsed is None else parsed.table
