"""ExecuteStatement: one PartiQL statement.

A SELECT of a whole key is a look-up, any other reads as `tables/statement.py` plans it. A write
becomes the draft of a classic one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from headwater.api import accounting, next_token
from headwater.api.answer import answer, member
from headwater.api.binding import Input
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.statement_request import (
    Asked,
    asked,
    point_of,
    read_only,
    returned,
    write_of,
)
from headwater.errors import ValidationException
from headwater.expressions import condition
from headwater.expressions.partiql.columns import columns_of
from headwater.expressions.partiql.literals import Values
from headwater.expressions.partiql.syntax import Exists, Select
from headwater.tables import read
from headwater.tables.capacity import Tally, read_units, tally_of_write
from headwater.tables.page import Page, Reading, read_pages
from headwater.tables.read import Source, Stretch
from headwater.tables.schema import Table
from headwater.tables.statement import ReadPlan, read_plan
from headwater.values import codec

_FILTER: Final = "FilterExpression"


class Statements:
    """The handler of single statements."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine
        self._writer = services.writer
        self._clock = services.clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {("dynamodb", "ExecuteStatement"): self.execute_statement}

    async def execute_statement(self, call: Call) -> Reply:
        statement = asked(call.input)
        if isinstance(statement.body, Select):
            return await self._read(call, statement, statement.body)
        if isinstance(statement.body, Exists):
            raise ValidationException("EXISTS is supported in ExecuteTransaction only")
        return await self._write(call, statement)

    async def _write(self, call: Call, statement: Asked) -> Reply:
        request = call.input
        for name in ("Limit", "NextToken"):
            if name in request:
                raise read_only(name)
        table = await self._tables.table(call.region, statement.table_name)
        write = write_of(statement, table)
        effect = await self._writer.write(write, int(self._clock.now() * 1_000_000))
        item = returned(statement.body, effect)
        members = [_items([] if item is None else [item])]
        if accounting.wants_capacity(request):
            members.append(_capacity(request, statement.table_name, tally_of_write(effect)))
        return answer(members)

    async def _read(self, call: Call, statement: Asked, select: Select) -> Reply:
        table = await self._tables.table(call.region, select.table)
        point = None if "NextToken" in call.input else point_of(statement, table)
        if point is None:
            return await self._select(call.input, _place(call.input, select, table), statement)
        (stored,) = await self._engine.get([point.stored_key])
        item = point.found(stored)
        members = [_items([] if item is None else [item])]
        size = 0 if stored is None else codec.size(stored)
        tally = Tally()
        tally.add(None, read_units(size, is_consistent=statement.is_consistent))
        if self._meters is not None:
            self._meters.take_read(table, tally)
        if accounting.wants_capacity(call.input):
            members.append(_capacity(call.input, select.table, tally))
        return answer(members)

    async def _select(self, request: Input, place: Source, statement: Asked) -> Reply:
        """One page of a SELECT that may give any number of items."""
        select, values = statement.body, statement.values
        assert isinstance(select, Select), "only a SELECT has pages"
        if select.where is not None:  # for what it checks of any condition
            condition.bind(select.where, values, _FILTER)
        plan = read_plan(select, place, values)
        reading = _reading(request, select, place, plan, values)
        stretches = _stretches(request, place, plan)
        if self._meters is not None:
            self._meters.check_read(place.table, place.index)
        page = await read_pages(self._engine, reading, stretches)
        if self._meters is not None:
            self._meters.count_read(place.table, accounting.tally_of_page(request, place, page))
        members = [_items(page.items), *_continuation(request, place, plan, page)]
        if accounting.wants_capacity(request):
            members.append(
                _capacity(request, select.table, accounting.tally_of_page(request, place, page))
            )
        return answer(members)


def _place(request: Input, select: Select, table: Table) -> Source:
    place = read.source(table, select.index)
    if place.is_global and request.get("ConsistentRead"):
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return place


def _items(items: Sequence[bytes]) -> bytes:
    return b'"Items":[' + b",".join(items) + b"]"


def _capacity(request: Input, name: str, tally: Tally) -> bytes:
    return member("ConsumedCapacity", accounting.consumed_capacity(request, name, tally))


def _stretches(request: Input, place: Source, plan: ReadPlan) -> Sequence[Stretch]:
    """What this page is to read: all of the plan, or what an earlier page has left of it."""
    token = request.get("NextToken")
    if token is None:
        return plan.stretches
    stretches = plan.after(next_token.position_of(token, place, request))
    if stretches is None:
        raise next_token.mismatch()
    return stretches


def _continuation(request: Input, place: Source, plan: ReadPlan, page: Page) -> list[bytes]:
    """NextToken and LastEvaluatedKey, if the page has left anything."""
    last_key = page.last_key(place)
    if last_key is None:
        return []
    position = read.start_position(place, last_key)
    if not plan.after(position):
        return []
    token = next_token.token_after(position, place, request)
    return [member("NextToken", token), member("LastEvaluatedKey", last_key)]


def _reading(
    request: Input, select: Select, place: Source, plan: ReadPlan, values: Values
) -> Reading:
    limits = [limit for limit in (request.get("Limit"), plan.page_items) if limit is not None]
    return Reading(
        place,
        plan.stretches[0],
        min(limits, default=None),
        None if plan.filter is None else condition.bind(plan.filter, values, _FILTER),
        None if select.paths is None else columns_of(select.paths),
        fetches_items=_fetches_items(select, place, plan, values),
    )


def _fetches_items(select: Select, place: Source, plan: ReadPlan, values: Values) -> bool:
    """Whether more is wanted than the index holds: a local one has it fetched from the table.

    Raises ValidationException for a global index, which cannot.
    """
    projected = place.projected()
    if projected is None or place.index is None:
        return False
    named = set() if select.paths is None else columns_of(select.paths).top_level_attributes()
    if place.is_global:
        missing = sorted(named - projected)
        if missing:
            raise ValidationException(
                "One or more parameter values were invalid: Global secondary index "
                f"{place.index.name} does not project [{', '.join(missing)}]"
            )
        return False
    if plan.filter is not None:
        named |= condition.bind(plan.filter, values, _FILTER).top_level_attributes()
    return not named <= projected
