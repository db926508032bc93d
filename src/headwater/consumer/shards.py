"""The shards of a stream: listed, and which of them can be read. Parents come before children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from headwater.consumer.api import INVALID, Api, CallFailed, Services
from headwater.consumer.events import BackedOff, Observer
from headwater.consumer.policy import back_off
from headwater.consumer.settings import ReadSettings

_DISABLED: Final = "DISABLED"


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as DescribeStream tells of it; parent: perhaps one that is trimmed away."""

    shard_id: str
    parent: str | None
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A stream's shards, parents first, and whether it is disabled: no shard will follow."""

    shards: Sequence[Shard]
    is_disabled: bool


async def list_shards(streams: Api, arn: str) -> Listing:
    """Every shard of a stream, page by page; raises CallFailed."""
    request: dict[str, Any] = {"StreamArn": arn}
    shards: list[Shard] = []
    while True:
        page = (await streams.call("DescribeStream", request))["StreamDescription"]
        shards += map(_shard, page["Shards"])
        if "LastEvaluatedShardId" not in page:
            return Listing(parents_first(shards), page["StreamStatus"] == _DISABLED)
        request["ExclusiveStartShardId"] = page["LastEvaluatedShardId"]


async def list_patiently(
    services: Services, settings: ReadSettings, arn: str, observe: Observer
) -> Listing:
    """Every shard of a stream, asked for again while waiting may help; raises CallFailed."""
    failures = 0
    while True:
        try:
            return await list_shards(services.streams, arn)
        except CallFailed as error:
            if not error.is_transient:
                raise
            failures += 1
            seconds = back_off(settings, failures, services.chance)
            observe(BackedOff(arn, error.code, seconds))
            await services.clock.sleep(seconds)


async def children_of(streams: Api, arn: str, shard_id: str) -> list[Shard] | None:
    """The children of a shard, or None where the service does not know how to tell them alone."""
    chosen = {"Type": "CHILD_SHARDS", "ShardId": shard_id}
    request: dict[str, Any] = {"StreamArn": arn, "ShardFilter": chosen}
    found: list[Shard] = []
    while True:
        try:
            page = (await streams.call("DescribeStream", request))["StreamDescription"]
        except CallFailed as error:
            if error.code in INVALID:
                return None
            raise
        found += map(_shard, page["Shards"])
        if "LastEvaluatedShardId" not in page:
            return [shard for shard in found if shard.parent == shard_id]
        request["ExclusiveStartShardId"] = page["LastEvaluatedShardId"]


def _shard(described: Mapping[str, Any]) -> Shard:
    return Shard(
        described["ShardId"],
        described.get("ParentShardId"),
        "EndingSequenceNumber" in described["SequenceNumberRange"],
    )


def parents_first(shards: Iterable[Shard]) -> list[Shard]:
    """The shards in an order in which no child comes before its parent.

    Ids begin with the time of opening, but those of one millisecond are in any order.
    """
    by_id = {shard.shard_id: shard for shard in shards}
    ordered: dict[str, Shard] = {}
    for shard in by_id.values():
        line: list[Shard] = []
        each: Shard | None = shard
        while each is not None and each.shard_id not in ordered:
            line.append(each)
            each = by_id.get(each.parent) if each.parent is not None else None
        ordered.update((one.shard_id, one) for one in reversed(line))
    return list(ordered.values())


def readable(parents: Mapping[str, str | None], finished: AbstractSet[str]) -> list[str]:
    """The shards that are not finished and whose parents are, or are not there any more.

    parents: of every shard there is.
    """
    return [
        shard_id
        for shard_id, parent in parents.items()
        if shard_id not in finished
        if parent is None or parent not in parents or parent in finished
    ]
