"""PutItem, GetItem, UpdateItem, DeleteItem: one item by its key.

From a checked request to a `Write` or a read, and from its effect to the answer. Stored items go
into answers as the bytes they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api import accounting
from headwater.api.answer import EMPTY, answer, member, projected
from headwater.api.binding import Input, bind, placeholders_of
from headwater.api.drafts import Draft, draft_delete, draft_put, draft_update, write_of
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import ValidationException
from headwater.expressions import update as updates
from headwater.tables import keys
from headwater.tables.capacity import Tally, read_units, tally_of_write
from headwater.tables.write import Effect, Write
from headwater.values import codec
from headwater.values import item as items


class Items:
    """The handlers of operations on one item."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine
        self._writer = services.writer
        self._clock = services.clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("dynamodb", "PutItem"): self.put_item,
            ("dynamodb", "GetItem"): self.get_item,
            ("dynamodb", "UpdateItem"): self.update_item,
            ("dynamodb", "DeleteItem"): self.delete_item,
        }

    async def get_item(self, call: Call) -> Reply:
        request = call.input
        placeholders = placeholders_of(request)
        wanted, _ = items.normalise(request["Key"])
        projection = bind(request, placeholders).projection
        table = await self._tables.table(call.region, request["TableName"])
        (stored,) = await self._engine.get([keys.of_key(table, wanted).stored])
        members = [] if stored is None else [b'"Item":' + projected(stored, projection)]
        if self._meters is not None:
            self._meters.take_read(table, _read_tally(request, stored))
        if accounting.wants_capacity(request):
            members.append(_capacity(request, _read_tally(request, stored)))
        return answer(members)

    async def put_item(self, call: Call) -> Reply:
        _check_returns_old_or_none(call.input)
        return await self._write(call, draft_put(call.input))

    async def update_item(self, call: Call) -> Reply:
        return await self._write(call, draft_update(call.input))

    async def delete_item(self, call: Call) -> Reply:
        _check_returns_old_or_none(call.input)
        return await self._write(call, draft_delete(call.input))

    async def _write(self, call: Call, draft: Draft) -> Reply:
        request = call.input
        table = await self._tables.table(call.region, draft.table_name)
        write = write_of(draft, table)
        effect = await self._writer.write(write, int(self._clock.now() * 1_000_000))
        members = []
        wanted = request.get("ReturnValues", "NONE")
        if wanted != "NONE":
            members += _attributes(wanted, effect)
        if accounting.wants_capacity(request):
            members.append(_capacity(request, tally_of_write(effect)))
        if accounting.wants_collections(request):
            members += await self._collection(write)
        return answer(members) if members else EMPTY

    async def _collection(self, write: Write) -> list[bytes]:
        metrics = await accounting.item_collection(self._engine, write.table, write.key)
        return [] if metrics is None else [member("ItemCollectionMetrics", metrics)]


def _check_returns_old_or_none(request: Input) -> None:
    if request.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE")


def _attributes(wanted: str, effect: Effect) -> list[bytes]:
    """`Attributes` as ReturnValues asks for them; no member where there are none."""
    if wanted == "ALL_OLD":
        return [] if effect.old is None else [_spliced(effect.old)]
    if wanted == "ALL_NEW":
        return [] if effect.new is None else [_spliced(effect.new)]
    touched: dict[str, Any] = {}
    if wanted == "UPDATED_OLD" and effect.old_item is not None:
        touched = updates.updated_old(effect.old_item, effect.touched)
    elif wanted == "UPDATED_NEW" and effect.new_item is not None:
        touched = updates.updated_new(effect.new_item, effect.touched)
    return [member("Attributes", touched)] if touched else []


def _spliced(stored: bytes) -> bytes:
    return b'"Attributes":' + codec.body(stored)


def _read_tally(request: Input, stored: bytes | None) -> Tally:
    tally = Tally()
    size = 0 if stored is None else codec.size(stored)
    tally.add(None, read_units(size, is_consistent=request.get("ConsistentRead", False)))
    return tally


def _capacity(request: Input, tally: Tally) -> bytes:
    consumed = accounting.consumed_capacity(request, request["TableName"], tally)
    return member("ConsumedCapacity", consumed)
