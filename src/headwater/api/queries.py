"""Query and Scan: pages of a table's items or an index's entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater.api import accounting
from headwater.api.answer import answer, member
from headwater.api.binding import (
    Bound,
    Input,
    bind,
    bind_but_keys,
    bind_keys,
    placeholders_of,
)
from headwater.api.item_services import ItemServices
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import INVALID, ValidationException
from headwater.tables import read
from headwater.tables.page import Reading, read_page
from headwater.tables.read import Source, Stretch
from headwater.values import item as items
from headwater.values.item import Item

_KEY_CONDITIONS: Final = frozenset({"KeyConditionExpression", "KeyConditions"})
_PROJECTIONS: Final = ("ProjectionExpression", "AttributesToGet")


class Queries:
    """The handlers of Query and Scan."""

    def __init__(self, services: ItemServices) -> None:
        self._meters = services.meters
        self._tables = services.tables
        self._engine = services.engine

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {("dynamodb", "Query"): self.query, ("dynamodb", "Scan"): self.scan}

    async def query(self, call: Call) -> Reply:
        request = call.input
        placeholders = placeholders_of(request)
        start_key = _start_key(request)
        if placeholders is None or _KEY_CONDITIONS.isdisjoint(request):
            raise ValidationException(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified "
                "in the request."
            )
        bound = bind_but_keys(request, placeholders)
        _check_select(request)
        place = await self._place(call)
        wanted = bind_keys(request, bound, placeholders, place)
        _check_filters_no_key(request, place, bound)
        reverse = not request.get("ScanIndexForward", True)
        stretch = read.query_stretch(place, wanted, reverse=reverse)
        if start_key is not None:
            stretch = read.resumed_query(place, wanted, stretch, start_key)
        return await self._answer(request, _reading(request, place, stretch, bound))

    async def scan(self, call: Call) -> Reply:
        request = call.input
        placeholders = placeholders_of(request)
        start_key = _start_key(request)
        segment, total = _segments(request)
        bound = bind(request, placeholders)
        _check_select(request)
        place = await self._place(call)
        stretch = read.segment_stretch(place, segment, total)
        if start_key is not None:
            segments = f"TotalSegments: {total} Segment: {segment}"
            stretch = read.resumed_scan(place, stretch, start_key, segments)
        return await self._answer(request, _reading(request, place, stretch, bound))

    async def _place(self, call: Call) -> Source:
        request = call.input
        table = await self._tables.table(call.region, request["TableName"])
        place = read.source(table, request.get("IndexName"))
        if place.is_global and request.get("ConsistentRead"):
            raise ValidationException(
                "Consistent reads are not supported on global secondary indexes"
            )
        return place

    async def _answer(self, request: Input, reading: Reading) -> Reply:
        place = reading.place
        if self._meters is not None:
            self._meters.check_read(place.table, place.index)
        page = await read_page(self._engine, reading)
        if self._meters is not None:
            self._meters.count_read(
                place.table, accounting.tally_of_page(request, reading.place, page)
            )
        counts = b'"Count":%d,"ScannedCount":%d' % (page.count, page.scanned_count)
        members = [counts]
        if not reading.is_count:
            members = [b'"Items":[' + b",".join(page.items) + b"]", counts]
        last_key = page.last_key(place)
        if last_key is not None:
            members.append(member("LastEvaluatedKey", last_key))
        if accounting.wants_capacity(request):
            tally = accounting.tally_of_page(request, reading.place, page)
            consumed = accounting.consumed_capacity(request, request["TableName"], tally)
            members.append(member("ConsumedCapacity", consumed))
        return answer(members)


def _start_key(request: Input) -> Item | None:
    given = request.get("ExclusiveStartKey")
    if given is None:
        return None
    try:
        start_key, _ = items.normalise(given)
    except ValidationException as error:
        raise ValidationException(
            f"The provided starting key is invalid: {error.message}"
        ) from error
    return start_key


def _segments(request: Input) -> tuple[int, int]:
    """Which segment to scan, of how many; the whole is one segment of one."""
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is None and total is None:
        return 0, 1
    if total is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request when "
            "Segment parameter is present"
        )
    if segment is None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        )
    if segment >= total:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment, total


def _check_select(request: Input) -> None:
    """Refuse a Select that does not go with the projection or the lack of an index."""
    select = request.get("Select")
    if select == "ALL_PROJECTED_ATTRIBUTES" and "IndexName" not in request:
        raise ValidationException(
            f"{INVALID}ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        )
    names = next((name for name in _PROJECTIONS if name in request), None)
    if names is None:
        if select == "SPECIFIC_ATTRIBUTES":
            raise ValidationException(
                f"{INVALID}Must specify the AttributesToGet or ProjectionExpression when choosing "
                "to get SPECIFIC_ATTRIBUTES"
            )
    elif select not in (None, "SPECIFIC_ATTRIBUTES"):
        what = "only the Count" if select == "COUNT" else select
        raise ValidationException(
            f"{INVALID}Cannot specify the {names} when choosing to get {what}"
        )


def _check_filters_no_key(request: Input, place: Source, bound: Bound) -> None:
    if bound.filter is None:
        return
    what = "QueryFilter" if "QueryFilter" in request else "Filter Expression"
    read.check_no_key(place.keys, bound.filter, what)


def _reading(request: Input, place: Source, stretch: Stretch, bound: Bound) -> Reading:
    return Reading(
        place,
        stretch,
        request.get("Limit"),
        bound.filter,
        bound.projection,
        request.get("Select") == "COUNT",
        _fetches_items(request, place, bound),
    )


def _fetches_items(request: Input, place: Source, bound: Bound) -> bool:
    """Whether more is wanted than the index holds: a local one has it fetched from the table.

    Raises ValidationException for a global index, which cannot.
    """
    projected = place.projected()
    if projected is None or place.index is None:
        return False
    wants_all = request.get("Select") == "ALL_ATTRIBUTES"
    named = set() if bound.projection is None else bound.projection.top_level_attributes()
    if not place.is_global:
        filtered = set() if bound.filter is None else bound.filter.top_level_attributes()
        return wants_all or not (named | filtered) <= projected
    if wants_all:
        raise ValidationException(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index "
            f"{place.index.name} because its projection type is not ALL"
        )
    missing = sorted(named - projected)
    if missing:
        raise ValidationException(
            f"{INVALID}Global secondary index {place.index.name} does not project "
            f"[{', '.join(missing)}]"
        )
    return False
