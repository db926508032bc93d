"""Where a consumer outside the server stands, told from the items of its lease table. Pure.

Two formats are known, and told apart item by item: that of `headwater.consumer`, whose items name
their stream's ARN, and that of the Kinesis Client Library of every version, whose items do not:

    leaseKey        S   the shard; of a consumer of several streams the shard's and its stream's
    shardId         S   the shard, where the key is more than that
    streamName      S   of a consumer of several streams: `region$account$table$label`
    leaseOwner      S   who reads the shard
    checkpoint      S   TRIM_HORIZON, LATEST, AT_TIMESTAMP, SHARD_END or the last number dealt with
    entityType      S   LEASE, or nothing; other rows are none

A shard without a lease has been left behind if a shard after it has one: the libraries lease a
child once its parent is read, and delete the leases of what is read to its end. Else it is still to
be read, from where the consumer began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headwater.consumer import lease_item
from headwater.consumer import position as positions
from headwater.consumer.position import (
    LATEST,
    TRIM_HORIZON,
    After,
    AtTimestamp,
    Latest,
    Position,
    ShardEnd,
    TrimHorizon,
)
from headwater.storage.keyspace import SequenceNumber
from headwater.streams.shard import Shard, parse_sequence
from headwater.values.item import Item

_NAMES: Final[Mapping[str, Position]] = {
    "TRIM_HORIZON": TRIM_HORIZON,
    "LATEST": LATEST,
    # Which time it is stands in the library's settings alone: everything may have to be read.
    "AT_TIMESTAMP": TRIM_HORIZON,
    "SHARD_END": positions.SHARD_END,
}


@dataclass(frozen=True, slots=True)
class Held:
    """A shard's lease: how far it is read, and who reads it."""

    position: Position
    owner: str | None


@dataclass(frozen=True, slots=True)
class Leases:
    """All leases of a stream by shard. start: where shards without one are read from."""

    held: Mapping[str, Held]
    start: Position = TRIM_HORIZON

    def lease_of(self, shard: Shard, shards: Sequence[Shard]) -> Held | None:
        """A shard's lease; None if it has none yet. shards: of the stream."""
        held = self.held.get(shard.shard_id)
        if held is None and self._is_behind(shard, shards):
            return Held(positions.SHARD_END, None)
        return held

    def _is_behind(self, shard: Shard, shards: Sequence[Shard]) -> bool:
        """Whether a shard that came of this one has a lease."""
        line = {shard.shard_id}
        while grown := {each.shard_id for each in shards if line & {*each.parents}} - line:
            if grown & self.held.keys():
                return True
            line |= grown
        return False


def leases_of(items: Iterable[Item], stream_arn: str) -> Leases:
    """The leases of a stream among the items of a lease table; items of other kinds are passed."""
    held: dict[str, Held] = {}
    start: Position = TRIM_HORIZON
    for item in items:
        try:
            if _text(item, "leaseKey") == lease_item.start_key(stream_arn):
                start = positions.parse(item["checkpoint"]["S"])
            elif "streamArn" in item:
                if _text(item, "streamArn") == stream_arn and "leaseCounter" in item:
                    lease = lease_item.decode(item)
                    held[lease.shard_id] = Held(lease.position, lease.owner)
            elif _is_lease_of(item, stream_arn):
                shard_id = _text(item, "shardId") or _text(item, "leaseKey") or ""
                position = _position(item["checkpoint"]["S"])
                held[shard_id] = Held(position, _text(item, "leaseOwner"))
        except (KeyError, ValueError):
            continue  # whatever it is, it is no lease
    return Leases(held, start)


def has_passed(position: Position, number: int, time_us: int, registered_at: float) -> bool:
    """Whether a consumer at a position in a shard is behind a record of it.

    time_us: when the record was made. registered_at: epoch seconds; who is to begin with the latest
    record reads those that are made after it, as far as can be known.
    """
    match position:
        case ShardEnd():
            return True
        case After():
            passed = number_of(position)
            return passed is not None and passed >= number
        case AtTimestamp(seconds):
            return time_us < seconds * 1e6
        case Latest():
            return time_us < registered_at * 1e6
        case TrimHorizon():
            return False


def number_of(position: Position) -> SequenceNumber | None:
    """The number, as stored, of the record that a position is behind; None if it is no such."""
    if not isinstance(position, After):
        return None
    return SequenceNumber(parse_sequence(positions.sequence_text(position.number)))


def position_text(position: Position) -> str:
    """A position as a client reads it."""
    return "LATEST" if isinstance(position, Latest) else positions.text_of(position)


def _is_lease_of(item: Item, stream_arn: str) -> bool:
    """Whether a library's item is the lease of a shard of a stream."""
    kind, name = _text(item, "entityType"), _text(item, "streamName")
    if kind not in (None, "LEASE") or "leaseCounter" not in item:
        return False
    return name is None or _mangled(stream_arn) in name.split(":")


def _mangled(stream_arn: str) -> str:
    """A stream's ARN as the library's adapter has it for a name."""
    _, _, _, region, account, place = stream_arn.split(":", 5)
    _, table, _, label = place.split("/", 3)
    return f"{region}${account}${table}${label.replace(':', '_')}"


def _position(text: str) -> Position:
    return _NAMES.get(text) or After(int(text))


def _text(item: Item, name: str) -> str | None:
    value = item.get(name)
    return None if value is None else value.get("S")
