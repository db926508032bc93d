"""What an export leaves out: its FilterSpecification, bound to the table. Pure.

A key condition names one partition key, so nothing of other partitions is read. What is left is
asked the filter, and of what passes the projection is written. A full export asks this of each
item; an incremental one of the latest image of each changed item, or of the old one where the item
is gone. Keys are always written whole. Source: Developer Guide, "Filtering a table export".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from headwater.expressions import condition, key_condition, parser, projection
from headwater.expressions.bind import Placeholders
from headwater.expressions.condition import Condition
from headwater.expressions.projection import Projection
from headwater.streams.entry import Image
from headwater.streams.shard import HashRange
from headwater.tables import read
from headwater.tables.past import Change
from headwater.tables.schema import Table
from headwater.values import item as items
from headwater.values.order import HASH_BYTES

_KEYS: Final = "KeyConditionExpression"
_FILTER: Final = "FilterExpression"
_PROJECTION: Final = "ProjectionExpression"


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which images an export shows, and what of them; None asks nothing.

    hashes: of the one partition key wanted. keys: the condition on keys.
    """

    hashes: HashRange | None = None
    keys: Condition | None = None
    filter: Condition | None = None
    projection: Projection | None = None

    def read_items(self, images: list[Image]) -> list[Image]:
        """The items the key condition lets be read: what an export is billed for."""
        keys = self.keys
        if keys is None:
            return images
        return [image for image in images if keys.matches(orjson.loads(image.body))]

    def read_changes(self, changes: list[Change]) -> list[Change]:
        """The same of changed items."""
        keys = self.keys
        if keys is None:
            return changes
        return [change for change in changes if keys.matches(orjson.loads(change.keys))]

    def shown_items(self, images: list[Image]) -> list[Image]:
        """What is written of items that are read."""
        return [self._projected(image) for image in images if self._passes(image)]

    def shown_changes(self, changes: list[Change]) -> list[Change]:
        """What is written of changes that are read."""
        return [
            replace(change, old=self._projected(change.old), new=self._projected(change.new))
            for change in changes
            if self._passes(change.new if change.new.body else change.old)
        ]

    def _passes(self, image: Image) -> bool:
        return self.filter is None or self.filter.matches(orjson.loads(image.body))

    def _projected(self, image: Image) -> Image:
        if self.projection is None or not image.body:
            return image
        part = self.projection.apply(orjson.loads(image.body))
        return Image(orjson.dumps(part, option=orjson.OPT_SORT_KEYS), items.size(part))


def bind(specification: Mapping[str, Any], table: Table) -> ExportFilter:
    """Bind a FilterSpecification that has passed the model's shapes.

    Raises ValidationException with the texts of Query and Scan.
    """
    placeholders = Placeholders(
        specification.get("ExpressionAttributeNames"),
        specification.get("ExpressionAttributeValues"),
    )
    is_present = not {_KEYS, _FILTER, _PROJECTION}.isdisjoint(specification)
    placeholders.check_expressions(present=is_present)
    hashes, keys = _keyed(specification.get(_KEYS), placeholders, table)
    filter_text, projected = specification.get(_FILTER), specification.get(_PROJECTION)
    filter_ = None if filter_text is None else condition.parse(filter_text, placeholders, _FILTER)
    if keys is not None and filter_ is not None:
        read.check_no_key(table.keys, filter_, "Filter Expression")
    bound = ExportFilter(
        hashes,
        keys,
        filter_,
        None if projected is None else projection.parse(projected, placeholders),
    )
    placeholders.check_all_used()
    return bound


def _keyed(
    text: str | None, placeholders: Placeholders, table: Table
) -> tuple[HashRange | None, Condition | None]:
    """The hashes of a key condition, and the same condition asked of an item."""
    if text is None:
        return None, None
    place = read.source(table, None)
    schema = (place.keys.partition_names(), place.keys.sort_names(), table.types)
    wanted = key_condition.parse(text, placeholders, *schema)
    start = read.query_stretch(place, wanted, reverse=False).start
    at = len(place.prefix)
    hashed = int.from_bytes(start[at : at + HASH_BYTES], "big")
    asked = condition.bind(parser.condition(text, _KEYS), placeholders, _KEYS)
    return HashRange(hashed, hashed), asked
