"""A lease as an item of the lease table; the attributes are listed in lease_table.py. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.consumer import position as positions
from headwater.consumer.lease import Lease

_START: Final = "start "


def start_key(stream_arn: str) -> str:
    """The key of the item that says where the consumer began with a stream."""
    return f"{_START}{stream_arn}"


def decode(item: Mapping[str, Any]) -> Lease:
    """A lease from its item. Raises KeyError or ValueError if it is none."""

    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    return Lease(
        item["leaseKey"]["S"],
        text("parentShardId"),
        positions.parse(item["checkpoint"]["S"]),
        int(item["leaseCounter"]["N"]),
        text("leaseOwner"),
        text("promisedOwner"),
    )
