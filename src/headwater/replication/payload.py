"""Items on their way to a replica on another server, and their form on the wire.

    {Version, Name, From, To as in `message.py`,
     Items: [{Time: microseconds, Region, Item: wire JSON of the item}
             {Time: microseconds, Region, Place: base64}]}

An item without content is a deletion; its Place is the part of its storage key that is the same in
all replicas: nothing else is left of it. Where an item belongs is not taken from the peer but from
the item.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from headwater.errors import ValidationException
from headwater.limits import (
    item_bytes_max,
    partition_key_bytes_max,
    peer_items_max,
    peer_request_bytes_max,
    sort_key_bytes_max,
)
from headwater.replication.message import Address, address_form, malformed, read_region
from headwater.replication.receive import Arrival
from headwater.tables import keys
from headwater.tables.schema import Table
from headwater.tables.version import Version
from headwater.values import codec
from headwater.values import item as items
from headwater.values.order import HASH_BYTES, partition_hash, unescape

# Escaping doubles a key at most, and ends each part with two bytes.
_PLACE_BYTES_MAX: Final = HASH_BYTES + 2 * (partition_key_bytes_max + sort_key_bytes_max) + 4


def bodies(address: Address, arrivals: Sequence[Arrival]) -> Iterator[bytes]:
    """Requests that carry items: as few as their greatest length allows."""
    head = orjson.dumps(address_form(address))[:-1] + b',"Items":['
    gathered: list[bytes] = []
    size = 0
    for arrival in arrivals:
        form = _form(arrival)
        is_full = len(gathered) == peer_items_max or size + len(form) > peer_request_bytes_max
        if gathered and is_full:
            yield head + b",".join(gathered) + b"]}"
            gathered, size = [], 0
        gathered.append(form)
        size += len(form)
    if gathered:
        yield head + b",".join(gathered) + b"]}"


def read_items(body: Any, table: Table, latest_us: int) -> list[Arrival]:
    """The items of a request, for a table.

    latest_us: the latest moment a write can be of. Raises ValidationException.
    """
    given = body.get("Items")
    if not isinstance(given, list) or len(given) > peer_items_max:
        raise malformed(f"Items, a list of at most {peer_items_max}")
    return [_arrival(each, table, latest_us) for each in given]


def _form(arrival: Arrival) -> bytes:
    version = {"Time": arrival.version.time_us, "Region": arrival.version.region}
    if arrival.stored is None:
        place = b64encode(arrival.place).decode()
        return orjson.dumps({**version, "Place": place})
    return orjson.dumps(version)[:-1] + b',"Item":' + codec.body(arrival.stored) + b"}"


def _arrival(form: Any, table: Table, latest_us: int) -> Arrival:
    if not isinstance(form, dict):
        raise malformed("an item")
    version = _version(form, latest_us)
    if "Item" not in form:
        return Arrival(_place(form.get("Place"), table), None, version)
    item, size = items.normalise(form["Item"])
    if size > item_bytes_max:
        raise ValidationException("Item size has exceeded the maximum allowed size")
    place = keys.of_item(table, item).stored[len(table.items_prefix) :]
    return Arrival(place, codec.encode(item, size), version)


def _version(form: dict[str, Any], latest_us: int) -> Version:
    time_us = form.get("Time")
    if type(time_us) is not int or time_us < 0:
        raise malformed("an item's Time")
    if time_us > latest_us:
        raise ValidationException(
            "A write of a peer is from a time far ahead of this server's: it would win over all "
            "others. The servers' clocks must agree"
        )
    return Version(time_us, read_region(form.get("Region")))


def _place(given: Any, table: Table) -> bytes:
    """The place of a deletion, as sound as one that this table's keys are written to."""
    try:
        place = b64decode(given, validate=True)
        partition, at = unescape(place, HASH_BYTES)
        parts = [partition]
        while at < len(place):
            part, at = unescape(place, at)
            parts.append(part)
    except (Base64Error, TypeError, ValueError):
        raise malformed("an item's Place") from None
    is_sound = place[:HASH_BYTES] == partition_hash(partition) and all(parts)
    fits = len(parts) == len(table.keys.attributes()) and len(place) <= _PLACE_BYTES_MAX
    if not is_sound or not fits:
        raise malformed("an item's Place")
    return place
