"""Time to live: when items expire, and the entries that tell which expire next.

An item expires at the epoch second that the time to live attribute holds: a number, at the top
level, fractions cut. Any other value means never, and so does a time more than five years ago.

While a table has time to live, every item that has a time has an expiry entry too, with the key
`e <table> <seconds> <the item's key>` and no value: in the order of time, so that whoever deletes
what has expired reads nothing else. The write path moves an item's entry in the commit that changes
its time; so entries and items never disagree.

Texts: API Reference, "UpdateTimeToLive", and observed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from headwater.errors import ResourceInUseException, ValidationException
from headwater.limits import expiry_age_seconds_max, expiry_foresight_seconds
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.tables.schema import Table, TableStatus, TimeToLive, TimeToLiveStatus
from headwater.values import codec
from headwater.values.item import Item

WAKING_TOPIC: Final = keyspace.every_expiry_span()[0]
"""Woken when something may expire sooner than whoever deletes what has expired looks again."""

_SECONDS_BYTES: Final = 8
_DIGITS_MAX: Final = 18
_FORESIGHT_US: Final = int(expiry_foresight_seconds * 1e6)


def seconds_of(attribute: str, stored: bytes | None, item: Item | None) -> int | None:
    """When an item expires, in epoch seconds; None for never.

    item: what `stored` decodes to, for callers who have it; else it is decoded only if it must be.
    """
    if item is None:
        if stored is None or _beginning(attribute) not in stored:
            return None
        item = codec.decode(stored)
    value = item.get(attribute)
    text = None if value is None else value.get("N")
    if text is None:
        return None
    whole = text.partition(".")[0]
    return int(whole) if whole.isdigit() and len(whole) <= _DIGITS_MAX else None


def is_expired(table: Table, stored: bytes, now: int) -> bool:
    """Whether a stored item is to be deleted; now: epoch seconds."""
    if table.expiry_attribute is None:
        return False
    seconds = seconds_of(table.expiry_attribute, stored, None)
    return seconds is not None and oldest(now) <= seconds <= now


def oldest(now: int) -> int:
    """The earliest time that is not too old to be meant."""
    return max(0, now - expiry_age_seconds_max)


def move_entry(
    view: View, table: Table, item_key: bytes, times: tuple[int | None, int | None], now_us: int
) -> None:
    """Follow an item's time by its expiry entry, where a change of the item has changed it.

    item_key: where the item is stored. times: before and after the change. now_us: microseconds
    since the epoch.
    """
    before, after = times
    if before == after:
        return
    if before is not None:
        view.delete(entry_key(table, before, item_key))
    if after is not None:
        view.put(entry_key(table, after, item_key), b"")
        if after * 1_000_000 <= now_us + _FORESIGHT_US:
            view.wake(WAKING_TOPIC)


def entry_key(table: Table, seconds: int, item_key: bytes = b"") -> bytes:
    """The key of an item's expiry entry; without an item, where entries of that second begin."""
    second = seconds.to_bytes(_SECONDS_BYTES, "big")
    return table.expiries_prefix + second + item_key[len(table.items_prefix) :]


def seconds_of_entry(table: Table, entry: bytes) -> int:
    """The epoch second in an expiry entry's key."""
    at = len(table.expiries_prefix)
    return int.from_bytes(entry[at : at + _SECONDS_BYTES], "big")


def item_key(table: Table, entry: bytes) -> bytes:
    """Where the item of an expiry entry is stored."""
    return table.items_prefix + entry[len(table.expiries_prefix) + _SECONDS_BYTES :]


def switched(view: View, table: Table, attribute: str, *, is_on: bool) -> Table:
    """The table with time to live ENABLING or DISABLING, as UpdateTimeToLive asks.

    A step of a commit's work. Raises ServiceError with AWS's texts where it cannot be.
    """
    if table.status in (TableStatus.CREATING, TableStatus.DELETING):
        raise ResourceInUseException(
            "Attempt to change a resource which is still in use: Table is being "
            f"{'created' if table.status is TableStatus.CREATING else 'deleted'}: {table.name}"
        )
    _check_switch(table.time_to_live, attribute, is_on=is_on)
    status = TimeToLiveStatus.ENABLING if is_on else TimeToLiveStatus.DISABLING
    if is_on:
        view.put(table.expiries_prefix, table.key)
    return table.changed(time_to_live=TimeToLive(attribute, status))


def _check_switch(present: TimeToLive | None, attribute: str, *, is_on: bool) -> None:
    if present is None:
        if not is_on:
            raise ValidationException("TimeToLive is already disabled")
        return
    if present.status is not TimeToLiveStatus.ENABLED:
        raise ValidationException(
            "Time to live has been modified multiple times within a fixed interval"
        )
    if present.attribute != attribute:
        raise ValidationException(
            "TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{present.attribute}"
        )
    if is_on:
        raise ValidationException("TimeToLive is already enabled")


@lru_cache(maxsize=1024)
def _beginning(attribute: str) -> bytes:
    """What stands in every stored item that has a number of this name, at whatever level."""
    return orjson.dumps(attribute) + b':{"N":'
