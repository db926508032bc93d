"""Which write an item of a global table is of: its time and its region, kept beside the item.

Grammar of the stored bytes, under the item's key with another first byte:

    version = time region
    time    = 8 bytes, microseconds since the epoch, big-endian
    region  = UTF-8, where the write was made

The version of a deleted item stays: it is the tombstone that keeps an older write, which arrives
later, from bringing the item back. An item from before its table was global has no stored version;
it counts as written at the beginning of time. Tables that are not global have none of this.

Pure. Versions of different writes differ and are ordered by time, then by region, so whoever
compares two comes to the same result.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from headwater.tables.schema import Table

_TIME_BYTES: Final = 8


class Version(NamedTuple):
    """A write: when it was made, in microseconds since the epoch, and in which region."""

    time_us: int
    region: str


def key_of(table: Table, item_key: bytes) -> bytes:
    """Where the version is kept of the item that is stored under a key."""
    return table.versions_prefix + item_key[len(table.items_prefix) :]


def item_key_of(table: Table, key: bytes) -> bytes:
    """Where the item is stored whose version is kept under a key."""
    return table.items_prefix + key[len(table.versions_prefix) :]


def following(stored: bytes | None, now_us: int, region: str) -> Version:
    """The version of a write that is made now over the version stored: always a later one."""
    earliest = 0 if stored is None else decode(stored).time_us + 1
    return Version(max(now_us, earliest), region)


def present(stored: bytes | None, *, has_item: bool, region: str) -> Version | None:
    """The version of what a region has under a key; None if it never had anything there."""
    if stored is not None:
        return decode(stored)
    return Version(0, region) if has_item else None


def encode(version: Version) -> bytes:
    return version.time_us.to_bytes(_TIME_BYTES, "big") + version.region.encode()


def decode(stored: bytes) -> Version:
    region = stored[_TIME_BYTES:].decode()
    return Version(int.from_bytes(stored[:_TIME_BYTES], "big"), region)
