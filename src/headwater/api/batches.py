"""BatchGetItem and BatchWriteItem: many items, each read or written for itself.

The whole request is checked before anything happens. Writes of a batch are independent: they are
submitted together, so that they share a commit, and one that cannot be served now is returned as
unprocessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from headwater.api import accounting
from headwater.api.answer import answer, member, projected
from headwater.api.binding import Input, bind, placeholders_of
from headwater.api.drafts import Draft, draft_put, write_of
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import (
    THROTTLED,
    ServiceError,
    ServiceUnavailable,
    ValidationException,
)
from headwater.expressions.projection import Projection
from headwater.limits import batch_get_bytes_max, batch_get_keys_max, batch_write_requests_max
from headwater.storage.engine import Unavailable
from headwater.tables import keys
from headwater.tables.capacity import Tally, read_units
from headwater.tables.metering import Meters
from headwater.tables.schema import Table
from headwater.tables.write import Delete, Effect, Put, Write
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

_NOT_NOW: Final = (Unavailable, ServiceUnavailable, *THROTTLED)
_DUPLICATES: Final = "Provided list of item keys contains duplicates"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a batch wants of one table. keys: canonical, in the request's order."""

    request: Input
    keys: Sequence[Item]
    projection: Projection | None


@dataclass(slots=True)
class _Found:
    """What a batch has found in one table, growing."""

    table: Table
    items: list[bytes] = field(default_factory=list)
    unprocessed: list[Item] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class _Member:
    """One write of a batch, and the request it came from."""

    name: str
    request: Input
    write: Write


class Batches:
    """The handlers of operations on many items."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine
        self._writer = services.writer
        self._clock = services.clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("dynamodb", "BatchGetItem"): self.batch_get_item,
            ("dynamodb", "BatchWriteItem"): self.batch_write_item,
        }

    async def batch_get_item(self, call: Call) -> Reply:
        wanted = _wanted(call.input["RequestItems"])
        places: list[tuple[str, Item, bytes]] = []
        found = {}
        for name, each in wanted.items():
            table = await self._tables.table(call.region, name)
            found[name] = _Found(table)
            for key in each.keys:
                places.append((name, key, keys.of_key(table, key).stored))
        size = 0
        stored_items = await self._engine.get([stored_key for _, _, stored_key in places])
        refusal: ServiceError | None = None
        for (name, key, _), stored in zip(places, stored_items, strict=True):
            size += 0 if stored is None else codec.size(stored)
            if size > batch_get_bytes_max:
                found[name].unprocessed.append(key)
                continue
            try:
                _add(found[name], wanted[name], stored, self._meters)
            except THROTTLED as error:
                found[name].unprocessed.append(key)
                refusal = refusal or error
        if refusal is not None and all(
            len(each.unprocessed) == len(wanted[name].keys) for name, each in found.items()
        ):
            raise refusal
        return _got(call.input, wanted, found)

    async def batch_write_item(self, call: Call) -> Reply:
        request = call.input
        drafts = _drafts(request["RequestItems"])
        members = []
        for name, own in drafts.items():
            table = await self._tables.table(call.region, name)
            for draft, each in own:
                _check_key(draft, table.keys.names())
                members.append(_Member(name, each, write_of(draft, table)))
        _check_distinct(member.write.key.stored for member in members)
        now_us = int(self._clock.now() * 1_000_000)
        results = await asyncio.gather(
            *(self._writer.write(each.write, now_us) for each in members), return_exceptions=True
        )
        return await self._written(request, members, results)

    async def _written(
        self, request: Input, members: Sequence[_Member], results: Sequence[Effect | BaseException]
    ) -> Reply:
        done: list[_Member] = []
        tallies: dict[str, Tally] = {}
        unprocessed: dict[str, list[Input]] = {}
        refusal: ServiceError = ServiceUnavailable()
        for each, result in zip(members, results, strict=True):
            if isinstance(result, THROTTLED):
                refusal = result
            if isinstance(result, _NOT_NOW):
                unprocessed.setdefault(each.name, []).append(each.request)
            elif isinstance(result, BaseException):
                raise result
            else:
                done.append(each)
                tallies.setdefault(each.name, Tally()).add_write(result)
        if not done:
            raise refusal
        parts = [member("UnprocessedItems", unprocessed)]
        if accounting.wants_collections(request):
            writes = [(each.name, each.write) for each in done]
            metrics = await accounting.item_collections(self._engine, writes)
            parts.append(member("ItemCollectionMetrics", metrics))
        if accounting.wants_capacity(request):
            parts.append(accounting.consumed_by_table(request, tallies))
        return answer(parts)


def _wanted(requests: Mapping[str, Input]) -> dict[str, _Wanted]:
    """Check all that can be checked without the tables."""
    wanted = {}
    count = 0
    for name, request in requests.items():
        placeholders = placeholders_of(request)
        canonical = [items.normalise(key)[0] for key in request["Keys"]]
        _check_distinct(orjson.dumps(key, option=orjson.OPT_SORT_KEYS) for key in canonical)
        count += len(canonical)
        if count > batch_get_keys_max:
            raise ValidationException("Too many items requested for the BatchGetItem call")
        wanted[name] = _Wanted(request, canonical, bind(request, placeholders).projection)
    return wanted


def _add(found: _Found, wanted: _Wanted, stored: bytes | None, meters: Meters | None) -> None:
    """Add an item that was read. Raises one of THROTTLED."""
    size = 0 if stored is None else codec.size(stored)
    is_consistent = wanted.request.get("ConsistentRead", False)
    units = read_units(size, is_consistent=is_consistent)
    if meters is not None:
        tally = Tally()
        tally.add(None, units)
        meters.take_read(found.table, tally)
    found.tally.add(None, units)
    if stored is not None:
        found.items.append(projected(stored, wanted.projection))


def _got(request: Input, wanted: Mapping[str, _Wanted], found: Mapping[str, _Found]) -> Reply:
    responses = b",".join(
        b"%b:[%b]" % (orjson.dumps(name), b",".join(each.items)) for name, each in found.items()
    )
    unprocessed = {
        name: {**wanted[name].request, "Keys": each.unprocessed}
        for name, each in found.items()
        if each.unprocessed
    }
    parts = [b'"Responses":{' + responses + b"}", member("UnprocessedKeys", unprocessed)]
    if accounting.wants_capacity(request):
        tallies = {name: each.tally for name, each in found.items()}
        parts.append(accounting.consumed_by_table(request, tallies))
    return answer(parts)


def _drafts(requests: Mapping[str, Sequence[Input]]) -> dict[str, list[tuple[Draft, Input]]]:
    """Check all that can be checked without the tables."""
    if sum(map(len, requests.values())) > batch_write_requests_max:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    return {
        name: [(_draft(name, request), request) for request in own]
        for name, own in requests.items()
    }


def _draft(name: str, request: Input) -> Draft:
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    if put is not None and delete is not None:
        raise ValidationException(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        )
    if put is not None:
        return draft_put({"TableName": name, "Item": put["Item"]})
    if delete is not None:
        return Draft(name, items.normalise(delete["Key"])[0], Delete())
    raise ValidationException(
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
    )


def _check_key(draft: Draft, names: Sequence[str]) -> None:
    """In a batch a put without its key is told what a removal is."""
    if isinstance(draft.action, Put) and any(name not in draft.attributes for name in names):
        raise ValidationException("The provided key element does not match the schema")


def _check_distinct(identities: Iterable[Any]) -> None:
    seen = list(identities)
    if len(set(seen)) != len(seen):
        raise ValidationException(_DUPLICATES)
